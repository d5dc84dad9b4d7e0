"""How much memory and disk is free, and below how much nothing new is started (upstream.md L8).

Memory is what the kernel says is available, and what the control group of this process leaves, whichever is less.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from agentgate_engine.models.queue import StartWait

MIN_MEMORY_MB = 2048
MIN_MEMORY_SHARE = 0.25
"""On a small machine the floor is this share of its memory, or no order would ever start there."""

MIN_DISK_MB = 1024
_MB = 1 << 20


@dataclass(frozen=True, slots=True)
class Headroom:
    """What is free, in MB; None where it cannot be told, which holds nothing up."""

    memory_mb: int | None
    disk_mb: int | None
    total_memory_mb: int | None = None


@dataclass(frozen=True, slots=True)
class Floor:
    """Below this nothing new is started; 0 switches a limit off."""

    memory_mb: int
    disk_mb: int

    def shortage(self, free: Headroom) -> StartWait | None:
        """What there is too little of, or None."""
        for kind, have, need in (
            ("memory", free.memory_mb, self.memory_mb),
            ("disk", free.disk_mb, self.disk_mb),
        ):
            if have is not None and have < need:
                return StartWait("memory" if kind == "memory" else "disk", f"{have} MB free, {need} MB needed")
        return None


def default_memory_floor(total_mb: int | None) -> int:
    """2048 MB, or a quarter of a smaller machine."""
    return MIN_MEMORY_MB if total_mb is None else min(MIN_MEMORY_MB, int(total_mb * MIN_MEMORY_SHARE))


def measure(root: Path, proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> Headroom:
    """What is free now: memory of this machine or control group, and disk where `root` is."""
    total, available = _memory(proc / "meminfo")
    limit, left = _control_group(proc / "self" / "cgroup", cgroups)
    try:
        disk = os.statvfs(root)
        disk_mb = disk.f_bavail * disk.f_frsize // _MB
    except OSError:
        disk_mb = None
    return Headroom(_least(available, left), disk_mb, _least(total, limit))


def _least(*values: int | None) -> int | None:
    known = [value for value in values if value is not None]
    return min(known) if known else None


def _memory(path: Path) -> tuple[int | None, int | None]:
    """(total, available) in MB."""
    try:
        lines = [line.split() for line in path.read_text().splitlines()]
        found = {words[0].rstrip(":"): int(words[1]) // 1024 for words in lines if len(words) > 1}
    except (OSError, ValueError):
        return None, None
    return found.get("MemTotal"), found.get("MemAvailable")


def _control_group(membership: Path, cgroups: Path) -> tuple[int | None, int | None]:
    """(limit, left) in MB of the tightest control group (version 2) above this process. Cache that the kernel can drop
    counts as left."""
    try:
        own = next(line[3:].strip() for line in membership.read_text().splitlines() if line.startswith("0::"))
    except (OSError, StopIteration):
        return None, None
    limits, lefts = list[int](), list[int]()
    place = (cgroups / own.lstrip("/")).resolve()
    while place.is_relative_to(cgroups):
        try:
            limit = int((place / "memory.max").read_text())
            used = int((place / "memory.current").read_text())
            stat = dict(line.split() for line in (place / "memory.stat").read_text().splitlines())
            limits.append(limit // _MB)
            lefts.append(max(0, limit - used + int(stat.get("inactive_file", 0))) // _MB)
        except (OSError, ValueError):
            pass  # no limit here ("max"), or no memory controller
        if place == cgroups:
            break
        place = place.parent
    return _least(*limits), _least(*lefts)
