"""An order: its iterations, and below them what one iteration said, did, changed and was judged by.

At 80x24 one pane at a time stands under the iterations; where there is room the log, the tool calls and the matrix of
checks stand together. The cursor of the iterations decides what every pane shows.
"""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widget import Widget

from agentgate_engine.models.ids import RunId
from agentgate_engine.views.order_view import OrderView
from agentgate_engine.views.safe_text import SafeText, clip
from agentgate_tui.actions import bindings_in
from agentgate_tui.screens import jumps
from agentgate_tui.screens.base import ConsoleScreen
from agentgate_tui.screens.lines import cell, pane_title, run_name
from agentgate_tui.screens.order_panes import SIDE, LogPanes, TablePanes
from agentgate_tui.screens.order_rows import ITERATION_COLUMNS, iteration_rows
from agentgate_tui.screens.run_actions import PANES, RunActions
from agentgate_tui.snapshots import RunSnapshot, RunViews
from agentgate_tui.widgets.cell_lines import CellLine, CellLines
from agentgate_tui.widgets.log_view import LogView
from agentgate_tui.widgets.prompt_line import PromptLine
from agentgate_tui.widgets.table_layout import Cell
from agentgate_tui.widgets.virtual_table import VirtualTable

WIDE, TALL = 110, 34
"""From this size on several panes stand together."""


