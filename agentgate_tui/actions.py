"""The registry of actions: what can be done, by which keys, and where.

Bindings, palette, footer and help derive from it, and an action that does nothing does not stand in it. `where` names
scopes: a screen has the scope `all` and its own, and the widget that holds the focus adds `log`, `table` or `facts`.
Within a screen and the widgets on it no key means two things; a test holds that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from textual.binding import Binding, BindingType

from agentgate_tui.widgets.fact_list import FactList
from agentgate_tui.widgets.log_view import LogView
from agentgate_tui.widgets.virtual_table import VirtualTable

DIGITS = tuple("123456789")


@dataclass(frozen=True, slots=True)
class Action:
    """One thing an operator can do.

    `runs` is a Textual action, in which ``{key}`` stands for the key pressed. `footer` orders the footer, 0 keeps it
    out.
    `mutates` marks what changes the world: those ask first, and are reached through `x` or name what they do.
    """

    id: str
    title: str
    help: str
    keys: tuple[str, ...]
    where: tuple[str, ...]
    runs: str
    footer: int = 0
    mutates: bool = False


_RUN = ("queue", "order", "why")
_ACTIONS = (
    Action("app.up", "back", "one level up", ("q",), ("order", "why", "reader"), "up", 28),
    Action("queue.quit", "quit", "leave the console; runs go on", ("q",), ("queue",), "up", 28),
    Action("app.escape", "back", "close the search, zoom or screen; never quits", ("escape",), ("all",), "escape"),
    Action("app.quit", "quit", "leave the console; runs go on", ("ctrl+q",), ("app",), "quit"),
    Action("app.help", "help", "the keys that work here", ("?",), ("all",), "help", 95),
    Action("app.palette", "palette", "every action by name", ("ctrl+p",), ("all",), "app.command_palette"),
    Action("app.next_pane", "pane", "to the next pane", ("tab",), ("all", "dialog"), "app.focus_next"),
    Action("app.previous_pane", "pane", "to the pane before", ("shift+tab",), ("all", "dialog"), "app.focus_previous"),
    Action("app.reread", "re-read", "read the store again, now", ("R",), ("all",), "app.reread"),
    Action("app.copy_line", "copy", "copy the selection, else the line or row", ("y",), ("all",), "copy_line"),
    Action("app.copy_selection", "copy", "copy the text that is selected", ("ctrl+c",), ("all",), "screen.copy_text"),
    Action("app.copy_link", "copy link", "copy the run's link and command", ("Y",), _RUN, "copy_link"),
    Action("run.why", "why", "why it failed, or what it is doing", ("w",), ("queue", "order", "reader"), "why", 10),
    Action("run.log", "log", "what the agent said and did", ("l",), _RUN, "pane('log')", 20),
    Action("run.tools", "time", "the agent's tool calls in time", ("t",), _RUN, "pane('tools')", 21),
    Action("run.verify", "verify", "levels, checks and cases of the iteration", ("v",), _RUN, "pane('verify')", 21),
    Action("run.diff", "diff", "what the iteration changed", ("d",), _RUN, "pane('diff')", 23),
    Action("run.feedback", "feedback", "what the agent was told, as sent", ("f",), _RUN, "pane('feedback')", 23),
    Action("run.matrix", "matrix", "every check in every iteration", ("m",), _RUN, "pane('matrix')", 24),
    Action("run.facts", "info", "repository, branch, limits, plan, warnings, files", ("i",), _RUN, "pane('facts')", 27),
    Action("run.menu", "actions", "what can be done to the run: cancel, start an engine", ("x",), _RUN, "menu", 22),
    Action("order.previous", "iteration", "the iteration before", ("[",), ("order", "why"), "iteration(-1)"),
    Action("order.next", "iteration", "the iteration after", ("]",), ("order", "why"), "iteration(1)"),
    Action("order.raw", "raw", "transcript, raw stdout, raw stderr", ("r",), ("order",), "raw", 30),
    Action("order.zoom", "zoom", "the pane alone, and back", ("z",), ("order",), "zoom"),
    Action("find.filter", "filter", "word !word field:value /regex/", ("/",), ("queue",), "find", 12),
    Action("find.search", "search", "find text in the log or table", ("/",), ("order", "reader", "why"), "find", 31),
    Action("find.next", "next", "the next match", ("n",), ("order", "reader", "why"), "find_next(1)"),
    Action("find.previous", "previous", "the match before", ("N",), ("order", "reader", "why"), "find_next(-1)"),
    Action("why.fact", "go", "to the evidence of that fact", DIGITS, ("why",), "fact({key})", 15),
    Action("queue.start", "start engine", "orders wait: start an engine", ("s",), ("queue",), "start_engine", 5, True),
    Action("dialog.yes", "yes", "do it", ("y",), ("dialog",), "yes", 10, True),
    Action("dialog.no", "no", "leave it", ("n", "q", "escape"), ("dialog",), "no", 11),
    Action("menu.close", "close", "do nothing", ("q", "escape"), ("menu",), "close", 10),
)  # fmt: skip
_WIDGETS: tuple[tuple[str, Sequence[BindingType]], ...] = (
    ("log", LogView.BINDINGS),
    ("table", VirtualTable.BINDINGS),
    ("facts", FactList.BINDINGS),
)


def _of_widget(scope: str, bindings: Sequence[BindingType]) -> Iterable[Action]:
    """A widget states its own moves beside its code; the registry takes them in, for footer, help and palette."""
    for binding in bindings:
        assert isinstance(binding, Binding) and binding.id is not None
        keys = tuple(binding.key.split(","))
        title = binding.description.lower()
        yield Action(binding.id, title, title, keys, (scope,), binding.action, 1 if "enter" in keys else 0)


REGISTRY: tuple[Action, ...] = (*_ACTIONS, *(a for scope, bindings in _WIDGETS for a in _of_widget(scope, bindings)))


def actions_in(*scopes: str) -> tuple[Action, ...]:
    """The actions of these scopes, in the order of the registry."""
    return tuple(action for action in REGISTRY if any(scope in action.where for scope in scopes))


def changes_something(action_id: str) -> bool:
    """Whether an action writes, or leads to nothing but actions that do: a store which is only read offers none."""
    return action_id == "run.menu" or any(action.id == action_id and action.mutates for action in REGISTRY)


def bindings_in(*scopes: str) -> list[BindingType]:
    """The actions of these scopes as bindings. A key of its own makes a binding of its own where the action asks."""
    made: list[BindingType] = []
    for action in actions_in(*scopes):
        groups = [(key,) for key in action.keys] if "{key}" in action.runs else [action.keys]
        for keys in groups:
            run = action.runs.replace("{key}", keys[0])
            ident = action.id if len(groups) == 1 else f"{action.id}.{keys[0]}"
            made.append(Binding(",".join(keys), run, action.title, show=False, id=ident))
    return made
