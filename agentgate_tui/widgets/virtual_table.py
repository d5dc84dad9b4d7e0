"""`VirtualTable`: rows drawn from immutable values, of which only those in view are ever asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.cache import LRUCache
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import Reactive, reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from agentgate_engine.views.safe_text import SafeText
from agentgate_tui.widgets.table_layout import Column, Placed, TableRow, header_text, place_columns, row_segments

STYLES = ("passed", "failed", "running", "waiting", "warning", "stuck", "skipped", "unknown", "strong", "dim")
"""Names a `Cell` may carry as its style; each is a component class, so that a theme or a screen decides what it means."""

_HEADER = 1
_NEARBY = 200


@dataclass
class Told(Message):
    """What the messages of a table share: a sender, the row's key, and that a newer replaces an older of its kind."""

    table: VirtualTable
    key: str

    @property
    def control(self) -> VirtualTable:
        return self.table

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, Told) and type(message) is type(self) and message.table is self.table


class VirtualTable(ScrollView, can_focus=True, inherit_bindings=False):
    """A list with a header, a cursor and columns that make room for each other.

    The cursor belongs to a key: whatever is inserted or reordered, it stays on its row, and while the reader has scrolled
    that row also stays where it is on the screen. A move of the cursor redraws two rows; new rows redraw those that differ.
    """

    COMPONENT_CLASSES = {f"virtual-table--{name}" for name in (*STYLES, "header", "cursor", "empty")}
    DEFAULT_CSS = """
    VirtualTable {
        background: $surface;
        color: $foreground;
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-size-vertical: 1;
    }
    VirtualTable > .virtual-table--header { color: $text-muted; text-style: bold; }
    VirtualTable > .virtual-table--cursor { text-style: reverse; }
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

    virtual_size = Reactive(Size(0, 0), layout=False, repaint=False)  # more rows are no reason to lay the screen out
    empty_text: reactive[SafeText] = reactive(SafeText("Nothing here."))
    """What stands under the header while there are no rows; may be several lines."""

    @dataclass
    class RowHighlighted(Told):
        """The cursor came to stand on another row, by a key, the mouse, or because its own row went away."""

    @dataclass
    class RowChosen(Told):
        """Enter was pressed on a row, or the row under the cursor was clicked."""

    def __init__(self, columns: Sequence[Column], *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._columns = tuple(columns)
        self._count = 0
        self._row_at: Callable[[int], TableRow] = tuple[TableRow, ...]().__getitem__
        self._index_of: Callable[[str], int | None] | None = None
        self._cursor = 0
        self._cursor_key: str | None = None
        self._shown: dict[int, TableRow] = {}  # what was drawn at each index, to tell what differs
        self._placed: tuple[int, tuple[Placed, ...]] = (-1, ())
        self._palette: dict[str, Style] = {}
        self._strips: LRUCache[tuple[object, ...], Strip] = LRUCache(512)

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

        `index_of` finds the row of a key, so that the cursor can follow it; without it only the rows near the cursor are
        looked through.
        """
        old_count, old_cursor = self._count, self._cursor
        self._count, self._row_at, self._index_of = count, row_at, index_of
        self._cursor = self._find_cursor(old_cursor)
        self._redraw_changed(old_count, old_cursor)
        self.virtual_size = Size(0, count + _HEADER if count else 0)
        top = self.scroll_offset.y
        if top and self._cursor != old_cursor:
            self._scroll_to_row(top + self._cursor - old_cursor)
        self._told_cursor()

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
