"""How one line of a log is drawn: pure functions to a `Strip`, in as few segments as its styles allow.

A segment costs the wire a style and a reset, so a plain line, its gutter and its padding are one.
"""

from __future__ import annotations

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from agentgate_tui.widgets.log_source import LogLine, Needle

KINDS = frozenset({"error", "heading", "notice", "tool", "added", "removed"})
"""The kinds of line that are drawn differently from a plain one."""

HERE = ">"
GUTTER = {"error": "!", "heading": "=", "notice": "~", "tool": "$"}
"""The sign before a line of each kind, as colour alone means nothing; `added` and `removed` bring their own."""


def lead(line: LogLine, *, here: bool, number: str, with_prefix: bool) -> str:
    """What stands before the text and does not scroll sideways: a sign, the line's number, its prefix."""
    sign = HERE if here else GUTTER.get(line.kind, " ")
    prefix = f"{line.prefix} " if with_prefix and line.prefix else ""
    return f"{sign} {number}{prefix}"


def row(before: str, body: Strip, style: Style, left: int, room: int, width: int) -> Strip:
    """`width` cells: `before` and `body`, scrolled `left` cells aside, in the first `room` of them, then padding.

    The padding is drawn, for blanks of the line API do not inherit the background.
    """
    seen = body.crop(left, left + max(0, room - cell_len(before)))
    strip = Strip.join([Strip([Segment(before, style)]), seen]).crop(0, room)
    return strip.extend_cell_length(width, style).simplify()


def with_matches(text: str, style: Style, needle: Needle | None, match_style: Style) -> Strip:
    """`text` in `style`, every occurrence of `needle` in `match_style`."""
    segments: list[Segment] = []
    end = 0
    for match in needle.regex.finditer(text) if needle else ():
        segments += (Segment(text[end : match.start()], style), Segment(match[0], match_style))
        end = match.end()
    return Strip([*segments, Segment(text[end:], style)])


def with_selection(body: Strip, text: str, span: tuple[int, int], selection_style: Style) -> Strip:
    """`body`, which draws `text`, with the characters of `span` selected; an end of -1 is the end of the text."""
    first = cell_len(text[: max(0, span[0])])
    last = cell_len(text[: span[1]]) if span[1] >= 0 else body.cell_length
    inside = [Segment(words, (style or Style.null()) + selection_style) for words, style, _ in body.crop(first, last)]
    return Strip.join([body.crop(0, first), Strip(inside), body.crop(last)])
