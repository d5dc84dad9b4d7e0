"""The raw log of an agent, which the agent itself can reach: whatever it put in its place never holds the engine up."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agentgate_engine.errors import StoreError
from agentgate_engine.store.atomic import open_regular

CHUNK_BYTES = 256 * 1024


@dataclass
class LogTail:
    """Reads a log that a process is still writing."""

    path: Path
    offset: int = 0

    def read(self, limit: int = CHUNK_BYTES) -> bytes:
        """The next bytes; empty when there are none yet.

        Raises:
            StoreError: something else than a regular file stands in its place.
        """
        try:
            descriptor = open_regular(self.path)
        except (FileNotFoundError, NotADirectoryError):
            return b""
        try:
            found = os.pread(descriptor, limit, self.offset)
        finally:
            os.close(descriptor)
        self.offset += len(found)
        return found


def head_and_tail(path: Path, limit: int, mask: Callable[[str], str]) -> tuple[str, int]:
    """A log within `limit` bytes, its head and its tail with a visible mark between, and its whole size.

    Of a log that was replaced by something else, the text says so.
    """
    try:
        descriptor = open_regular(path)
    except (FileNotFoundError, NotADirectoryError):
        return "", 0
    except StoreError as fault:
        return mask(f"[UNREADABLE: {fault}]"), 0
    try:
        size = os.fstat(descriptor).st_size
        if size <= limit:
            return mask(os.pread(descriptor, limit, 0).decode(errors="replace")), size
        half = max(0, limit - 100) // 2
        head = os.pread(descriptor, half, 0).decode(errors="ignore")
        tail = os.pread(descriptor, half, size - half).decode(errors="ignore")
        left_out = size - 2 * half
        return mask(f"{head}\n[TRUNCATED: {left_out} bytes left out, limit {limit} bytes]\n{tail}"), size
    finally:
        os.close(descriptor)
