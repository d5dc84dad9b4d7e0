"""What can be done from any screen that stands on a run: go to a pane or to Why, copy its link, act on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentgate_engine.models.ids import RunId
from agentgate_engine.views.queue_view import QueueLine
from agentgate_tui.screens.menu import Entry, MenuScreen

if TYPE_CHECKING:
    from agentgate_tui.screens.base import ConsoleScreen

    _Screen = ConsoleScreen
else:
    _Screen = object

PANES = ("log", "tools", "verify", "diff", "feedback", "matrix", "facts")


class RunActions(_Screen):
    """Mixed into a screen that knows its run."""

    def run_here(self) -> RunId | None:
        """The run that keys are about; None in an empty queue."""
        raise NotImplementedError

    def iteration_here(self) -> int | None:
        """The iteration that keys are about; None for the last one."""
        raise NotImplementedError

    def action_pane(self, pane: str) -> None:
        """Open the order at a pane; an empty name leaves the choice to the order's state."""
        from agentgate_tui.screens.order import OrderScreen

        run = self.run_here()
        if run is not None:
            self.console.push_screen(OrderScreen(run, self.iteration_here(), pane))

    def action_why(self) -> None:
        from agentgate_tui.screens.why import WhyScreen

        run = self.run_here()
        if run is not None:
            self.console.push_screen(WhyScreen(run, self.iteration_here()))

    def action_copy_link(self) -> None:
        run = self.run_here()
        if run is not None:
            n = self.iteration_here()
            place = f"{run}/{n}" if n else run
            self.console.copy_out(f"agentgate://{place}\nagentgate why {place}")

    def action_menu(self) -> None:
        if self.console.read_only is not None:
            self.console.say(self.console.read_only)
            return
        entries = self._entries()
        if not entries:
            if self.run_here() is None:
                self.console.say("there is no run here, and no order waits for an engine")
                return
            self.console.say("nothing to do: the run has ended, and no order waits for an engine")
            return

        def chosen(entry: str | None) -> None:
            if entry == "cancel":
                self._ask_cancel()
            elif entry == "start":
                self.action_start_engine()

        self.console.push_screen(MenuScreen(entries), chosen)

    def _entries(self) -> list[Entry]:
        line = self._line()
        entries: list[Entry] = []
        if line is not None and line.state not in ("succeeded", "failed", "canceled"):
            entries.append(Entry("cancel", f"cancel run {line.run_id}", "stops it; its evidence stays"))
        if self.console.may_start_engine():
            entries.append(Entry("start", "start an engine", "it outlives this console"))
        return entries

    def _ask_cancel(self) -> None:
        from agentgate_tui.screens.confirm import ConfirmScreen

        line = self._line()
        if line is None:
            return
        run = RunId(line.run_id)
        what = (line.title, f"{line.state}, iteration {line.iterations}: {line.now}")
        consequence = "Its processes are stopped. What it wrote is kept; it cannot go on."
        dialog = ConfirmScreen(f"Cancel run {run}?", what, consequence)
        self.console.push_screen(dialog, lambda yes: self.console.cancel_run(run) if yes else None)

    def _line(self) -> QueueLine | None:
        snapshot, run = self.console.sync.queue, self.run_here()
        lines = snapshot.view.lines if snapshot is not None else ()
        return next((line for line in lines if line.run_id == run), None)

    def action_start_engine(self) -> None:
        if self.console.read_only is not None:
            self.console.say(self.console.read_only)
        elif self.console.may_start_engine():
            self.console.start_engine()
        else:
            self.console.say("an engine is alive, or nothing waits for one")

    def offers(self, action_id: str) -> bool:
        if action_id == "queue.start":
            return self.console.may_start_engine()
        return super().offers(action_id)
