"""The raw log of an agent, which the agent itself can reach: whatever it put in its place never holds the engine up."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agentgate_engine.errors import StoreError
from agentgate_engine.store.atomic import open_regular

CHUNK_BYTES = 256 * 1024

_MARK_BYTES = 100
"""What the mark of what was left out may take of the limit."""

_SECRET_BYTES = 4096
"""How far a secret may reach over a cut and still be seen whole."""


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

    No character is cut in two, and no secret: one that reaches over a cut is left out whole. Of a log that was replaced
    by something else, the text says so.
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
            return mask(_text(os.pread(descriptor, limit, 0))), size
        half = max(0, limit - _MARK_BYTES) // 2
        head, more_head = _halves(os.pread(descriptor, half + _SECRET_BYTES, 0), half)
        begin = max(0, size - half - _SECRET_BYTES)
        more_tail, tail = _halves(os.pread(descriptor, size - begin, begin), size - half - begin)
    finally:
        os.close(descriptor)
    left_out = size - len(head) - len(tail)
    kept_head, kept_tail = mask(_text(head)), mask(_text(tail))
    shown_head = _shared_start(kept_head, mask(_text(head + more_head)))
    shown_tail = _shared_start(kept_tail[::-1], mask(_text(more_tail + tail))[::-1])[::-1]
    left_out += len(kept_head.encode()) - len(shown_head.encode())
    left_out += len(kept_tail.encode()) - len(shown_tail.encode())
    return f"{shown_head}\n[TRUNCATED: {left_out} bytes left out, limit {limit} bytes]\n{shown_tail}", size


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")


def _shared_start(text: str, other: str) -> str:
    """All of `text`, unless a secret that goes on behind it was masked in `other`."""
    if other.startswith(text):
        return text
    shorter = min(len(text), len(other))
    return text[: next((at for at in range(shorter) if text[at] != other[at]), shorter)]


def _halves(raw: bytes, at: int) -> tuple[bytes, bytes]:
    """Cut at `at`, or up to three bytes before it, so that no UTF-8 character is divided."""
    for cut in range(at, max(-1, at - 4), -1):
        if cut >= len(raw) or raw[cut] & 0xC0 != 0x80:
            return raw[:cut], raw[cut:]
    return raw[:at], raw[at:]
