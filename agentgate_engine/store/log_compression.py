"""Compressing the logs of a run that has ended. Records and events stay as they are: they are small, and the truth."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

from agentgate_engine.store.atomic import open_regular, replacing, sync_directory
from agentgate_engine.store.layout import RunLayout
from agentgate_engine.store.log_file import compressed

LEVEL = 9
LEAST_BYTES = 4096
"""Shorter logs are left: a file takes a block of the disk in any case."""

_NAMES = ("processes/*/stdout.log", "processes/*/stderr.log", "transcript-*.jsonl")


class _Sink(Protocol):
    def write(self, data: bytes, /) -> int: ...


class _Counter:
    """Where bytes go that only have to be counted."""

    count = 0

    def write(self, data: bytes, /) -> int:
        self.count += len(data)
        return len(data)


class _File:
    """A descriptor as something to write to; every byte, or an error."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.count = 0

    def write(self, data: bytes, /) -> int:
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]
        self.count += len(data)
        return len(data)


def compressible(run: RunLayout) -> Iterator[Path]:
    """The logs of a run that are worth it: regular files of one name, long enough. Links are passed over."""
    for pattern in _NAMES:
        for path in sorted(run.directory.glob(pattern)):
            status = path.lstat()
            if stat.S_ISREG(status.st_mode) and status.st_nlink == 1 and status.st_size >= LEAST_BYTES:
                yield path


def saved_by_compressing(path: Path) -> int:
    """How many bytes `compress_log` would free; found out by doing it, into nowhere."""
    counter = _Counter()
    with os.fdopen(open_regular(path), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        _pack(file, counter, size)
    return size + _left_by_a_killed_one(path) - counter.count if counter.count < size else 0


def compress_log(path: Path) -> int:
    """Put the compressed form in the place of a log, keeping its time. Returns the bytes freed, 0 where it gains none.

    The caller is the only one who may change the run. Killed anywhere, it leaves the log, its compressed form or both.

    Raises:
        OSError: it could not be done; the log is as it was.
    """
    before = _left_by_a_killed_one(path)
    try:
        with os.fdopen(open_regular(path), "rb") as file, replacing(compressed(path)) as descriptor:
            status, sink = os.fstat(file.fileno()), _File(descriptor)
            _pack(file, sink, status.st_size)
            if sink.count >= status.st_size:
                raise _GainsNothing
            os.utime(descriptor, ns=(status.st_atime_ns, status.st_mtime_ns))
    except _GainsNothing:
        return 0
    path.unlink()
    sync_directory(path.parent)
    return status.st_size + before - sink.count


class _GainsNothing(Exception):
    """The compressed form is no smaller, and is thrown away."""


def _left_by_a_killed_one(path: Path) -> int:
    """The size of a compressed form beside the log, which is replaced."""
    try:
        return compressed(path).lstat().st_size
    except FileNotFoundError:
        return 0


def _pack(file: BinaryIO, sink: _Sink, size: int) -> None:
    """One frame that tells its size and holds a checksum; the same bytes for the same log."""
    import zstandard

    packer = zstandard.ZstdCompressor(level=LEVEL, write_content_size=True, write_checksum=True)
    packer.copy_stream(file, sink, size=size)  # pyright: ignore[reportArgumentType]
