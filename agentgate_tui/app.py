"""The console: one app over one store. It shows what snapshots say and acts through `commands` alone."""

from __future__ import annotations

import locale
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from textual.app import App
from textual.binding import BindingType
from textual.driver import Driver
from textual.filter import LineFilter
from textual.screen import Screen
from textual.signal import Signal

from agentgate_engine.clock import Clock
from agentgate_engine.commands import cancel, engines
from agentgate_engine.errors import AgentGateError
from agentgate_engine.models.ids import RunId
from agentgate_engine.store.foreign.foreign_store import ForeignStore
from agentgate_engine.store.store import Store
from agentgate_engine.store.store_view import view_of
from agentgate_engine.views.safe_text import sanitize
from agentgate_tui import theme
from agentgate_tui.actions import bindings_in
from agentgate_tui.background import in_thread
from agentgate_tui.bell import Bell, read_bell_events
from agentgate_tui.palette import ActionPalette
from agentgate_tui.screens.base import MOST_COPIED
from agentgate_tui.screens.queue import QueueScreen
from agentgate_tui.screens.why import WhyScreen
from agentgate_tui.snapshots import QueueSnapshot, RunSnapshot, StoreReader
from agentgate_tui.sync import Health, Sync
from agentgate_tui.widgets.ascii_filter import ASCII_FILTER
from agentgate_tui.widgets.control_filter import CONTROL_FILTER

_MOST_SAID = 300


