"""`LineIndex`: where the lines of a growing file begin, without reading it whole or remembering each of them."""

from __future__ import annotations

import os
import re
import stat
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

from agentgate_engine.errors import StoreError
from agentgate_engine.store.log_file import LogUnpacking

WINDOW = 65_536
"""Bytes counted as one; the index keeps one number for each."""

_NEWLINE = re.compile(b"\n")
_CACHED_WINDOWS = 8
_UNPACKED = (-1, -1)


class LineIndex:
    """The lines of one file, divided by ``\\n`` alone; a line is found by its number in about two window reads.

    What is remembered is how many newlines stand before each 64 KiB window, not where each line starts: 1 GB of log
    costs 128 KiB however short its lines are, and indexing is no more than counting. A file that shrank or was replaced
    is indexed anew and `generation` rises; a missing one is empty until it appears; a deleted one stays readable. One
    that was compressed since is unpacked on the way. Links and anything but regular files are refused, for an agent
    could have planted them: `problem` says so.

    Reads go through `pread` on one descriptor. No mmap: a map of a file that shrinks kills the process.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.generation = 0
        self.problem = ""
        """Why the file cannot be read, in words; empty while it can, or while it is merely not there yet."""
        self._file: FileIO | None = None
        self._identity: tuple[int, int] | None = None
        self._unpacking: LogUnpacking | None = None
        self._forget()

    def _forget(self) -> None:
        self.size = 0
        """Bytes indexed so far, which may be fewer than the file holds."""
        self.terminated = 0
        """Lines that ended with a newline, and so will not change."""
        self._tail = 0  # where the line after the last newline begins
        self._before = array("Q")
        self._offsets: dict[tuple[int, int], array[int]] = {}

    @property
    def count(self) -> int:
        """Lines indexed so far, one still being written included."""
        return self.terminated + (self.size > self._tail)

    def extend(self, max_bytes: int = 4_194_304) -> bool:
        """Index what the file grew by, at most about `max_bytes` of it. True if more is waiting.

        Costs about 0.5 ms a MiB from the page cache. Truncation is seen by size, replacement by inode; a file truncated
        and grown past its old size between two calls looks like one that only grew.
        """
        self._follow_path()
        more = self._unpack(max_bytes)
        if self._file is None:
            return False
        until = self.size + max_bytes
        while self.size < until:
            filled = self.size % WINDOW
            chunk = self._pread(WINDOW - filled, self.size)
            if not chunk:
                return more
            if not filled:
                self._before.append(self.terminated)
            newline = chunk.rfind(b"\n")
            if newline >= 0:
                self.terminated += chunk.count(b"\n")
                self._tail = self.size + newline + 1
            self.size += len(chunk)
            if filled + len(chunk) < WINDOW:
                return more
        return True

    def line_span(self, i: int) -> tuple[int, int]:
        """Offsets of the first byte of line `i` and of the byte after its last, newline excluded. Raises IndexError."""
        if not 0 <= i < self.count:
            raise IndexError(f"line {i} of {self.count} in {self.path}")
        start = self._newline_offset(i) + 1 if i else 0
        return start, (self._newline_offset(i + 1) if i < self.terminated else self.size)

    def read_line(self, i: int, limit: int = 16_384) -> bytes:
        """The first `limit` bytes of line `i`, without its newline. Raises IndexError past the last line."""
        start, end = self.line_span(i)
        return self._pread(min(limit, end - start), start)

    def pieces(self, first: int, last: int) -> Iterator[tuple[int, bytes]]:
        """Lines `first` to `last` (exclusive) as (number of the first line, bytes of some whole lines).

        A piece is at most two windows long: the last line of one is cut after 64 KiB, as nobody is shown more of it.
        """
        i = first
        while i < last:
            start = self.line_span(i)[0]
            window = start // WINDOW + 1
            newlines = self._before[window] if window < len(self._before) else self.terminated
            stop = max(i + 1, min(last, newlines + 1, self.count))
            last_start, last_end = self.line_span(stop - 1)
            yield i, self._pread(min(last_end, last_start + WINDOW) - start, start)
            i = stop

    def close(self) -> None:
        """Let go of the file; its lines then read as empty."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._unpacking is not None:
            self._unpacking.close()
            self._unpacking = None

    def _newline_offset(self, nth: int) -> int:
        """Where the `nth` newline of the file stands, counted from 1."""
        window = bisect_left(self._before, nth) - 1
        offsets = self._newlines_in(window)
        place = nth - self._before[window] - 1
        # A file that shrank since it was indexed has fewer; the next `extend` will see that.
        return window * WINDOW + offsets[place] if place < len(offsets) else self.size

    def _newlines_in(self, window: int) -> array[int]:
        filled = min(WINDOW, self.size - window * WINDOW)
        key = (window, filled)
        offsets = self._offsets.get(key)
        if offsets is None:
            data = self._pread(filled, window * WINDOW)
            offsets = array("H", [match.start() for match in _NEWLINE.finditer(data)])
            if len(self._offsets) >= _CACHED_WINDOWS:
                del self._offsets[next(iter(self._offsets))]
            self._offsets[key] = offsets
        return offsets

    def _follow_path(self) -> None:
        """Open the file when it appears, and start again when another one stands in its place or it shrank."""
        try:
            found = os.lstat(self.path)
        except OSError:
            if self._identity is None:
                self._begin_unpacking()
            return
        identity = (found.st_dev, found.st_ino)
        if identity == self._identity and found.st_size >= self.size:
            return
        self.close()
        if self._identity is not None:
            self.generation += 1
        self._forget()
        self._identity = identity
        self.problem = _refusal(found.st_mode)
        if self.problem:
            return
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            self.problem = f"cannot be opened: {error.strerror}"
            return
        opened = os.fstat(descriptor)  # asked again: it may have been swapped since
        self.problem = _refusal(opened.st_mode)
        if self.problem:
            os.close(descriptor)
            return
        self._identity = (opened.st_dev, opened.st_ino)
        self._file = FileIO(descriptor)

    def _begin_unpacking(self) -> None:
        """Read the compressed form of a file that is not there, if there is one."""
        try:
            self._unpacking = LogUnpacking.open(self.path)
        except FileNotFoundError:
            return
        except StoreError as error:
            self.problem = str(error)
        else:
            self._file = FileIO(os.dup(self._unpacking.descriptor))
        self._identity = _UNPACKED

    def _unpack(self, max_bytes: int) -> bool:
        """Unpack about as much as may be indexed. True if there is more to unpack."""
        for _ in range(0, max_bytes, WINDOW):
            if self._unpacking is None:
                return False
            more = False
            try:
                more = self._unpacking.advance(WINDOW)
            except StoreError as error:
                self.problem = str(error)
            if not more:
                self._unpacking.close()
                self._unpacking = None
        return self._unpacking is not None

    def _pread(self, length: int, offset: int) -> bytes:
        if self._file is None or length <= 0:
            return b""
        return os.pread(self._file.fileno(), length, offset)


def _refusal(mode: int) -> str:
    if stat.S_ISLNK(mode):
        return "is a link, which is not followed"
    return "" if stat.S_ISREG(mode) else "is not a regular file"