class OrderScreen(RunActions, ConsoleScreen):
    """One run of an order. `pane` is what the operator came for; empty for what its state suggests."""

    SCOPES = ("all", "order")
    CSS_PATH = ["base.tcss", "order.tcss"]
    BINDINGS = bindings_in("order")

    def __init__(self, run: RunId, iteration: int | None = None, pane: str = "", call: str | None = None) -> None:
        super().__init__()
        self._run, self._iteration, self._pane = run, iteration, pane
        self._main = pane if pane and pane not in SIDE else "log"
        self._views: RunViews | None = None
        self._shown_iteration = iteration or 0
        self._zoomed = False
        self._logs = LogPanes()
        self._tables = TablePanes(call)
        self._sought = ""

    def body(self) -> ComposeResult:
        yield CellLines(id="headline")
        yield VirtualTable(ITERATION_COLUMNS, id="iterations")
        with Vertical(id="main"):
            for name in PANES:
                if name not in SIDE:
                    yield from self._pane_of(name)
        with Horizontal(id="side"):
            for name in SIDE:
                yield from self._pane_of(name)

    def _pane_of(self, name: str) -> ComposeResult:
        with Vertical(id=f"pane-{name}", classes="pane"):
            yield CellLines(id=f"title-{name}")
            yield self._tables.make(name) if name in self._tables.names else self._logs.make(name)

    def crumbs(self) -> tuple[SafeText, ...]:
        title = self._views.order.title if self._views is not None else SafeText("")
        name = run_name(self._run)
        where = (SafeText(f"it {self._shown_iteration}"),) if self._shown_iteration else ()
        room = max(0, self.size.width - 62)  # what the counts, the levels above and the iteration leave of line 1
        return (SafeText(f"{name} {clip(title, room)}".strip()), *where)

    def on_mount(self) -> None:
        self.console.sync.look_at(self._run, self._iteration)
        super().on_mount()
        self.query_one("#iterations", VirtualTable).empty_text = SafeText("Reading the run.")
        self._arrange()
        self._focus_pane(self._pane or "iterations")

    def on_unmount(self) -> None:
        self._logs.close()

    def on_screen_resume(self) -> None:
        self.console.sync.look_at(self._run, self._iteration)
        super().on_screen_resume()

    def on_resize(self) -> None:
        super().on_resize()
        if self.mounted_body:
            self._arrange()

    # What arrives

    def run_changed(self, snapshot: RunSnapshot) -> None:
        if (snapshot.run_id, snapshot.asked) != (self._run, self._iteration) or not self.is_current:
            return
        if snapshot.views is None:
            self.query_one("#headline", CellLines).set_lines([CellLine((Cell(snapshot.problem, "failed"),))])
            self.query_one("#iterations", VirtualTable).empty_text = SafeText("This run cannot be read.")
            return
        first = self._views is None
        views = self._views = snapshot.views
        self._shown_iteration = snapshot.iteration
        iterations = self.query_one("#iterations", VirtualTable)
        iterations.empty_text = SafeText("No iteration yet.")
        iterations.set_rows(iteration_rows(views.order))
        if snapshot.iteration:
            iterations.move_to(str(snapshot.iteration))
        if first and not self._pane:
            self._suggest(_suggested(views))
        self._draw_headline(views.order)
        self._logs.show(views, snapshot.iteration)
        self._tables.show(views)
        self._arrange()
        self.draw_top()

    def _suggest(self, pane: str) -> None:
        """Nobody asked for a pane: show this one, and put the focus there unless it was moved since."""
        self._pane = pane
        if pane not in SIDE:
            self._main = pane
        self._arrange()
        if self.focused is None or self.focused.id == "iterations":
            self._focus_pane(pane)

    def _draw_headline(self, order: OrderView) -> None:
        state = Cell(SafeText(f"{order.shown.glyph} {order.shown.word}"), order.shown.style)
        facts = dict(order.facts)
        odd = len(order.warnings) + len(order.unreadable)
        right = (cell(f"{odd} to read, i", "warning"),) if odd else ()
        words = [state, cell("  "), Cell(order.now), cell("   "), Cell(facts.get("agent", SafeText(""))), cell("   ")]
        self.query_one("#headline", CellLines).set_lines(
            [
                CellLine(
                    (*words, Cell(SafeText(f"{facts.get('branch', '')} of {facts.get('repository', '')}"), "dim")),
                    right,
                )
            ]
        )

    # Layout

    @property
    def _wide(self) -> bool:
        return self.size.width >= WIDE and self.size.height >= TALL

    @property
    def _chosen(self) -> str:
        return self._pane or "log"

    def _arrange(self) -> None:
        """Decide which panes stand on the screen, and draw their titles."""
        chosen, both = self._chosen, self._wide and not self._zoomed
        in_side = chosen in SIDE
        self.query_one("#iterations").display = not self._zoomed
        self.query_one("#headline").display = not self._zoomed and self.size.height >= 16
        self.query_one("#main").display = both or not in_side
        side = self.query_one("#side")
        side.display = both or in_side
        side.set_class(both, "-shared")
        main = self._main if in_side else chosen
        for name in PANES:
            self.query_one(f"#pane-{name}").display = name == main if name not in SIDE else both or name == chosen
        count = len(self._views.order.iterations) if self._views is not None else 1
        most = 8 if self._wide else 5 if self.size.height >= 20 else 3
        self.query_one("#iterations").styles.height = min(max(count, 1) + 1, most)
        self._draw_titles()

    def _draw_titles(self) -> None:
        focused = self.focused
        for name in PANES:
            if not self.query_one(f"#pane-{name}").display:
                continue
            title, right = self._logs.title(name) if name in self._logs.names else self._tables.title(name, self._views)
            own = focused is self._body_of(name)
            place = f" it {self._shown_iteration}" if self._shown_iteration and name not in ("matrix", "facts") else ""
            line = pane_title(f"{title}{place}", right, focused=own)
            self.query_one(f"#title-{name}", CellLines).set_lines([line])

    def on_descendant_focus(self) -> None:
        super().on_descendant_focus()
        name = next((name for name in PANES if self.focused is self._body_of(name)), None)
        if name is not None and self._wide and not self._zoomed:
            self._pane = name
        self._draw_titles()

    def _body_of(self, name: str) -> Widget:
        return self._tables.widget(name) if name in self._tables.names else self._logs.widget(name)

    def _focus_pane(self, name: str) -> None:
        (self.query_one("#iterations") if name == "iterations" else self._body_of(name)).focus()

    def on_log_view_follow_changed(self, event: LogView.FollowChanged) -> None:
        self._draw_titles()

    def on_log_view_matches_counted(self, event: LogView.MatchesCounted) -> None:
        self._draw_titles()

    # The run and iteration that keys are about

    def run_here(self) -> RunId:
        return self._run

    def iteration_here(self) -> int | None:
        return self._iteration

    def action_pane(self, pane: str) -> None:
        self._pane = pane
        if pane not in SIDE:
            self._main = pane
        self._arrange()
        self._focus_pane(pane)

    def action_iteration(self, step: int) -> None:
        count = len(self._views.order.iterations) if self._views is not None else 0
        wanted = self._shown_iteration + step
        if 1 <= wanted <= count:
            self._go_to(wanted)
        else:
            self.console.say("there is no such iteration")

    def _go_to(self, n: int) -> None:
        count = len(self._views.order.iterations) if self._views is not None else 0
        self._iteration = None if n == count else n
        self.console.sync.look_at(self._run, self._iteration)

    def on_virtual_table_row_highlighted(self, event: VirtualTable.RowHighlighted) -> None:
        if event.control.id == "iterations" and event.key.isdigit() and int(event.key) != self._shown_iteration:
            self._go_to(int(event.key))

    def on_virtual_table_row_chosen(self, event: VirtualTable.RowChosen) -> None:
        if event.control.id == "iterations":
            self._focus_pane(self._chosen)
        elif self._views is not None:
            jumps.from_table(self, event.key, self._views, self._shown_iteration)

    def action_raw(self) -> None:
        if self._views is not None:
            self._logs.next_log(self._views)
            self.action_pane("log")

    def action_zoom(self) -> None:
        self._zoomed = not self._zoomed
        self._arrange()
        self._focus_pane(self._chosen)

    def close_something(self) -> bool:
        if super().close_something():
            self._draw_titles()
            return True
        if self._zoomed:
            self.action_zoom()
            return True
        return False

    # Searching: a log by its lines, a table by its rows

    def found_in(self) -> LogView | None:
        widget = self.focused
        if isinstance(widget, LogView):
            return widget
        chosen = self._body_of(self._chosen)
        return chosen if isinstance(chosen, LogView) else None

    def sought(self) -> str:
        return super().sought() or self._sought

    def prompt_left(self, prompt: PromptLine) -> None:
        prompt.close()
        self._focus_pane(self._chosen)

    def find(self, text: str) -> None:
        self._sought = text
        if self.found_in() is not None:
            super().find(text)
        else:
            self.action_find_next(1)
        self._draw_titles()

    def action_find_next(self, direction: int) -> None:
        if self.found_in() is not None:
            super().action_find_next(direction)
        elif self._sought and not self._tables.find(self._chosen, self._sought, direction):
            self.console.say("no match")


def _suggested(views: RunViews) -> str:
    """The pane that an order opens at: what goes on, or what went wrong."""
    if views.live:
        return "matrix" if views.order.state == "verifying" else "log"
    return "verify" if views.order.state == "failed" and views.verification.complete else "log"
