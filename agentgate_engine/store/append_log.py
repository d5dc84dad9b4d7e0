"""An append-only file of JSON lines with one writer."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from agentgate_engine.errors import ParkRun


@dataclass
class AppendLog:
    """One `write` per line; on a short or failed write the file is cut back, so a reader never sees a torn middle.

    Opening cuts off a torn last line, which only a crash in the middle of a write can leave; `recovered_bytes` says how
    much. The caller holds the lock that makes it the one writer.
    """

    path: Path
    recovered_bytes: int
    _descriptor: int
    _length: int

    @classmethod
    def open(cls, path: Path) -> AppendLog:
        """Open or make the log (0600)."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        size = os.fstat(descriptor).st_size
        whole = _end_of_last_line(descriptor, size)
        if whole < size:
            os.ftruncate(descriptor, whole)
        return cls(path, size - whole, descriptor, whole)

    def append(self, line: bytes, *, sync: bool) -> None:
        """Append one line that ends in a newline; durable on return when `sync`.

        Raises:
            ParkRun: it could not be written or synced. Nothing of the line stays; do not try again on this log.
        """
        try:
            written = os.write(self._descriptor, line)
            if written != len(line):
                raise OSError(f"only {written} of {len(line)} bytes fit")
            if sync:
                os.fdatasync(self._descriptor)
            self._length += written
        except OSError as fault:
            try:
                os.ftruncate(self._descriptor, self._length)
            except OSError:
                pass
            raise ParkRun(
                f"cannot write {self.path}: {fault.strerror or fault}; free the disk, and it goes on"
            ) from fault

    def close(self) -> None:
        """Close the file. Twice is no error."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _end_of_last_line(descriptor: int, size: int) -> int:
    """The offset just behind the last newline."""
    end = size
    while end > 0:
        start = max(0, end - 65536)
        window = os.pread(descriptor, end - start, start)
        found = window.rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0
