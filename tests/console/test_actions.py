"""The registry: complete, without clashes, and the only place that keys come from."""

from __future__ import annotations

import pytest
from textual.binding import Binding

from agentgate_tui import actions
from agentgate_tui.app import ConsoleApp
from agentgate_tui.screens.base import ConsoleScreen
from agentgate_tui.screens.confirm import ConfirmScreen
from agentgate_tui.screens.help import HelpScreen, help_lines
from agentgate_tui.screens.menu import MenuScreen
from agentgate_tui.screens.order import OrderScreen
from agentgate_tui.screens.queue import QueueScreen
from agentgate_tui.screens.reader import ReaderScreen
from agentgate_tui.screens.why import WhyScreen
from agentgate_tui.widgets.fact_list import FactList
from agentgate_tui.widgets.log_view import LogView
from agentgate_tui.widgets.virtual_table import VirtualTable

SCREENS = (QueueScreen, OrderScreen, WhyScreen, ReaderScreen, HelpScreen)
WIDGETS = {LogView: "log", VirtualTable: "table", FactList: "facts"}
ON_SCREEN = {
    QueueScreen: ("table",),
    OrderScreen: ("table", "log"),
    WhyScreen: ("facts", "log"),
    ReaderScreen: ("log",),
}


def keys_of(owner: type) -> set[str]:
    return {key for found in owner.__dict__.get("BINDINGS", ()) for key in found.key.split(",")}


def test_ids_are_unique() -> None:
    ids = [action.id for action in actions.REGISTRY]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("owner", [ConsoleApp, ConsoleScreen, *SCREENS, ConfirmScreen, MenuScreen, *WIDGETS])
def test_every_binding_comes_from_the_registry(owner: type) -> None:
    known = {action.id for action in actions.REGISTRY}
    for found in owner.__dict__.get("BINDINGS", ()):
        assert isinstance(found, Binding)
        assert found.id is not None
        assert found.id in known or found.id.rpartition(".")[0] in known


@pytest.mark.parametrize("screen", ON_SCREEN)
def test_no_key_means_two_things_on_a_screen(screen: type[ConsoleScreen]) -> None:
    for widget_scope in ON_SCREEN[screen]:
        taken: dict[str, str] = {}
        for action in actions.actions_in(*screen.SCOPES, widget_scope):
            for key in action.keys:
                assert key not in taken, f"{key} is both {taken[key]} and {action.id} on {screen.__name__}"
                taken[key] = action.id


@pytest.mark.parametrize("screen", ON_SCREEN)
def test_every_action_can_be_run_where_it_says(screen: type[ConsoleScreen]) -> None:
    for action in actions.actions_in(*screen.SCOPES):
        name = action.runs.partition("(")[0]
        owner, _, method = name.rpartition(".")
        target = ConsoleApp if owner == "app" else screen
        assert hasattr(target, f"action_{method}"), action.id


def test_the_help_names_every_key_of_a_scope() -> None:
    for scopes in (("all", "queue", "table"), ("all", "order", "log"), ("all", "why", "facts")):
        text = "\n".join(line.text for line in help_lines(scopes))
        for action in actions.actions_in(*scopes):
            assert action.help in text


def test_what_mutates_is_never_on_a_key_that_moves() -> None:
    mutating = {
        key for action in actions.REGISTRY if action.mutates and "dialog" not in action.where for key in action.keys
    }
    assert mutating == {"s"}
