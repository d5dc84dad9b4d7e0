"""A few lines of a raw log for people: masked, which the log itself is not, and bounded."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from agentgate_engine.errors import StoreError
from agentgate_engine.store.log_file import open_log
from agentgate_engine.store.masking import Masker

_LINE_BYTES = 16_384
_READ_BYTES = 1 << 20
"""As much of a line as is read at all: what is longer is passed over, so that a line of a gigabyte costs nothing."""
_TAIL_BYTES = 4 << 20
"""As far back from the end as is looked for the last lines."""
_NUMBERED_BYTES = 64 << 20
"""Lines are numbered from the start of the file, which has to be read for it: in logs longer than this it is not."""


def read_log_lines(path: Path, first: int, count: int) -> list[bytes]:
    """`count` lines of a file from line `first` (from 1) on, masked by this process's environment, then cut at 16 KiB.

    Empty when there is no such file, or it is none that can be read as one, or it ends before.
    """
    try:
        with os.fdopen(open_log(path), "rb") as file:
            for _ in range(first - 1):
                if not _line(file):
                    return []
            found = [line for _ in range(count) if (line := _line(file))]
    except (FileNotFoundError, StoreError):
        return []
    return _fit_to_show(found)


def read_last_lines(path: Path, count: int) -> tuple[int | None, list[bytes]]:
    """The last `count` lines of a file, as `read_log_lines` gives them, and the number of the first of them from 1.

    At most 4 MiB from the end are held; the number is None in a file too long to be counted. `(1, [])` without a file.
    """
    try:
        with os.fdopen(open_log(path), "rb") as file:
            size = file.seek(0, os.SEEK_END)
            start = file.seek(max(0, size - _TAIL_BYTES))
            tail = file.read(size - start)
            lines = _split(tail)
            kept = lines[max(0, len(lines) - count) :]
            begin = size - sum(map(len, kept))
            number = _newlines(file, begin) + 1 if size <= _NUMBERED_BYTES else None
    except (FileNotFoundError, StoreError):
        return 1, []
    return number, _fit_to_show(kept)


def _line(file: BinaryIO) -> bytes:
    """The next line, of which at most the first MiB is kept; empty at the end."""
    line = file.readline(_READ_BYTES)
    rest = line
    while rest and not rest.endswith(b"\n"):
        rest = file.readline(_READ_BYTES)
    return line


def _split(data: bytes) -> list[bytes]:
    parts = data.split(b"\n")
    return [part + b"\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def _newlines(file: BinaryIO, end: int) -> int:
    """How many lines end before the byte `end`."""
    file.seek(0)
    found = 0
    while end > 0 and (block := file.read(min(end, _READ_BYTES))):
        found += block.count(b"\n")
        end -= len(block)
    return found


def _fit_to_show(lines: Iterable[bytes]) -> list[bytes]:
    """Masked before they are cut: half a secret is known by no shape."""
    mask = Masker.from_environment(os.environ).mask
    return [mask(line.rstrip(b"\n").decode("utf-8", "replace")).encode()[:_LINE_BYTES] for line in lines]
