"""How much of the disk a directory takes, and how much deleting it would give back."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class DiskUsage:
    """Bytes on the disk. `shared` is the part of `total` in files that have another name outside as well (objects that
    a workspace links from its source): deleting this name frees nothing of it."""

    total: int = 0
    shared: int = 0

    @property
    def freed_by_deletion(self) -> int:
        """Bytes that the disk gets back."""
        return self.total - self.shared

    def __add__(self, other: DiskUsage) -> DiskUsage:
        return DiskUsage(self.total + other.total, self.shared + other.shared)


def disk_usage(path: Path) -> DiskUsage:
    """The usage of whatever stands at `path`; nothing there is zero. No link is followed, what cannot be read counts
    nothing, and a file with several names inside counts once."""
    links: dict[tuple[int, int], tuple[int, int, int]] = {}
    total = 0
    waiting = [path]
    while waiting:
        current = waiting.pop()
        try:
            status = current.lstat()
            names = os.listdir(current) if stat.S_ISDIR(status.st_mode) else []
        except OSError:
            continue
        size = status.st_blocks * 512
        if stat.S_ISDIR(status.st_mode) or status.st_nlink == 1:
            total += size
            waiting += [current / name for name in names]
        else:
            key = (status.st_dev, status.st_ino)
            seen = links.get(key, (0, 0, 0))[0]
            links[key] = (seen + 1, status.st_nlink, size)
    linked = sum(size for _, _, size in links.values())
    shared = sum(size for seen, names, size in links.values() if seen < names)
    return DiskUsage(total + linked, shared)
