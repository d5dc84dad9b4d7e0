"""The panes of an order, kept up to date: which log stands open in each, which rows, and what its title says."""

from __future__ import annotations

from pathlib import Path

from agentgate_engine.verify.error_lines import is_error_line
from agentgate_engine.views import wording
from agentgate_engine.views.diff_lines import diff_kind
from agentgate_engine.views.safe_text import SafeText
from agentgate_engine.views.timeline import Timeline
from agentgate_engine.views.transcript_lines import event_text, transcript_text
from agentgate_tui.screens.lines import cell
from agentgate_tui.screens.order_rows import (
    VERIFY_COLUMNS,
    fact_lines,
    matrix_columns,
    matrix_rows,
    verify_rows,
)
from agentgate_tui.screens.tool_rows import tool_columns, tool_rows
from agentgate_tui.snapshots import LogPlace, RunViews
from agentgate_tui.widgets.log_source import FileLogSource, JsonLogSource, LogLine, LogSource, TextLogSource
from agentgate_tui.widgets.log_view import LogView
from agentgate_tui.widgets.table_layout import Cell, TableRow
from agentgate_tui.widgets.virtual_table import VirtualTable

SIDE = ("tools", "matrix")
_NOTHING: tuple[Cell, ...] = ()


def transcript_source(path: Path) -> LogSource:
    """A transcript as a log."""

    def decode(raw: bytes) -> LogLine:
        found = transcript_text(raw)
        return LogLine(found.text, found.kind, found.time)

    return JsonLogSource(path, decode)


def event_source(path: Path) -> LogSource:
    """The events of a run as a log."""

    def decode(raw: bytes) -> LogLine:
        found = event_text(raw)
        return LogLine(found.text, found.kind, found.time)

    return JsonLogSource(path, decode)


def output_source(path: Path) -> LogSource:
    """The output of a program as a log, its error lines marked."""
    return FileLogSource(path, lambda text: "error" if is_error_line(text) else "plain")


class LogPanes:
    """The panes that are logs. A source is opened when what it shows changes, and the one before is closed."""

    names = ("log", "diff", "feedback", "facts")

    def __init__(self) -> None:
        self._views: dict[str, LogView] = {}
        self._sources: dict[str, tuple[object, LogSource]] = {}
        self._which = 0
        self._place: LogPlace | None = None
        self._live = False

    def make(self, name: str) -> LogView:
        """The widget of a pane, once."""
        view = self._views[name] = LogView(id=name)
        view.follow = name == "log"
        return view

    def widget(self, name: str) -> LogView:
        return self._views[name]

    def show(self, views: RunViews, iteration: int) -> None:
        """Show this iteration of the run."""
        self._live = views.live and iteration > 0 and iteration == len(views.order.iterations)
        place = self._place = views.logs[min(self._which, len(views.logs) - 1)]
        source = transcript_source if place.name == "log" else output_source
        self._open("log", (place.path,), lambda: source(place.path))
        self._open("diff", (views.diff.path,), lambda: FileLogSource(views.diff.path, diff_kind))
        told = views.feedback or (SafeText("No feedback was sent after this iteration."),)
        self._open("feedback", told, lambda: TextLogSource(told))
        facts = fact_lines(views)
        self._open("facts", facts, lambda: TextLogSource(facts))
        empty = (
            f"Nothing in the {place.name} of iteration {iteration} yet."
            if iteration
            else "No agent has begun on this run."
        )
        self._views["log"].empty_text = SafeText(empty)
        self._views["diff"].empty_text = views.no_diff

    def next_log(self, views: RunViews) -> None:
        """From the transcript to raw stdout, to raw stderr, and round."""
        self._which = (self._which + 1) % len(views.logs)
        self.show(views, views.why.iteration)

    def title(self, name: str) -> tuple[str, tuple[Cell, ...]]:
        """What the pane is, and what stands on its right: following, paused, or which match."""
        view = self._views[name]
        title = self._place.name if name == "log" and self._place is not None else {"facts": "info"}.get(name, name)
        right: tuple[Cell, ...] = _NOTHING
        if name == "log" and self._live:
            new = wording.plural(view.unseen, "new line")
            right = (cell("following", "running") if view.follow else cell(f"PAUSED, {new} (F)", "warning"),)
        if view.search.needle is not None:
            more = "" if view.search.complete else "+"
            right = (
                cell(f"/{view.search.needle.text}: {view.search.position} of {view.matches}{more} (n N)", "key"),
                *((cell("  "),) if right else ()),
                *right,
            )
        return title, right

    def _open(self, name: str, key: object, make: object) -> None:
        known = self._sources.get(name)
        if known is not None and known[0] == key:
            return
        assert callable(make)
        source = make()
        assert isinstance(source, LogSource)
        self._sources[name] = (key, source)
        self._views[name].show(source)
        if known is not None:
            known[1].close()

    def close(self) -> None:
        """Let go of every file."""
        for _, source in self._sources.values():
            source.close()


