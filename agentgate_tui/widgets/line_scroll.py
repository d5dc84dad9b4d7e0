"""`LineScroll`: what the log and the table share as views of which only the visible lines exist."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rich.style import Style
from textual.cache import LRUCache
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import Reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip


@dataclass
class Told(Message):
    """What their messages share: the widget they are about, and that a newer replaces an older one of its kind."""

    widget: LineScroll

    @property
    def control(self) -> LineScroll:
        return self.widget

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, Told) and type(message) is type(self) and message.widget is self.widget


class LineScroll(ScrollView, can_focus=True, inherit_bindings=False):
    """A scrolling view drawn by `render_line`, which never animates and never lays the screen out because it grew.

    Textual's own ScrollView repaints itself and lays out the whole screen when its virtual size changes; here a change
    only moves the scrollbar, and the subclass refreshes the rows that differ. The column of the scrollbar is kept free
    even while there is none, so that rows do not reflow when it comes.
    """

    NAME: ClassVar[str] = ""
    """Before the ``--`` of the component classes."""

    DEFAULT_CSS = """
    LineScroll {
        background: $surface;
        color: $foreground;
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-size-vertical: 1;
        scrollbar-gutter: stable;
    }
    """

    virtual_size = Reactive(Size(0, 0), layout=False, repaint=False)

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._strips: LRUCache[tuple[object, ...], Strip] = LRUCache(512)
        self._palette: dict[str, Style] = {}

    def watch_virtual_size(self, size: Size) -> None:
        self._scroll_update(size)

    @property
    def room(self) -> int:
        """Cells of a row that text may take: `size` includes the column of the scrollbar."""
        return self.size.width - self.scrollbar_size_vertical

    def scroll_to_row(self, row: int) -> None:
        """Make `row` the first in view, as far as the content goes."""
        if self.is_attached:
            self.scroll_to(y=row, animate=False, force=True)

    def refresh_screen_rows(self, first: int, last: int) -> None:
        """Redraw rows of the widget, counted from its top edge; `last` excluded."""
        first, last = max(0, first), min(last, self.size.height)
        if first < last:
            self.refresh(Region(0, first, self.size.width, last - first))

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._palette.clear()
        self._strips.clear()

    def style_of(self, name: str) -> Style:
        """The style of a component, over the widget's background; of the widget itself for a name it does not know."""
        style = self._palette.get(name)
        if style is None:
            component = f"{self.NAME}--{name}"
            known = component in self.COMPONENT_CLASSES
            style = self._palette[name] = self.get_component_rich_style(component) if known else self.rich_style
        return style
