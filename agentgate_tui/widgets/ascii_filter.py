"""For terminals that have no UTF-8: every character beyond ASCII is drawn as one that stands for it."""

from __future__ import annotations

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from agentgate_engine.views import wording

_SHOWN = (
    wording.PASSED,
    wording.FAILED,
    wording.RUNNING,
    wording.WAITING,
    wording.WARNING,
    wording.CANCELED,
    wording.UNKNOWN,
)
_STANDS_FOR = {
    **{ord(shown.glyph): shown.ascii for shown in _SHOWN},
    **{ord(char): "-" for char in "─━╌▁▂▃▄╭╮╰╯▔🬂"},
    **{ord(char): "|" for char in "│┃▏▎▍▌▋▊▉▐▕"},
    **{ord(char): "#" for char in "█▓▒▅▆▇"},
    **{ord(char): '"' for char in "“”"},
    **{ord(char): "'" for char in "‘’"},
    ord("…"): "~",
    ord("⏎"): "/",
    ord("→"): ">",
    ord("░"): ".",
    ord("🔎"): "> ",
}


class AsciiFilter(LineFilter):
    """Keeps the width of a line: a character of two cells becomes two question marks, one of none disappears."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        if all(segment.text.isascii() for segment in segments):
            return segments
        return [
            segment if segment.control or segment.text.isascii() else Segment(_plain(segment.text), segment.style)
            for segment in segments
        ]


def _plain(text: str) -> str:
    shown = text.translate(_STANDS_FOR)
    return shown if shown.isascii() else "".join(c if c.isascii() else "?" * cell_len(c) for c in shown)


ASCII_FILTER = AsciiFilter()
"""The one instance: Textual remembers filtered lines by filter."""
