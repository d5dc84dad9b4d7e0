"""Why did it fail: the first failing check, the suspect, what was told, and the output around the failure."""

from __future__ import annotations

from pathlib import Path

from textual.app import ComposeResult

from agentgate_engine.models.ids import RunId
from agentgate_engine.verify.error_lines import is_error_line
from agentgate_engine.views.safe_text import SafeText
from agentgate_engine.views.why import WhyView
from agentgate_tui.actions import bindings_in
from agentgate_tui.screens import jumps
from agentgate_tui.screens.base import ConsoleScreen
from agentgate_tui.screens.lines import cell, pane_title, run_name
from agentgate_tui.screens.order_panes import transcript_source
from agentgate_tui.screens.run_actions import RunActions
from agentgate_tui.snapshots import RunSnapshot, RunViews
from agentgate_tui.widgets.cell_lines import CellLine, CellLines
from agentgate_tui.widgets.fact_list import FactList
from agentgate_tui.widgets.log_source import LogLine, LogSource, TextLogSource
from agentgate_tui.widgets.log_view import LogView
from agentgate_tui.widgets.table_layout import Cell

LEAST_WINDOW = 7
"""Rows that the output around the failure keeps, its title included, however many facts there are."""

ROWS_BEFORE = 3
"""Rows of output that stand above the failing line."""


