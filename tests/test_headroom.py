"""The floor under which nothing is started (upstream.md L8)."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentgate_engine.slots.headroom import Floor, Headroom, default_memory_floor, measure

MEMINFO = "MemTotal:        8388608 kB\nMemFree:          102400 kB\nMemAvailable:    4194304 kB\n"


def machine(tmp_path: Path, group: str = "/") -> tuple[Path, Path]:
    """A /proc and a /sys/fs/cgroup."""
    proc, cgroups = tmp_path / "proc", tmp_path / "cgroup"
    (proc / "self").mkdir(parents=True)
    cgroups.mkdir()
    (proc / "meminfo").write_text(MEMINFO)
    (proc / "self" / "cgroup").write_text(f"4:memory:/old\n0::{group}\n")
    return proc, cgroups


def limit(directory: Path, maximum: str, current: int, inactive_file: int = 0) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "memory.max").write_text(f"{maximum}\n")
    (directory / "memory.current").write_text(f"{current << 20}\n")
    (directory / "memory.stat").write_text(f"anon 5\ninactive_file {inactive_file << 20}\n")


def test_free_memory_is_what_the_kernel_says_is_available(tmp_path: Path) -> None:
    free = measure(tmp_path, *machine(tmp_path))
    assert (free.memory_mb, free.total_memory_mb) == (4096, 8192)
    assert free.disk_mb is not None
    assert free.disk_mb > 0


def test_the_tightest_control_group_counts_and_its_droppable_cache_is_free(tmp_path: Path) -> None:
    proc, cgroups = machine(tmp_path, "/slice/unit")
    limit(cgroups / "slice", str(2048 << 20), 1900, inactive_file=600)
    limit(cgroups / "slice" / "unit", "max", 100)
    free = measure(tmp_path, proc, cgroups)
    assert (free.memory_mb, free.total_memory_mb) == (748, 2048)


def test_a_control_group_that_points_elsewhere_is_not_followed(tmp_path: Path) -> None:
    proc, cgroups = machine(tmp_path, "/../../..")
    limit(tmp_path, str(1 << 20), 0)
    assert measure(tmp_path, proc, cgroups).memory_mb == 4096


def test_what_cannot_be_told_holds_nothing_up(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    free = measure(nowhere, nowhere, nowhere)
    assert free == Headroom(None, None, None)
    assert Floor(2048, 1024).shortage(free) is None


@pytest.mark.parametrize(("total", "expected"), [(None, 2048), (16_000, 2048), (8192, 2048), (2000, 500), (400, 100)])
def test_a_small_machine_has_a_lower_floor(total: int | None, expected: int) -> None:
    assert default_memory_floor(total) == expected


@pytest.mark.parametrize(
    ("memory", "disk", "words"),
    [
        (812, 5000, "memory: 812 MB free, 2048 MB needed"),
        (4096, 10, "disk: 10 MB free, 1024 MB needed"),
        (812, 10, "memory: 812 MB free, 2048 MB needed"),
        (2048, 1024, None),
    ],
)
def test_a_shortage_says_how_much_there_is_and_how_much_is_needed(memory: int, disk: int, words: str | None) -> None:
    """upstream.md L8: below the floor nothing starts and the reason is shown."""
    found = Floor(2048, 1024).shortage(Headroom(memory, disk))
    assert (found.words if found else None) == words


def test_a_floor_of_nothing_is_off() -> None:
    assert Floor(0, 0).shortage(Headroom(0, 0)) is None
