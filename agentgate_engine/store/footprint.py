"""How many bytes of files something in the store holds, and how many of them deleting it would free."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

_Inode = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Footprint:
    """`own` bytes belong to it alone. `linked` are files with several names, most of them git objects that a workspace
    shares with the repository it came from: inode -> (names seen, names in all, bytes)."""

    own: int = 0
    linked: dict[_Inode, tuple[int, int, int]] = field(default_factory=dict[_Inode, tuple[int, int, int]])

    def __add__(self, other: Footprint) -> Footprint:
        linked = dict(self.linked)
        for inode, (seen, names, size) in other.linked.items():
            linked[inode] = (linked.get(inode, (0, 0, 0))[0] + seen, names, size)
        return Footprint(self.own + other.own, linked)

    @property
    def held(self) -> int:
        """All bytes in it, a file with several names counted once."""
        return self.own + sum(size for _, _, size in self.linked.values())

    @property
    def freed(self) -> int:
        """Bytes that the disk gets back when all of it goes: a file goes with the last of its names."""
        return self.own + sum(size for seen, names, size in self.linked.values() if seen >= names)


def footprint(*places: Path) -> Footprint:
    """What stands at these places; nothing there is nothing. No link is followed; the unreadable does not count."""
    own = 0
    linked: dict[_Inode, tuple[int, int, int]] = {}
    waiting = list(places)
    while waiting:
        current = waiting.pop()
        try:
            status = current.lstat()
            if stat.S_ISDIR(status.st_mode):
                waiting += [current / name for name in os.listdir(current)]
                continue
        except OSError:
            continue
        if status.st_nlink > 1:
            inode = (status.st_dev, status.st_ino)
            linked[inode] = (linked.get(inode, (0, 0, 0))[0] + 1, status.st_nlink, status.st_size)
        else:
            own += status.st_size
    return Footprint(own, linked)


def together(parts: Iterable[Footprint]) -> Footprint:
    """The footprint of all of them, in which a file that they share counts once."""
    own = 0
    linked: dict[_Inode, tuple[int, int, int]] = {}
    for part in parts:
        own += part.own
        for inode, (seen, names, size) in part.linked.items():
            linked[inode] = (linked.get(inode, (0, 0, 0))[0] + seen, names, size)
    return Footprint(own, linked)
