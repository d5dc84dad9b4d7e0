"""When a byte of stdout arrived, from the pairs that the shim writes (DESIGN 4)."""

from __future__ import annotations

import os
from array import array
from bisect import bisect_right
from pathlib import Path

from agentgate_engine.store.atomic import open_regular

_CHUNK = 1 << 16


class ArrivalTimes:
    """A reader of `stdout.times` that follows the file: lines `<epoch ms> <size>`, sizes growing.

    A pair says that all bytes below `size` were there at that time. Only whole lines are believed, and a line that is
    not a pair is passed over: a wrong time on display is no reason to lose a run.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / "stdout.times"
        self._read = 0
        self._rest = b""
        self._sizes = array("q")
        self._stamps_ms = array("q")

    def at(self, offset: int) -> float | None:
        """Epoch seconds at which the byte at `offset` was there; None if that is not recorded yet."""
        if not self._sizes or self._sizes[-1] <= offset:
            self._refresh()
        found = bisect_right(self._sizes, offset)
        return self._stamps_ms[found] / 1000 if found < len(self._sizes) else None

    def piece(self, begin: int, end: int) -> tuple[int, float | None]:
        """The bytes from `begin` that arrived together: where they end (at most `end`), and when that was."""
        arrived = self.at(begin)
        if arrived is None:
            return end, None
        return min(end, self._sizes[bisect_right(self._sizes, begin)]), arrived

    def _refresh(self) -> None:
        try:
            descriptor = open_regular(self._path)
        except FileNotFoundError:
            return
        try:
            while chunk := os.pread(descriptor, _CHUNK, self._read):
                self._read += len(chunk)
                *lines, self._rest = (self._rest + chunk).split(b"\n")
                for line in lines:
                    self._take(line)
        finally:
            os.close(descriptor)

    def _take(self, line: bytes) -> None:
        at_ms, _, size = line.partition(b" ")
        if at_ms.isdigit() and size.isdigit() and int(size) > (self._sizes[-1] if self._sizes else 0):
            self._stamps_ms.append(int(at_ms))
            self._sizes.append(int(size))
