"""The Queue: every run as a line, and what the one under the cursor is about."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.timer import Timer
from textual.widgets import Input

from agentgate_engine.errors import UsageError
from agentgate_engine.models.ids import RunId
from agentgate_engine.views.queue_view import FILTER_FIELDS, QueueLine
from agentgate_engine.views.row_filter import RowFilter, parse_filter
from agentgate_engine.views.safe_text import SafeText, sanitize
from agentgate_tui.actions import bindings_in
from agentgate_tui.screens.base import ConsoleScreen
from agentgate_tui.screens.lines import pane_title
from agentgate_tui.screens.queue_rows import (
    UNREADABLE,
    broken_lines,
    columns_for,
    empty_words,
    line_of,
    preview_lines,
    preview_title,
    queue_rows,
)
from agentgate_tui.screens.run_actions import RunActions
from agentgate_tui.snapshots import QueueSnapshot, RunSnapshot
from agentgate_tui.widgets.cell_lines import CellLine, CellLines
from agentgate_tui.widgets.prompt_line import PromptLine
from agentgate_tui.widgets.table_layout import Cell
from agentgate_tui.widgets.virtual_table import VirtualTable

PREVIEW_DELAY_S = 0.12
"""The cursor rests this long on a run before its records are read."""

FAULT_SHOWN_S = 5.0
"""How long a filter that was entered and cannot be read is complained about."""


class QueueScreen(RunActions, ConsoleScreen):
    """The root of the drill-down. Rows stand in the order of submission: they never move under the cursor."""

    SCOPES = ("all", "queue")
    CSS_PATH = ["base.tcss", "queue.tcss"]
    BINDINGS = bindings_in("queue")
    find_hint = "word  !word  /regex/  field:x  of " + " ".join(FILTER_FIELDS)

    def __init__(self) -> None:
        super().__init__()
        self._filter: RowFilter | None = None
        self._columns = columns_for(None)
        self._fault = ""
        self._before = ""
        self._preview_timer: Timer | None = None

    def body(self) -> ComposeResult:
        yield CellLines(id="advice")
        yield VirtualTable(columns_for(None), id="queue")
        yield CellLines(id="preview-title")
        yield CellLines(id="preview")

    def crumbs(self) -> tuple[SafeText, ...]:
        return (SafeText("Queue"), sanitize(f"/{self._filter.text}") if self._filter else SafeText("all"))

    @property
    def notice(self) -> SafeText:
        """On line 1 where it fits there, else on the line below."""
        return SafeText("") if self._advice() == self.console.notice else self.console.notice

    @property
    def table(self) -> VirtualTable:
        return self.query_one(VirtualTable)

    def on_mount(self) -> None:
        super().on_mount()
        self._draw_rows()
        self.table.focus()

    # What arrives

    def queue_changed(self, snapshot: QueueSnapshot) -> None:
        self._draw_rows()
        self._draw_preview()
        self.draw_footer()

    def run_changed(self, snapshot: RunSnapshot) -> None:
        if snapshot.run_id == self.run_here():
            self._draw_preview()

    def _draw_rows(self) -> None:
        snapshot = self.console.sync.queue
        view = snapshot.view if snapshot is not None else None
        problem = snapshot.problem if snapshot is not None else SafeText("")
        text = self._filter.text if self._filter is not None else ""
        self.table.empty_text = empty_words(view, problem, self.console.store_name, text)
        if view is not None:
            columns = columns_for(view)
            if columns != self._columns:
                self._columns = columns
                self.table.set_columns(columns)
            self.table.set_rows(queue_rows(view, self._filter))
        advice = self.query_one("#advice", CellLines)
        words = self._advice()
        advice.display = bool(words)
        advice.set_lines([CellLine((Cell(words, "warning"),))])

    def _advice(self) -> SafeText:
        """What to do about the store as a whole; a broken filter says so here and lets the last good one work on."""
        if self._fault:
            return sanitize(f"{self._fault}; the filter before still works")
        snapshot = self.console.sync.queue
        if snapshot is None:
            return SafeText("")
        if snapshot.problem:
            return SafeText(f"{snapshot.problem}; shown as last read")
        advice = snapshot.view.advice
        if advice is None:
            room = self.size.width - 50  # what line 1 has for it
            return self.console.notice if len(self.console.notice) > room else SafeText("")
        return sanitize(advice.replace("start one with `agentgate serve`", "s starts one"))

    def _draw_preview(self) -> None:
        snapshot = self._snapshot()
        line = self.line_here()
        title, right = preview_title(line, snapshot)
        self.query_one("#preview-title", CellLines).set_lines([pane_title(title, right)])
        queue, run = self.console.sync.queue, self.run_here()
        lines: tuple[CellLine, ...] = ()
        if line is not None:
            lines = preview_lines(line, snapshot)
        elif queue is not None and run is not None:
            lines = broken_lines(queue.view, run)
        self.query_one("#preview", CellLines).set_lines(lines)

    def _snapshot(self) -> RunSnapshot | None:
        found = self.console.sync.open_run
        return found if found is not None and found.run_id == self.run_here() else None

    # The run under the cursor

    def run_here(self) -> RunId | None:
        key = self.table.cursor_key
        return None if key is None else RunId(key.removeprefix(UNREADABLE))

    def iteration_here(self) -> int | None:
        return None

    def line_here(self) -> QueueLine | None:
        """The line under the cursor; None where the record cannot be read."""
        snapshot = self.console.sync.queue
        return line_of(snapshot.view if snapshot is not None else None, self.table.cursor_key)

    def on_virtual_table_row_highlighted(self, event: VirtualTable.RowHighlighted) -> None:
        if self._preview_timer is not None:
            self._preview_timer.stop()
        delay = PREVIEW_DELAY_S if self.console.sync.open_run is not None else 0.001
        self._preview_timer = self.set_timer(delay, self._look)
        self._draw_preview()
        self.draw_footer()

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        if self.mounted_body:
            self._look()

    def _look(self) -> None:
        if self.is_current:
            self.console.sync.look_at(self.run_here())

    def on_virtual_table_row_chosen(self, event: VirtualTable.RowChosen) -> None:
        self.action_pane("")

    def words_here(self) -> str:
        line = self.line_here()
        return super().words_here() if line is None else f"{line.run_id}  {line.shown.word}  {line.title}  {line.now}"

    # Filter

    def sought(self) -> str:
        return self._filter.text if self._filter is not None else ""

    def action_find(self) -> None:
        self._forget_fault()
        self._before = self.sought()
        super().action_find()

    def on_input_changed(self, event: Input.Changed) -> None:
        if isinstance(event.input, PromptLine) and event.input.display:
            self.find(event.value)

    def find(self, text: str) -> None:
        """Filter by `text`; while it cannot be read, the filter from before it was typed works on."""
        self._fault = ""
        try:
            self._filter = parse_filter(text.strip(), FILTER_FIELDS) if text.strip() else None
        except UsageError as fault:
            self._fault = str(fault)
            self._filter = parse_filter(self._before, FILTER_FIELDS) if self._before else None
            if not self.query_one(PromptLine).display:
                self.set_timer(FAULT_SHOWN_S, self._forget_fault)
        self._draw_rows()
        self._draw_preview()
        self.draw_top()

    def _forget_fault(self) -> None:
        """Take the words about a broken filter away: the one that works is on line 1."""
        if self._fault:
            self._fault = ""
            self._draw_rows()

    def prompt_left(self, prompt: PromptLine) -> None:
        prompt.close()
        self._fault = ""
        self._draw_rows()
        self.table.focus()

    def close_something(self) -> bool:
        prompt = self.query_one(PromptLine)
        if prompt.display:
            self.prompt_left(prompt)
            self.find(self._before)
            return True
        if self._fault:
            self._forget_fault()
            return True
        if self._filter is not None:
            self.find("")
            return True
        return False