class ConsoleApp(App[int]):
    """`store_name` is how the root of the store is shown; `watch` off leaves noticing to the reconcile alone."""

    TITLE = "AgentGate"
    COMMANDS: ClassVar = {ActionPalette}  # the registry alone: Textual's own entries (themes, screenshot) are not ours
    BINDINGS: ClassVar[list[BindingType]] = bindings_in("app")
    CSS_PATH: ClassVar = ["screens/base.tcss", "screens/queue.tcss"]  # of the first screen: its own come too late
    CLOSE_TIMEOUT = 0.5
    DEFAULT_CSS = """
    Toast { max-width: 90%; padding: 0 1; background: $panel; color: $foreground; }
    """

    def __init__(
        self,
        store: Store | ForeignStore,
        *,
        environment: Mapping[str, str],
        clock: Clock | None = None,
        notice: str | None = None,
        store_name: str | None = None,
        ascii_only: bool = False,
        watch: bool = True,
        driver_class: type[Driver] | None = None,
    ) -> None:
        super().__init__(driver_class=driver_class)
        self.store = store
        self.store_name = store_name or _home_short(store.layout.root)
        self.notice = sanitize(notice or "")
        self._environment = environment
        self._ascii = ascii_only
        self._engine_coming = False
        self._bell = Bell()
        self.clock = clock or Clock()
        self.queue_signal: Signal[QueueSnapshot] = Signal(self, "queue")
        self.run_signal: Signal[RunSnapshot] = Signal(self, "run")
        self.growth_signal: Signal[None] = Signal(self, "growth")
        self.health_signal: Signal[Health] = Signal(self, "health")
        self.sync = Sync(StoreReader(store, self.store_name), self.clock, self, watch=watch)
        self.register_theme(theme.AGENTGATE)
        self.theme = theme.PLAIN if "NO_COLOR" in environment else theme.NAME

    def get_default_screen(self) -> Screen[None]:
        return QueueScreen()

    def on_mount(self) -> None:
        self.run_worker(self.sync.run(), name="sync", exclusive=True, group="sync")
        self.run_worker(self._learn_to_ring(), group="bell")

    def get_line_filters(self) -> Sequence[LineFilter]:
        last = (ASCII_FILTER,) if self._ascii else ()
        return [*super().get_line_filters(), CONTROL_FILTER, *last]

    # What the sync tells

    def queue_changed(self, snapshot: QueueSnapshot) -> None:
        if self._bell.rings_for(snapshot.view):
            self.bell()
        self.queue_signal.publish(snapshot)

    def run_changed(self, snapshot: RunSnapshot) -> None:
        self.run_signal.publish(snapshot)

    def logs_grew(self) -> None:
        self.growth_signal.publish(None)

    def health_changed(self, health: Health) -> None:
        self.health_signal.publish(health)

    async def _learn_to_ring(self) -> None:
        try:
            self._bell.events = await in_thread(lambda: read_bell_events(self._environment))
        except AgentGateError as fault:
            self.say(str(fault), error=True)

    # What can be done

    def say(self, words: str, *, error: bool = False) -> None:
        """Tell something in passing. The words may quote others: they are made safe, and are never markup."""
        said = sanitize(words.replace("\n", " "))[:_MOST_SAID]
        self.notify(said, severity="error" if error else "information", markup=False, timeout=8 if error else 4)

    def copy_out(self, text: str) -> None:
        """Send `text` to the terminal's clipboard (OSC 52), which does not say whether it took it."""
        sent = text.encode()[:MOST_COPIED].decode(errors="ignore")
        self.copy_to_clipboard(sent)
        cut = "" if sent == text else f", cut to {MOST_COPIED} bytes"
        first = sent.split("\n")[0][:60]
        self.say(f"sent to the terminal{cut}: {first}")

    def action_reread(self) -> None:
        self.sync.reread()
        self.say("reading the store again")

    @property
    def read_only(self) -> str | None:
        """Why nothing can be changed in this store; None where something can."""
        return view_of(self.store).read_only

    def writable(self) -> Store | None:
        """The store to change. Says so when it is only read, and is None then."""
        if isinstance(self.store, Store):
            return self.store
        self.say(self.store.read_only)
        return None

    def may_start_engine(self) -> bool:
        """Whether orders wait, no engine is alive, and none was started a moment ago."""
        if self.read_only is not None:
            return False
        view = self.sync.queue.view if self.sync.queue is not None else None
        return view is not None and view.engines == 0 and view.waiting + view.running > 0 and not self._engine_coming

    def start_engine(self) -> None:
        """Start an engine as a process of its own; it lives on when the console ends."""
        if (store := self.writable()) is None:
            return

        async def start() -> None:
            self._engine_coming = True
            try:
                engine = await in_thread(lambda: engines.start_engine(store, self._environment))
                self.say(f"engine {engine} is alive")
            except (AgentGateError, OSError) as fault:
                self.say(str(fault), error=True)
            finally:
                self._engine_coming = False
                self.sync.reread()

        self.run_worker(start(), group="engine", exclusive=True)
        self.say("starting an engine")

    def cancel_run(self, run: RunId) -> None:
        """Cancel a run. The wish is on the disk before an engine is told, so quitting does not take it back."""
        if (store := self.writable()) is None:
            return

        async def end() -> None:
            try:
                result = await in_thread(lambda: cancel.cancel(store, run, self.clock, reason="from the console"))
                told = {
                    "done": "is canceled",
                    "asked": "is asked to stop; its engine has not answered yet",
                    "already": f"had ended before: {result.state}",
                }
                self.say(f"run {run} {told[result.outcome]}")
            except (AgentGateError, OSError) as fault:
                self.say(f"run {run} was not canceled: {fault}", error=True)
            finally:
                self.sync.reread()

        self.run_worker(end(), group=f"cancel-{run}")
        self.say(f"canceling run {run}")

    def why_of_open_run(self) -> None:
        """The Why of the run that is looked at."""
        found = self.sync.open_run
        if found is not None:
            self.push_screen(WhyScreen(found.run_id, found.iteration or None))


def _home_short(root: Path) -> str:
    home = Path.home()
    return f"~/{root.relative_to(home)}" if root.is_relative_to(home) else str(root)


def wants_ascii(environment: Mapping[str, str], encoding: str) -> bool:
    """Whether the terminal is to get ASCII alone: it was asked for, has no UTF-8, or is the Linux console."""
    if environment.get("AGENTGATE_ASCII", "") not in ("", "0"):
        return True
    return environment.get("TERM") == "linux" or encoding.lower().replace("-", "").replace("_", "") != "utf8"


def run_console(store: Store | ForeignStore, *, notice: str | None = None, environment: Mapping[str, str]) -> int:
    """Show the console until the operator leaves it; the exit code. Runs that are at work go on."""
    from agentgate_tui.tty_driver import TtyDriver

    encoding = getattr(sys.__stderr__, "encoding", None) or locale.getpreferredencoding(False)
    app = ConsoleApp(
        store,
        environment=environment,
        notice=notice,
        ascii_only=wants_ascii(environment, encoding),
        driver_class=TtyDriver,
    )
    app.run()
    return app.return_code or 0
