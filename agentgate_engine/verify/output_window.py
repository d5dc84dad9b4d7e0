"""What is read of a command's output: its beginning and its end, in bounded memory, whatever the log's size.

Compilers print the cause first, test runners last. Lines keep their number in the whole log, counted by `\\n` alone, so
that a diagnostic leads to the same line in every view.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from agentgate_engine.store.atomic import open_regular

HEAD_BYTES = 128 * 1024
END_BYTES = 384 * 1024
TAIL_LINES = 50
TAIL_BYTES = 16 * 1024

_CHUNK = 256 * 1024
_MAX_LINE_CHARS = 4000


@dataclass(frozen=True, slots=True)
class OutputLine:
    """One line of a log; `number` counts from 1. Very long lines are clipped."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class OutputWindow:
    """The lines read, in order, and the end of the log as text (up to `END_BYTES`).

    `whole` is all of the log, unclipped, and empty when the window is too small for that.
    """

    lines: tuple[OutputLine, ...] = ()
    end: str = ""
    whole: str = ""


def tail_lines(text: str, max_lines: int = TAIL_LINES, max_bytes: int = TAIL_BYTES) -> str:
    """The last lines of `text` that fit both limits (UTF-8 bytes). A single line that does not fit keeps its end."""
    text = text.removesuffix("\n")
    kept: list[str] = []
    room = max_bytes
    for line in reversed(text.split("\n")[-max_lines:]):
        size = len(line.encode(errors="replace")) + 1
        if size > room:
            if not kept:
                kept.append(line.encode(errors="replace")[-max_bytes:].decode(errors="ignore"))
            break
        kept.append(line)
        room -= size
    return "\n".join(reversed(kept))


def read_window(path: Path, head_bytes: int = HEAD_BYTES, end_bytes: int = END_BYTES) -> OutputWindow:
    """Read a log. No log is an empty window: the command never started. Blocking; reads the file once, line counts too.

    Raises:
        StoreError: the name is taken by something that is no regular file.
    """
    try:
        descriptor = open_regular(path)
    except FileNotFoundError:
        return OutputWindow()
    with os.fdopen(descriptor, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size <= head_bytes + end_bytes:
            raw = file.read(head_bytes + end_bytes)
            text = raw.decode(errors="replace")
            return OutputWindow(_lines(raw, 1), text, text)
        head = file.read(head_bytes)
        newlines = head.count(b"\n")
        left = size - head_bytes - end_bytes
        while left > 0 and (chunk := file.read(min(_CHUNK, left))):
            newlines += chunk.count(b"\n")
            left -= len(chunk)
        end = file.read(end_bytes)
    return OutputWindow(_lines(head, 1) + _lines(end, newlines + 1), end.decode(errors="replace"))


def _lines(raw: bytes, first: int) -> tuple[OutputLine, ...]:
    pieces = raw.removesuffix(b"\n").split(b"\n") if raw else []
    return tuple(
        OutputLine(first + i, piece[: 4 * _MAX_LINE_CHARS].decode(errors="replace")[:_MAX_LINE_CHARS].rstrip("\r"))
        for i, piece in enumerate(pieces)
    )
