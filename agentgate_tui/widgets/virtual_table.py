"""`VirtualTable`: rows drawn from immutable values, of which only those in view are ever asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip

from agentgate_engine.views.safe_text import SafeText
from agentgate_tui.widgets.line_scroll import LineScroll, Told
from agentgate_tui.widgets.table_layout import (
    Column,
    Placed,
    TableRow,
    header_text,
    place_columns,
    row_segments,
    row_text,
)

STYLES = ("passed", "failed", "running", "waiting", "warning", "stuck", "skipped", "unknown", "strong", "dim")
"""Names a `Cell` may carry as its style; each is a component class, so that a theme or a screen decides its colour."""

_HEADER = 1
_NEARBY = 200


class VirtualTable(LineScroll):
    """A list with a header, a cursor and columns that make room for each other.

    The cursor belongs to a key: whatever is inserted or reordered, it stays on its row, and while the reader has
    scrolled that row also stays where it is on the screen. A move of the cursor redraws two rows; new rows redraw those
    that differ.
    """

    NAME = "virtual-table"
    COMPONENT_CLASSES = {f"virtual-table--{name}" for name in (*STYLES, "header", "cursor", "empty")}
    DEFAULT_CSS = """
    VirtualTable > .virtual-table--header { color: $text-muted; text-style: bold; }
    VirtualTable > .virtual-table--cursor { text-style: bold; }
    VirtualTable:focus > .virtual-table--cursor { text-style: reverse; }
    VirtualTable > .virtual-table--empty { color: $text-muted; }
    VirtualTable > .virtual-table--passed { color: $text-success; }
    VirtualTable > .virtual-table--failed { color: $text-error; text-style: bold; }
    VirtualTable > .virtual-table--running { color: $text-primary; }
    VirtualTable > .virtual-table--waiting { color: $text-muted; }
    VirtualTable > .virtual-table--warning { color: $text-warning; text-style: underline; }
    VirtualTable > .virtual-table--stuck { color: $text-warning; text-style: reverse; }
    VirtualTable > .virtual-table--skipped { color: $text-muted; }
    VirtualTable > .virtual-table--unknown { text-style: reverse; }
    VirtualTable > .virtual-table--strong { text-style: bold; }
    VirtualTable > .virtual-table--dim { color: $text-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "Open", id="table.choose"),
        Binding("j,down", "rows(1)", "Down", id="table.down", show=False),
        Binding("k,up", "rows(-1)", "Up", id="table.up", show=False),
        Binding("g,home", "top", "First", id="table.top", show=False),
        Binding("G,end", "bottom", "Last", id="table.bottom", show=False),
        Binding("ctrl+d", "pages(0.5)", "Half a page down", id="table.half_page_down", show=False),
        Binding("ctrl+u", "pages(-0.5)", "Half a page up", id="table.half_page_up", show=False),
        Binding("pagedown", "pages(1)", "Page down", id="table.page_down", show=False),
        Binding("pageup", "pages(-1)", "Page up", id="table.page_up", show=False),
    ]

    empty_text: reactive[SafeText] = reactive(SafeText("Nothing here."))
    """What stands under the header while there are no rows; may be several lines."""

    @dataclass
    class RowHighlighted(Told):
        """The cursor came to stand on another row, by a key, the mouse, or because its own row went away."""

        key: str

    @dataclass
    class RowChosen(Told):
        """Enter was pressed on a row, or the row under the cursor was clicked."""

        key: str

        def can_replace(self, message: Message) -> bool:
            return False

    def __init__(self, columns: Sequence[Column], *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._columns = tuple(columns)
        self._count = 0
        self._row_at: Callable[[int], TableRow] = tuple[TableRow, ...]().__getitem__
        self._index_of: Callable[[str], int | None] | None = None
        self._cursor = 0
        self._cursor_key: str | None = None
        self._drawn: dict[int, tuple[TableRow | None, bool]] = {}  # what stands in each row of the screen
        self._placed: tuple[int, tuple[Placed, ...]] = (-1, ())

    # What is shown

    @property
    def row_count(self) -> int:
        return self._count

    @property
    def cursor_index(self) -> int | None:
        """The index of the row under the cursor; None in an empty table."""
        return self._cursor if self._count else None

    @property
    def cursor_key(self) -> str | None:
        """The key of the row under the cursor; None in an empty table."""
        return self._cursor_key

    def set_columns(self, columns: Sequence[Column]) -> None:
        """Show other columns; the rows set next must have a cell for each."""
        self._columns = tuple(columns)
        self._placed = (-1, ())
        self._strips.clear()
        self.refresh()

    def set_rows(self, rows: Sequence[TableRow]) -> None:
        """Show these rows. Those in view that differ from what is drawn are redrawn, and no others."""
        kept = tuple(rows)
        index = {row.key: i for i, row in enumerate(kept)}
        self.set_provider(len(kept), kept.__getitem__, index.get)

    def set_provider(
        self, count: int, row_at: Callable[[int], TableRow], index_of: Callable[[str], int | None] | None = None
    ) -> None:
        """Show `count` rows, each made by `row_at` when it comes into view. Call again whenever any of them changed.

        `index_of` finds the row of a key, so that the cursor can follow it; without it only the rows near the cursor
        are looked through.
        """
        was_empty, old_cursor, top = not self._count, self._cursor, self.scroll_offset.y
        self._count, self._row_at, self._index_of = count, row_at, index_of
        self._cursor = self._find_cursor(old_cursor)
        self.virtual_size = Size(0, count + _HEADER if count else 0)
        if was_empty or not count:
            self.refresh()
        else:
            if top:
                self.scroll_to_row(top + self._cursor - old_cursor)
            self._redraw_changed()
        self._tell_cursor()

    def move_to(self, key: str) -> bool:
        """Put the cursor on the row of `key` and bring it into view. False if there is no such row."""
        i = self._index(key, self._cursor)
        if i is None:
            return False
        self._move(i)
        return True

    def _find_cursor(self, old: int) -> int:
        found = None if self._cursor_key is None else self._index(self._cursor_key, old)
        return max(0, min(old, self._count - 1)) if found is None else found

    def _index(self, key: str, near: int) -> int | None:
        if self._index_of is not None:
            return self._index_of(key)
        around = sorted(range(max(0, near - _NEARBY), min(self._count, near + _NEARBY)), key=lambda i: abs(i - near))
        return next((i for i in around if self._row_at(i).key == key), None)

    def _redraw_changed(self) -> None:
        for y, drawn in list(self._drawn.items()):
            if drawn != self._wanted(y):
                self._refresh_body_row(y)

    def _wanted(self, y: int) -> tuple[TableRow | None, bool]:
        """What should stand in row `y` of the screen, the header not counted."""
        i = self.scroll_offset.y + y
        return (self._row_at(i), i == self._cursor) if i < self._count else (None, False)

    # Moving

    def on_resize(self) -> None:
        self._drawn.clear()
        self.refresh()  # the event may come after the paint it is about, and what was drawn is forgotten here
        self._bring_into_view(self._cursor)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        if self.show_vertical_scrollbar:
            self.vertical_scrollbar.position = new_value
        if round(old_value) != round(new_value):
            self.refresh_screen_rows(_HEADER, self.size.height)  # the header stays

    @property
    def _body_height(self) -> int:
        return max(0, self.size.height - _HEADER)

    def _bring_into_view(self, i: int) -> None:
        top, height = self.scroll_offset.y, self._body_height
        if i < top:
            self.scroll_to_row(i)
        elif height and i >= top + height:
            self.scroll_to_row(i - height + 1)

    def _refresh_body_row(self, y: int) -> None:
        if y >= 0:
            self.refresh_screen_rows(_HEADER + y, _HEADER + y + 1)

    def _move(self, i: int) -> None:
        old, self._cursor = self._cursor, max(0, min(i, self._count - 1))
        if self._cursor != old:
            top = self.scroll_offset.y
            self._refresh_body_row(old - top)
            self._refresh_body_row(self._cursor - top)
        self._bring_into_view(self._cursor)
        self._tell_cursor()

    def _tell_cursor(self) -> None:
        key = self._row_at(self._cursor).key if self._count else None
        if key != self._cursor_key:
            self._cursor_key = key
            if key is not None:
                self.post_message(self.RowHighlighted(self, key))

    def action_choose(self) -> None:
        if self._cursor_key is not None:
            self.post_message(self.RowChosen(self, self._cursor_key))

    def action_rows(self, rows: int) -> None:
        self._move(self._cursor + rows)

    def action_pages(self, pages: float) -> None:
        self._move(self._cursor + round(pages * self._body_height))

    def action_top(self) -> None:
        self._move(0)

    def action_bottom(self) -> None:
        self._move(self._count - 1)

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None or not _HEADER <= offset.y <= self._body_height:
            return
        i = self.scroll_offset.y + offset.y - _HEADER
        if i >= self._count:
            return
        if i == self._cursor:
            self.action_choose()
        else:
            self._move(i)

    # Drawing

    def render_line(self, y: int) -> Strip:
        width, room = self.size.width, self.room
        if self._placed[0] != room:
            self._placed = (room, place_columns(self._columns, room))
        placed = self._placed[1]
        if y < _HEADER:
            return self._strip([Segment(header_text(placed), self.style_of("header"))], room, width)
        y -= _HEADER
        row, under_cursor = self._drawn[y] = self._wanted(y)
        if row is None:
            return self._blank(y, room, width)
        key = (row, under_cursor, width, placed)
        strip = self._strips.get(key)
        if strip is None:
            if under_cursor:
                segments = [Segment(row_text(row, placed), self.style_of("cursor"))]
            else:
                segments = row_segments(row, placed, self.style_of(""), self.style_of)
            strip = self._strips[key] = self._strip(segments, room, width)
        return strip

    def _strip(self, segments: list[Segment], room: int, width: int) -> Strip:
        """Blanks of the line API do not inherit the background, so the rest of the row is drawn."""
        style = segments[-1].style if segments else None
        return Strip(segments).crop(0, room).extend_cell_length(width, style).simplify()

    def _blank(self, y: int, room: int, width: int) -> Strip:
        if self._count:
            return Strip.blank(width, self.style_of(""))
        lines = self.empty_text.split("\n")
        return self._strip([Segment(f"  {lines[y]}" if y < len(lines) else "  ", self.style_of("empty"))], room, width)
