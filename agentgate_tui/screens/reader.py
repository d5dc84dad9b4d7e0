"""One text on a screen of its own: the output of a check, a tool call, the events, the task."""

from __future__ import annotations

from textual.app import ComposeResult

from agentgate_engine.views.safe_text import SafeText
from agentgate_tui.actions import bindings_in
from agentgate_tui.screens.base import ConsoleScreen
from agentgate_tui.screens.lines import cell, pane_title
from agentgate_tui.widgets.cell_lines import CellLines
from agentgate_tui.widgets.log_source import LogSource
from agentgate_tui.widgets.log_view import LogView
from agentgate_tui.widgets.table_layout import Cell


class ReaderScreen(ConsoleScreen):
    """Shows `source`, at `line` (from 0) when there is one to point at, else from its start or `at_end`."""

    SCOPES = ("all", "reader")
    CSS_PATH = ["base.tcss", "reader.tcss"]
    BINDINGS = bindings_in("reader")

    def __init__(self, title: SafeText, source: LogSource, line: int | None = None, *, at_end: bool = False) -> None:
        super().__init__()
        self._title, self._source, self._line, self._at_end = title, source, line, at_end

    def body(self) -> ComposeResult:
        yield CellLines(id="reader-title")
        yield LogView(id="reader")

    def crumbs(self) -> tuple[SafeText, ...]:
        return (SafeText(self._title.split("  ")[0][:30]),)

    def on_mount(self) -> None:
        super().on_mount()
        view = self.query_one(LogView)
        view.follow = self._at_end
        view.line_numbers = self._line is not None
        view.show(self._source)
        if self._line is not None:
            view.mark_line(self._line)
        view.focus()
        self._draw_title()

    def on_unmount(self) -> None:
        self._source.close()

    def on_log_view_matches_counted(self, event: LogView.MatchesCounted) -> None:
        self._draw_title()

    def on_log_view_follow_changed(self, event: LogView.FollowChanged) -> None:
        self._draw_title()

    def _draw_title(self) -> None:
        search = self.query_one(LogView).search
        right: tuple[Cell, ...] = ()
        if self._line is not None:
            right = (cell(f"line {self._line + 1}", "dim"),)
        if search.needle is not None:
            more = "" if search.complete else "+"
            right = (cell(f"/{search.needle.text}: {search.position} of {search.matches}{more} (n N)", "key"),)
        self.query_one("#reader-title", CellLines).set_lines([pane_title(self._title, right, focused=True)])

    def action_why(self) -> None:
        """Back to the Why that this text was reached from, if one was."""
        from agentgate_tui.screens.why import WhyScreen

        stack = self.console.screen_stack
        if len(stack) > 1 and isinstance(stack[-2], WhyScreen):
            self.console.pop_screen()
        else:
            self.console.why_of_open_run()