class WhyScreen(RunActions, ConsoleScreen):
    """The answer for one iteration of a run, by default the last; for a run that goes on, what it is doing."""

    SCOPES = ("all", "why")
    CSS_PATH = ["base.tcss", "why.tcss"]
    BINDINGS = bindings_in("why")

    def __init__(self, run: RunId, iteration: int | None = None) -> None:
        super().__init__()
        self._run, self._iteration = run, iteration
        self._views: RunViews | None = None
        self._window: tuple[LogLine, ...] | Path | None = None
        self._source: LogSource = TextLogSource(())
        self.shown_iteration = iteration or 0

    def body(self) -> ComposeResult:
        yield CellLines(id="headline")
        yield CellLines(id="levels")
        yield FactList(id="facts-list")
        yield CellLines(id="window-title")
        yield LogView(id="window")

    def crumbs(self) -> tuple[SafeText, ...]:
        under = self.console.screen_stack[:-1]
        in_order = any(type(screen).__name__ == "OrderScreen" for screen in under)
        place = f" it {self.shown_iteration}" if self.shown_iteration else ""
        return (SafeText(f"why{place}" if in_order else f"{run_name(self._run)}{place} why"),)

    def on_mount(self) -> None:
        self.console.sync.look_at(self._run, self._iteration)
        window = self.query_one(LogView)
        window.follow = False
        window.empty_text = SafeText("No output to show here.")
        super().on_mount()
        self.query_one(FactList).focus()

    def on_screen_resume(self) -> None:
        self.console.sync.look_at(self._run, self._iteration)
        super().on_screen_resume()

    def on_resize(self) -> None:
        super().on_resize()
        if self.mounted_body:
            self._arrange()

    def run_changed(self, snapshot: RunSnapshot) -> None:
        if (snapshot.run_id, snapshot.asked) != (self._run, self._iteration) or not self.is_current:
            return
        if snapshot.views is None:
            self.query_one("#headline", CellLines).set_lines(
                [CellLine((cell("this run cannot be read: ", "failed"), Cell(snapshot.problem, "failed")))]
            )
            return
        self._views, self.shown_iteration = snapshot.views, snapshot.iteration
        why = snapshot.views.why
        self._draw_head(why, snapshot.views)
        self.query_one(FactList).set_facts(why.facts)
        self._draw_window(why, snapshot.views)
        self._arrange()
        self.draw_top()

    def _draw_head(self, why: WhyView, views: RunViews) -> None:
        count = len(views.order.iterations)
        place = f"it {why.iteration} of {count}" if count > 1 and why.iteration else ""
        error = f"{why.error_type}  " if why.error_type else ""
        first = CellLine(
            (
                Cell(SafeText(f"{why.shown.glyph} {why.headline}"), why.shown.style or "strong"),
                cell("  "),
                Cell(why.title, "dim"),
            ),
            (cell(error, "failed"), cell(place, "dim")),
        )
        words: list[Cell] = []
        for level, shown, said in why.levels:
            short = said.replace(" failed, ", ", ").replace(" checks", "").replace(" check", "")
            words += [
                cell(f"{level} ", "strong"),
                Cell(SafeText(f"{shown.glyph} "), shown.style),
                cell(f"{short or shown.word}   "),
            ]
        self.query_one("#headline", CellLines).set_lines([first])
        self.query_one("#levels", CellLines).set_lines([CellLine(tuple(words))])

    def _draw_window(self, why: WhyView, views: RunViews) -> None:
        """The output around the failure and the files; while an agent works, what it says."""
        window = why.window
        if views.live and why.iteration and not window.lines:
            self._draw_live(views.logs[0].path, why.iteration)
            return
        width = len(str(window.first + max(0, len(window.lines) - 1)))
        lines = [
            LogLine(
                text,
                "error" if number == window.marked or is_error_line(text) else "plain",
                SafeText(f"{number:>{width}}" if window.numbered else ""),
            )
            for number, text in enumerate(window.lines, window.first)
        ]
        if why.files:
            place = f"{self.console.store_name}/runs/{self._run}/"
            lines += [LogLine(SafeText("")), LogLine(SafeText(f"files in {place}"), "heading")]
            lines += [LogLine(SafeText(f"{what:<14} {path.removeprefix(place)}")) for what, path in why.files]
        shown = tuple(lines)
        if shown == self._window:
            return
        self._window = shown
        view = self.query_one(LogView)
        view.follow = False
        self._open(TextLogSource(shown), view)
        if window.marked is not None and window.first <= window.marked < window.first + len(window.lines):
            at_row = window.marked - window.first
            view.mark_line(at_row)
            self.call_after_refresh(view.scroll_to_row, max(0, at_row - ROWS_BEFORE))
        title = "output around the failure" if window.marked is not None else "output" if window.lines else "files"
        at = f":{window.marked}" if window.marked is not None and window.numbered else ""
        right = (Cell(SafeText(f"{window.name}{at}"), "dim"),) if window.name else ()
        self.query_one("#window-title", CellLines).set_lines([pane_title(title, right)])

    def _draw_live(self, path: Path, iteration: int) -> None:
        if self._window != path:
            self._window = path
            view = self.query_one(LogView)
            view.follow = True
            self._open(transcript_source(path), view)
            self.query_one("#window-title", CellLines).set_lines([pane_title(f"log it {iteration}")])

    def _open(self, source: LogSource, view: LogView) -> None:
        before, self._source = self._source, source
        view.show(source)
        before.close()

    def on_unmount(self) -> None:
        self._source.close()

    def _arrange(self) -> None:
        """Give the facts the rows they need, as long as the window keeps its least."""
        facts = self.query_one(FactList)
        room = self.size.height - 4  # line 1, two of the head, the footer
        facts.styles.height = max(1, min(facts.rows_in(self.size.width), room - LEAST_WINDOW))

    # Keys

    def run_here(self) -> RunId:
        return self._run

    def iteration_here(self) -> int | None:
        return self._iteration

    def action_iteration(self, step: int) -> None:
        count = len(self._views.order.iterations) if self._views is not None else 0
        wanted = self.shown_iteration + step
        if not 1 <= wanted <= count:
            self.console.say("there is no such iteration")
            return
        self._iteration = None if wanted == count else wanted
        self.console.sync.look_at(self._run, self._iteration)

    def action_pane(self, pane: str) -> None:
        """`l` is the full output: of the check that failed, else what the agent said."""
        views = self._views
        first = views.why.facts[0].goes_to if views is not None and views.why.facts else ""
        if pane == "log" and views is not None and first.startswith("check:"):
            jumps.from_fact(self, first, views)
        else:
            super().action_pane(pane)

    def action_fact(self, number: int) -> None:
        facts = self.query_one(FactList)
        if 1 <= number <= len(facts.facts):
            facts.focus()
            facts.go(number - 1)
            facts.action_choose()
        else:
            self.console.say(f"there is no fact {number}")

    def on_fact_list_chosen(self, event: FactList.Chosen) -> None:
        if self._views is not None:
            jumps.from_fact(self, event.fact.goes_to, self._views)
