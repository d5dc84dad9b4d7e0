"""`ConsoleScreen`: what every screen has: line 1, the body, a prompt that comes when asked for, and the keys below."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.geometry import Offset
from textual.screen import Screen
from textual.selection import Selection
from textual.widget import Widget
from textual.widgets import Input

from agentgate_engine.views.safe_text import SafeText
from agentgate_tui.actions import actions_in, bindings_in, changes_something
from agentgate_tui.screens.lines import footer_line, top_line
from agentgate_tui.snapshots import QueueSnapshot, RunSnapshot
from agentgate_tui.sync import Health
from agentgate_tui.widgets.cell_lines import CellLines
from agentgate_tui.widgets.fact_list import FactList
from agentgate_tui.widgets.log_view import LogView
from agentgate_tui.widgets.prompt_line import PromptLine
from agentgate_tui.widgets.virtual_table import VirtualTable

if TYPE_CHECKING:
    from agentgate_tui.app import ConsoleApp

MOST_COPIED = 55_000
"""Bytes sent to the terminal's clipboard: base64 makes 74 kB of it, which is as much as terminals take."""


class ConsoleScreen(Screen[None], inherit_bindings=False):
    """A level of the drill-down. `SCOPES` names the actions that work here, besides those of the widget in focus."""

    SCOPES: ClassVar[tuple[str, ...]] = ("all",)
    CSS_PATH = ["base.tcss"]
    BINDINGS = bindings_in("all")
    find_hint: ClassVar[str] = "text to find"
    mounted_body: bool = False

    @property
    def console(self) -> ConsoleApp:
        from agentgate_tui.app import ConsoleApp

        assert isinstance(self.app, ConsoleApp)
        return self.app

    def compose(self) -> ComposeResult:
        yield CellLines(id="top")
        yield from self.body()
        yield PromptLine()
        yield CellLines(id="footer")

    def body(self) -> ComposeResult:
        """The widgets between the first line and the keys."""
        raise NotImplementedError

    def crumbs(self) -> tuple[SafeText, ...]:
        """Where this is, below what is under it on the stack."""
        raise NotImplementedError

    def on_mount(self) -> None:
        console = self.console
        console.queue_signal.subscribe(self, self._queue_changed)
        console.run_signal.subscribe(self, self.run_changed)
        console.health_signal.subscribe(self, self._health_changed)
        console.growth_signal.subscribe(self, self._logs_grew)
        self.mounted_body = True
        if console.sync.queue is not None:
            self.queue_changed(console.sync.queue)
        if console.sync.open_run is not None:
            self.run_changed(console.sync.open_run)
        self.draw_frame()

    # What arrives

    def _queue_changed(self, snapshot: QueueSnapshot) -> None:
        self.queue_changed(snapshot)
        self.draw_top()

    def queue_changed(self, snapshot: QueueSnapshot) -> None:
        """The queue moved."""

    def run_changed(self, snapshot: RunSnapshot) -> None:
        """The run that is looked at moved, or another is looked at now."""

    def _health_changed(self, health: Health) -> None:
        self.draw_top()

    def _logs_grew(self, _: None) -> None:
        for view in self.query(LogView):
            if view.display:
                view.refresh_source()

    # The frame

    def draw_frame(self) -> None:
        """Line 1 and the footer."""
        self.draw_top()
        self.draw_footer()

    def draw_top(self) -> None:
        console = self.console
        crumbs = [
            crumb for screen in console.screen_stack if isinstance(screen, ConsoleScreen) for crumb in screen.crumbs()
        ]
        queue = console.sync.queue.view if console.sync.queue is not None else None
        self.query_one("#top", CellLines).set_lines([top_line(crumbs, queue, console.sync.health, self.notice)])

    @property
    def notice(self) -> SafeText:
        """What else line 1 says."""
        return SafeText("")

    def draw_footer(self) -> None:
        scopes = self.scopes_now()
        actions = [action for action in actions_in(*scopes) if self.offers(action.id)]
        self.query_one("#footer", CellLines).set_lines([footer_line(actions, self.size.width)])

    def scopes_now(self) -> tuple[str, ...]:
        """The scopes of the keys that work at this moment."""
        return (*self.SCOPES, *_scope_of(self.focused))

    def offers(self, action_id: str) -> bool:
        """Whether an action of the registry can be done at this moment."""
        return self.console.read_only is None or not changes_something(action_id)

    def on_resize(self) -> None:
        self.set_class(self.size.width < 60 or self.size.height < 16, "-tiny")
        if self.mounted_body:
            self.draw_frame()

    def on_descendant_focus(self) -> None:
        self.draw_footer()

    def on_screen_resume(self) -> None:
        if not self.mounted_body:
            return
        self.draw_frame()
        if self.console.sync.open_run is not None:
            self.run_changed(self.console.sync.open_run)  # what came while another screen stood above
        self._logs_grew(None)

    # Actions

    def action_up(self) -> None:
        if len(self.console.screen_stack) > 1:
            self.console.pop_screen()
        else:
            self.console.exit(0)

    def action_escape(self) -> None:
        if self.close_something():
            return
        if len(self.console.screen_stack) > 1:
            self.console.pop_screen()

    def close_something(self) -> bool:
        """Close the prompt, or whatever else esc peels off before the screen. True if there was something."""
        prompt = self.query_one(PromptLine)
        if prompt.display:
            self.prompt_left(prompt)
            return True
        for view in self.query(LogView):
            if view.display and view.search.needle is not None:
                view.find("")
                return True
        return False

    def action_help(self) -> None:
        from agentgate_tui.screens.help import HelpScreen

        if not isinstance(self, HelpScreen):
            self.console.push_screen(HelpScreen(self.scopes_now()))

    def action_find(self) -> None:
        self.query_one(PromptLine).open(self.find_hint, self.sought())

    def sought(self) -> str:
        """What was looked for last."""
        view = self.found_in()
        return view.search.needle.text if view is not None and view.search.needle is not None else ""

    def found_in(self) -> LogView | None:
        """The log that is searched: the one in focus, else the first in view."""
        if isinstance(self.focused, LogView):
            return self.focused
        return next((view for view in self.query(LogView) if view.display and view.region.height), None)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        text = event.value
        if isinstance(event.input, PromptLine):
            self.prompt_left(event.input)
            self.find(text)

    def prompt_left(self, prompt: PromptLine) -> None:
        """Hide the prompt and give the focus back to what is read."""
        prompt.close()
        target = self.found_in() or next(iter(self.focus_targets()), None)
        if target is not None:
            target.focus()

    def focus_targets(self) -> Iterable[Widget]:
        """Widgets that may take the focus, the most important first."""
        return [widget for widget in self.focus_chain if not isinstance(widget, PromptLine)]

    def find(self, text: str) -> None:
        """Go to the first line that holds `text`, and say how many do."""
        view = self.found_in()
        if view is not None:
            view.find("")
            self._tell_found(view, text, view.find(text))

    def action_find_next(self, direction: int) -> None:
        view = self.found_in()
        if view is not None and view.search.needle is not None:
            self._tell_found(view, view.search.needle.text, view.find(view.search.needle.text, direction))
        else:
            self.console.say("nothing is searched for; / starts a search")

    def _tell_found(self, view: LogView, text: str, line: int | None) -> None:
        if text and line is None:
            if view.search.gave_up_at is not None:
                self.console.say("not found yet in this very long log; n goes on")
            else:
                self.console.say("no further match" if view.matches else "no match")

    def action_copy_line(self) -> None:
        text = self.get_selected_text() or self.words_here()
        if text:
            self.console.copy_out(text)

    def words_here(self) -> str:
        """The line or row that is copied when nothing is selected."""
        focused = self.focused
        if isinstance(focused, LogView):
            top, height, here = focused.scroll_offset.y, focused.size.height, focused.search.here
            line = here if here is not None and top <= here < top + height else top
            found = focused.get_selection(Selection(Offset(0, line), Offset(1 << 20, line)))
            return found[0] if found else ""
        if isinstance(focused, VirtualTable) and focused.cursor_index is not None:
            return focused.render_line(1 + focused.cursor_index - focused.scroll_offset.y).text[2:].strip()
        if isinstance(focused, FactList) and focused.fact is not None:
            return "\n".join(focused.fact.lines)
        return ""


def _scope_of(focused: Widget | None) -> tuple[str, ...]:
    if isinstance(focused, LogView):
        return ("log",)
    if isinstance(focused, VirtualTable):
        return ("table",)
    return ("facts",) if isinstance(focused, FactList) else ()