class ToolTable(VirtualTable):
    """Tool calls on an axis of time, which is as wide as the table allows."""

    def __init__(self, *, id: str) -> None:
        self._timeline = Timeline(0, (), 0.0, True)
        super().__init__(tool_columns(self._timeline, 80), id=id)

    def show(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._lay_out()

    def on_resize(self) -> None:
        self._lay_out()
        super().on_resize()

    def _lay_out(self) -> None:
        columns = tool_columns(self._timeline, self.size.width)
        if columns != self._columns:
            self.set_columns(columns)
        self.set_rows(tool_rows(self._timeline, self.size.width))


class TablePanes:
    """The panes that are tables. `call` is the tool call that the cursor is to stand on at first."""

    names = ("tools", "verify", "matrix")

    def __init__(self, call: str | None) -> None:
        self._call = call
        self._tables: dict[str, VirtualTable] = {}
        self._rows: dict[str, tuple[TableRow, ...]] = {}
        self._pointed: tuple[int, bool] | None = None

    def make(self, name: str) -> VirtualTable:
        """The widget of a pane, once."""
        columns = VERIFY_COLUMNS if name == "verify" else ()
        table = self._tables[name] = ToolTable(id=name) if name == "tools" else VirtualTable(columns, id=name)
        return table

    def widget(self, name: str) -> VirtualTable:
        return self._tables[name]

    def show(self, views: RunViews) -> None:
        """Show this iteration of the run."""
        tools = self._tables["tools"]
        assert isinstance(tools, ToolTable)
        tools.empty_text = SafeText("No tool call is on record for this iteration.")
        tools.show(views.timeline)
        self._rows["tools"] = tool_rows(views.timeline, 80)
        if self._call is not None and tools.move_to(self._call):
            self._call = None
        self._put("verify", verify_rows(views.verification), SafeText("Not verified yet."))
        self._point_at_failure(views)
        matrix = self._tables["matrix"]
        columns = matrix_columns(views.order)
        if columns != matrix._columns:  # pyright: ignore[reportPrivateUsage]
            matrix.set_columns(columns)
        self._put("matrix", matrix_rows(views.order), SafeText("No check has run yet."))

    def _point_at_failure(self, views: RunViews) -> None:
        """Put the cursor of verify on the first check that failed, once for each iteration: enter shows its output."""
        pointed = (views.verification.iteration, views.verification.complete)
        if pointed != self._pointed:
            self._pointed = pointed
            failed = (row for row in views.verification.rows if row.depth == 1 and row.shown is wording.FAILED)
            if (row := next(failed, None)) is not None:
                self._tables["verify"].move_to(row.key)

    def _put(self, name: str, rows: tuple[TableRow, ...], empty: SafeText) -> None:
        self._rows[name] = rows
        self._tables[name].empty_text = empty
        self._tables[name].set_rows(rows)

    def title(self, name: str, views: RunViews | None) -> tuple[str, tuple[Cell, ...]]:
        """What the pane is, and its sums."""
        if views is None:
            return name, _NOTHING
        if name == "tools":
            bars = views.timeline.bars
            failed = sum(1 for bar in bars if bar.is_error)
            said = wording.plural(len(bars), "call") + (f", {failed} with an error" if failed else "")
            return "tool calls", (cell(said, "dim"),)
        if name == "verify":
            return "verify", (Cell(views.verification.summary, "dim"),)
        return "checks by iteration", _NOTHING

    def find(self, name: str, text: str, direction: int) -> bool:
        """Move the cursor to the next row that holds `text`. False if none does."""
        rows, table = self._rows.get(name, ()), self._tables[name]
        if not rows or not text:
            return False
        here = table.cursor_index or 0
        small = text.lower()
        for step in range(1, len(rows) + 1):
            row = rows[(here + direction * step) % len(rows)]
            if any(small in found.text.lower() for found in row.cells):
                return table.move_to(row.key)
        return False
