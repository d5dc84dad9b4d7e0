"""`FactList`: the numbered facts of a Why, wrapped to the width, with a cursor that moves from fact to fact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.strip import Strip

from agentgate_engine.views.safe_text import SafeText, cell_width, clip
from agentgate_engine.views.why_facts import Fact
from agentgate_tui.widgets.line_scroll import LineScroll, Told

MOST_ROWS = 3
"""Rows that one line of a fact may take; what does not fit is a key away."""


@dataclass(frozen=True, slots=True)
class FactRow:
    """A row as drawn: which fact it belongs to (from 0), its lead (number and name, or blanks) and its words."""

    fact: int
    lead: SafeText
    text: SafeText


def fact_rows(facts: Sequence[Fact], width: int) -> tuple[FactRow, ...]:
    """The rows of `facts` in `width` cells."""
    keys = max((cell_width(SafeText(fact.key)) for fact in facts), default=0)
    rows: list[FactRow] = []
    for i, fact in enumerate(facts):
        lead = f"{fact.number} {fact.key:<{keys}} "
        words = [piece for line in fact.lines for piece in _wrapped(line, width - len(lead))]
        for n, piece in enumerate(words or [SafeText("")]):
            rows.append(FactRow(i, SafeText(lead if n == 0 else " " * len(lead)), piece))
    return tuple(rows)


def _wrapped(text: SafeText, width: int) -> list[SafeText]:
    rows: list[SafeText] = []
    rest = text
    while len(rows) < MOST_ROWS - 1 and cell_width(rest) > width > 8:
        head = clip(rest, width, ellipsis="")
        at = head.rfind(" ")
        cut = at if at > width // 2 else len(head)
        rows.append(SafeText(rest[:cut]))
        rest = SafeText(rest[cut:].lstrip(" "))
    rows.append(clip(rest, max(1, width)))
    return rows


class FactList(LineScroll):
    """Facts with a cursor. Enter, a click on the fact under the cursor, or its digit goes to its evidence."""

    NAME = "fact-list"
    COMPONENT_CLASSES = {f"fact-list--{name}" for name in ("lead", "cursor", "suspect")}
    DEFAULT_CSS = """
    FactList > .fact-list--lead { color: $text-primary; text-style: bold; }
    FactList > .fact-list--cursor { text-style: bold; }
    FactList:focus > .fact-list--cursor { text-style: reverse; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "Go there", id="facts.choose"),
        Binding("j,down", "move(1)", "Next fact", id="facts.down", show=False),
        Binding("k,up", "move(-1)", "Fact before", id="facts.up", show=False),
    ]

    @dataclass
    class Chosen(Told):
        """A fact was chosen; the owner knows where `fact.goes_to` leads."""

        fact: Fact

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._facts: tuple[Fact, ...] = ()
        self._rows: tuple[FactRow, ...] = ()
        self._cursor = 0

    @property
    def facts(self) -> tuple[Fact, ...]:
        return self._facts

    @property
    def fact(self) -> Fact | None:
        """The fact under the cursor."""
        return self._facts[self._cursor] if self._facts else None

    def set_facts(self, facts: Sequence[Fact]) -> None:
        """Show these; the cursor stays on its number as far as there is one."""
        wanted = tuple(facts)
        if wanted == self._facts:
            return
        self._facts = wanted
        self._cursor = max(0, min(self._cursor, len(wanted) - 1))
        self._lay_out()

    def rows_in(self, width: int) -> int:
        """How many rows the facts take in a widget of `width` cells."""
        return len(fact_rows(self._facts, max(10, width - self.scrollbar_size_vertical - 2)))

    def on_resize(self) -> None:
        self._lay_out()

    def _lay_out(self) -> None:
        self._rows = fact_rows(self._facts, max(10, self.room - 2))
        self.virtual_size = Size(0, len(self._rows))
        self.refresh()

    def action_move(self, facts: int) -> None:
        self.go(self._cursor + facts)

    def go(self, i: int) -> None:
        """Put the cursor on fact `i`, counted from 0, and bring it into view."""
        self._cursor = max(0, min(i, len(self._facts) - 1))
        own = [y for y, row in enumerate(self._rows) if row.fact == self._cursor]
        if own:
            top, height = self.scroll_offset.y, self.size.height
            if own[0] < top:
                self.scroll_to_row(own[0])
            elif own[-1] >= top + height:
                self.scroll_to_row(own[-1] - height + 1)
        self.refresh()

    def action_choose(self) -> None:
        if self.fact is not None:
            self.post_message(self.Chosen(self, self.fact))

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        y = self.scroll_offset.y + offset.y if offset is not None else -1
        if 0 <= y < len(self._rows):
            here = self._rows[y].fact
            if here == self._cursor:
                self.action_choose()
            self.go(here)

    def render_line(self, y: int) -> Strip:
        y += self.scroll_offset.y
        width, base = self.size.width, self.rich_style
        if y >= len(self._rows):
            return Strip.blank(width, base)
        row = self._rows[y]
        under = row.fact == self._cursor
        sign = "> " if under and not row.lead.isspace() else "  "
        if under:
            segments = [Segment(sign + row.lead + row.text, self.style_of("cursor"))]
        else:
            segments = [Segment(sign, base), Segment(row.lead, self.style_of("lead")), Segment(row.text, base)]
        return Strip(segments).crop(0, self.room).extend_cell_length(width, base).simplify()
