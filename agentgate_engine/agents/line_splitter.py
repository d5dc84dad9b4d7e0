"""Bytes of a log, in whatever pieces they come, as lines with their place in the log.

Lines end at `\\n` and nowhere else: agents put U+0085, U+2028 and lone carriage returns inside a line (agents.md 1.9).
"""

from __future__ import annotations

from dataclasses import dataclass

KEEP_DEFAULT = 64 << 20


@dataclass(frozen=True, slots=True)
class RawLine:
    """A line without its newline. `length` is that of the whole line; `data` is its beginning when too much to keep."""

    offset: int
    length: int
    data: bytes

    @property
    def raw(self) -> tuple[int, int]:
        """(offset, length) in the log: what `--raw` needs to find the bytes again."""
        return (self.offset, self.length)

    @property
    def is_whole(self) -> bool:
        return self.length == len(self.data)


class LineSplitter:
    """Splits one stream. Each byte is looked at once and copied at most twice, so any line costs linear time.

    At most `keep` bytes of a line are held: a process that prints a gigabyte without a newline must not take the engine
    along. The offsets stay right all the same.
    """

    def __init__(self, keep: int = KEEP_DEFAULT) -> None:
        self._keep = keep
        self._start = 0
        self._length = 0
        self._held = 0
        self._parts: list[bytes] = []

    def feed(self, chunk: bytes) -> list[RawLine]:
        """The lines that this chunk completes."""
        lines: list[RawLine] = []
        *ended, rest = chunk.split(b"\n")
        for piece in ended:
            self._add(piece)
            lines.append(self._close())
        self._add(rest)
        return lines

    def finish(self) -> RawLine | None:
        """What stands after the last newline, if anything does: a line that was cut short, or just not ended."""
        return self._close() if self._length else None

    def _add(self, piece: bytes) -> None:
        self._length += len(piece)
        room = self._keep - self._held
        if piece and room > 0:
            kept = piece[:room]
            self._parts.append(kept)
            self._held += len(kept)

    def _close(self) -> RawLine:
        line = RawLine(self._start, self._length, b"".join(self._parts))
        self._start += self._length + 1
        self._length = self._held = 0
        self._parts = []
        return line
