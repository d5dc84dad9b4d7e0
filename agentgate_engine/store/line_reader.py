"""Readers that follow a log of lines by offset."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from agentgate_engine.errors import StoreError
from agentgate_engine.store.log_file import open_log

_WINDOW = 1 << 20


@dataclass
class LineReader:
    """Gives each complete line of a growing file once, in order; a torn last line waits for its end.

    A file that is not there yet is empty. One that shrank (it was made again) is read from its start.
    """

    path: Path
    offset: int = 0
    _rest: bytes = field(default=b"", repr=False)

    @property
    def whole(self) -> int:
        """The offset behind the last complete line that was read."""
        return self.offset - len(self._rest)

    def read_new(self) -> Iterator[bytes]:
        """The lines that were completed since the last call, without their newline."""
        try:
            descriptor = open_log(self.path)
        except FileNotFoundError:
            return
        try:
            if os.fstat(descriptor).st_size < self.offset:
                self.offset, self._rest = 0, b""
            while chunk := os.pread(descriptor, _WINDOW, self.offset):
                self.offset += len(chunk)
                *lines, self._rest = (self._rest + chunk).split(b"\n")
                yield from lines
        finally:
            os.close(descriptor)


def read_lines(path: Path) -> list[bytes]:
    """Every complete line of a log; none when it is not there."""
    return list(LineReader(path).read_new())


def json_lines(path: Path) -> list[object]:
    """The documents of a log that holds one a line.

    Raises:
        StoreError: a line holds none; names it.
    """
    found: list[object] = []
    for number, line in enumerate(read_lines(path), 1):
        try:
            found.append(json.loads(line))
        except ValueError as fault:
            raise StoreError(f"{path}, line {number}, is no JSON: {fault}; see `agentgate doctor`") from None
    return found
