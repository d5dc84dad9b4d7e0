"""`LogView`: a log of any size, drawn line by line from its source, following its end until the reader scrolls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.reactive import reactive
from textual.selection import Selection
from textual.strip import Strip
from textual.timer import Timer

from agentgate_engine.views.safe_text import SafeText
from agentgate_tui.widgets.line_scroll import LineScroll, Told
from agentgate_tui.widgets.log_search import LogSearch, Sought
from agentgate_tui.widgets.log_source import LogLine, LogSource, TextLogSource
from agentgate_tui.widgets.log_strip import KINDS, lead, row, with_matches, with_selection

_SELECTED_LINES = 2_000
_MARKED = Style(reverse=True)
_MATCH_IN_MARKED = Style(reverse=False, underline=True)


class LogView(LineScroll):
    """Draws the visible lines of a `LogSource` and nothing else, so that size costs nothing.

    The owner calls `refresh_source` when the file changed; what is still to be indexed or counted goes on in short
    steps between key presses. Rows are redrawn only where they changed. Scrolling up stops following at once.
    """

    ALLOW_SELECT = True
    NAME = "log-view"
    COMPONENT_CLASSES = {f"log-view--{name}" for name in (*KINDS, "match", "empty")}
    DEFAULT_CSS = """
    LogView > .log-view--error { color: $text-error; text-style: bold; }
    LogView > .log-view--heading { color: $text-primary; text-style: bold; }
    LogView > .log-view--notice { color: $text-warning; }
    LogView > .log-view--tool { color: $text-accent; }
    LogView > .log-view--added { color: $text-success; }
    LogView > .log-view--removed { color: $text-error; }
    LogView > .log-view--match { text-style: reverse; }
    LogView > .log-view--empty { color: $text-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("g,home", "top", "Top", id="log.top", show=False),
        Binding("G,end", "bottom", "Bottom, and follow", id="log.bottom", show=False),
        Binding("F", "follow", "Follow", id="log.follow"),
        Binding("j,down", "rows(1)", "Down", id="log.down", show=False),
        Binding("k,up", "rows(-1)", "Up", id="log.up", show=False),
        Binding("ctrl+d", "pages(0.5)", "Half a page down", id="log.half_page_down", show=False),
        Binding("ctrl+u", "pages(-0.5)", "Half a page up", id="log.half_page_up", show=False),
        Binding("pagedown", "pages(1)", "Page down", id="log.page_down", show=False),
        Binding("pageup", "pages(-1)", "Page up", id="log.page_up", show=False),
        Binding("left", "columns(-1)", "Left", id="log.left", show=False),
        Binding("right", "columns(1)", "Right", id="log.right", show=False),
        Binding("e", "error(1)", "Next error", id="log.next_error"),
        Binding("E", "error(-1)", "Previous error", id="log.previous_error", show=False),
    ]

    follow: reactive[bool] = reactive(True, repaint=False)
    """Whether the end is kept in view. Scrolling up clears it; G, end and F set it."""
    show_prefix: reactive[bool] = reactive(True)
    line_numbers: reactive[bool] = reactive(False)
    empty_text: reactive[SafeText] = reactive(SafeText("Nothing was written here yet."))
    """What stands there while there are no lines."""

    @dataclass
    class FollowChanged(Told):
        """Following started or stopped, or lines arrived while it is stopped."""

        following: bool
        unseen: int

    @dataclass
    class MatchesCounted(Told):
        """The count of lines that match what was searched for has moved; ask the view for it."""

    @dataclass
    class Jumped(Told):
        """A jump to an error ended: at a line, at the end of the log, or at the end of what one jump looks through."""

        sought: Sought

    def __init__(self, source: LogSource | None = None, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._pump_timer: Timer | None = None
        self._told = (True, 0)
        self._start_over(source or TextLogSource([]))

    def _start_over(self, source: LogSource) -> None:
        self._source = source
        self._generation = source.generation
        self._count = 0
        self._tail_version = 0
        self._seen = 0  # lines that arrived while following, or were scrolled to since
        self._loading = True  # until all that was there at first is indexed: none of that is news
        self._marked: int | None = None
        self.search = LogSearch(source)
        """What is searched for, the count of matches, and where a search gave up."""

    # What is shown

    def on_mount(self) -> None:
        self.refresh_source()

    def on_resize(self) -> None:
        if self.follow:
            self.scroll_to_row(self._count)

    def show(self, source: LogSource | None) -> None:
        """Show another log, at its end if following, else from its start. The old source stays its owner's to close."""
        self._start_over(source or TextLogSource([]))
        self._strips.clear()
        self.virtual_size = Size(0, 0)
        self.set_scroll(0, 0)
        self.refresh()
        if self.is_attached:
            self.refresh_source()

    def refresh_source(self) -> None:
        """Take up what was appended. Cheap when nothing was; a large piece is taken up in steps."""
        more = self._source.extend()
        self._take_up()
        self._loading = self._loading and more
        if more or not self.search.complete:
            self._pump_soon()

    @property
    def unseen(self) -> int:
        """Lines that arrived while not following and were not scrolled to since."""
        return 0 if self.follow else max(0, self._count - self._seen)

    def mark_line(self, i: int | None) -> None:
        """Point at line `i` (reversed, with `>` before it) and bring it into view, as soon as it is there.

        None takes the mark away, as does `show`. Stops following.
        """
        self._refresh_line(self._marked)
        self._marked = i
        if i is not None:
            self._go_to(i)

    def _take_up(self) -> None:
        source = self._source
        if source.generation != self._generation:
            self._start_over(source)
            self.refresh()
        old, count = self._count, source.count
        version = source.version(count - 1) if count else 0
        if (count, version) == (old, self._tail_version):
            return
        self._count, self._tail_version = count, version
        if old == 0:
            self.refresh()
        else:
            self._refresh_rows(old - 1, count)  # the line before may have been half written
        if self._loading or self.follow:
            self._seen = count
        self.virtual_size = Size(0, count)
        if self.follow:
            self.scroll_to_row(count)
        if self._marked is not None and old <= self._marked < count:
            self._go_to(self._marked)
        self._tell()

    def _pump_soon(self) -> None:
        if self._pump_timer is None:
            self._pump_timer = self.set_timer(0.002, self._pump)

    def _pump(self) -> None:
        """One step of what is still to be done: indexing first, then counting matches."""
        self._pump_timer = None
        more = self._source.extend()
        self._take_up()
        self._loading = self._loading and more
        if not more and not self.search.complete:
            more = self.search.count_on()
            self.post_message(self.MatchesCounted(self))
        if more:
            self._pump_soon()

    # Following and scrolling

    def watch_follow(self, following: bool) -> None:
        self._seen = self._count
        if following:
            self.scroll_to_row(self._count)
        self._tell()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        # A log that shrank, or a view that grew, also moves up, but only as far as the end.
        if round(new_value) < round(old_value) and new_value < self.max_scroll_y:
            self.follow = False
        if not self.follow:
            self._seen = max(self._seen, min(self._count, round(new_value) + self.size.height))
            self._tell()

    @property
    def max_scroll_x(self) -> int:
        """As far as the longest line now in view goes, and never less than now: what arrives must not scroll back."""
        top, height = self.scroll_offset.y, self.size.height
        lines = [(i, self._source.line(i)) for i in range(top, min(self._count, top + height))]
        overhang = [cell_len(self._lead(i, line)) + cell_len(line.text) - self.room for i, line in lines]
        return max(self.scroll_offset.x, *overhang, 0)

    @property
    def allow_horizontal_scroll(self) -> bool:
        return True

    def _tell(self) -> None:
        told = (self.follow, self.unseen)
        if told != self._told and self.is_mounted:
            self._told = told
            self.post_message(self.FollowChanged(self, *told))

    def _go_to(self, i: int) -> None:
        """Bring line `i` into view, in the middle if it was out of it, and stop following."""
        self.follow = False
        top, height = self.scroll_offset.y, self.size.height
        if not top <= i < top + height:
            self.scroll_to_row(i - height // 2)
        self._refresh_line(i)

    def _refresh_line(self, i: int | None) -> None:
        if i is not None:
            self._refresh_rows(i, i + 1)

    def _refresh_rows(self, first: int, last: int) -> None:
        top = self.scroll_offset.y
        self.refresh_screen_rows(first - top, last - top)

    def action_top(self) -> None:
        self.scroll_to_row(0)

    def action_bottom(self) -> None:
        self.follow = True
        self.scroll_to_row(self._count)

    def action_follow(self) -> None:
        self.follow = not self.follow

    def action_rows(self, rows: int) -> None:
        self.scroll_to_row(self.scroll_offset.y + rows)

    def action_pages(self, pages: float) -> None:
        self.scroll_to_row(self.scroll_offset.y + round(pages * self.size.height))

    def action_columns(self, direction: int) -> None:
        self.scroll_to(x=self.scroll_offset.x + direction * max(1, self.room // 2), animate=False, force=True)

    # Searching

    def find(self, pattern: str, direction: int = 1) -> int | None:
        """Go to the next line that holds `pattern` below (1) or above (-1) the last jump; None when there is none.

        A literal, minding case only if it holds a capital. An empty one ends the search. Work is bounded: where it gave
        up is in `search.gave_up_at`, and the same call goes on from there.
        """
        if self.search.aim(pattern):
            self.refresh()
        self._pump_soon()
        return self._jump(self.search.find, direction).line

    @property
    def matches(self) -> int:
        """Lines that match, counted so far; `search.complete` tells whether that is all."""
        return self.search.matches

    def action_error(self, direction: int) -> None:
        self.post_message(self.Jumped(self, self._jump(self.search.find_error, direction)))

    def _jump(self, find: Callable[[int, bool], Sought], direction: int) -> Sought:
        """Search on past the last jump while it is in view, else from the edge of the view that is left behind."""
        top, height, here = self.scroll_offset.y, self.size.height, self.search.here
        start = top if direction > 0 else top + height - 1
        if here is not None and top <= here < top + height:
            start = here + (1 if direction > 0 else -1)
        sought = find(start, direction > 0)
        if sought.line is not None:
            self._refresh_line(here)
            self._go_to(sought.line)
        return sought

    # Drawing

    def render_line(self, y: int) -> Strip:
        i, width = self.scroll_offset.y + y, self.size.width
        if i >= self._count:
            return self._blank(y, width)
        selected = self.text_selection.get_span(i) if self.text_selection else None
        left, here, marked = self.scroll_offset.x, self._is_here(i), i == self._marked
        numbers = self.line_numbers and len(str(self._count))
        state = (selected, here, marked, numbers, self.show_prefix, self.search.needle)
        key = (self._generation, i, self._source.version(i), width, left, state)
        strip = self._strips.get(key)
        if strip is not None:
            return strip
        line = self._source.line(i)
        style = self.style_of(line.kind if line.kind in KINDS else "") + (_MARKED if marked else None)
        match = style + _MATCH_IN_MARKED if marked else self.style_of("match")
        body = with_matches(line.text, style, self.search.needle, match)
        if selected:
            body = with_selection(body, line.text, selected, self.screen.get_component_rich_style("screen--selection"))
        before = self._lead(i, line)
        strip = row(before, body, style, left, self.room, width).apply_offsets(left - len(before), i)
        self._strips[key] = strip
        return strip

    def _is_here(self, i: int) -> bool:
        return i in (self.search.here, self._marked)

    def _lead(self, i: int, line: LogLine) -> str:
        number = f"{i + 1:>{len(str(self._count))}} " if self.line_numbers else ""
        return lead(line, here=self._is_here(i), number=number, with_prefix=self.show_prefix)

    def _blank(self, y: int, width: int) -> Strip:
        if self._count or self._loading:
            return Strip.blank(width, self.style_of(""))
        text = f"This log {self._source.problem}." if self._source.problem else self.empty_text
        lines = text.split("\n")
        style = self.style_of("empty")
        return row("  ", Strip([Segment(lines[y] if y < len(lines) else "", style)]), style, 0, width, width)

    # Selecting

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The selected text, of a bounded number of lines; where the selection has no end, of those in view."""
        top = self.scroll_offset.y
        # Compared with None: an Offset of (0, 0) counts as false.
        first = top if selection.start is None else selection.start.y
        last = min(self._count - 1, top + self.size.height - 1 if selection.end is None else selection.end.y)
        lines: list[str] = []
        for i in range(first, min(last + 1, first + _SELECTED_LINES)):
            text = self._source.line(i).text
            if span := selection.get_span(i):
                lines.append(text[max(0, span[0]) : span[1] if span[1] >= 0 else None])
        return "\n".join(lines), "\n"
