"""The keys that work where `?` was pressed, from the registry."""

from __future__ import annotations

from collections.abc import Sequence

from agentgate_engine.views.safe_text import SafeText
from agentgate_tui.actions import actions_in
from agentgate_tui.keys import shown_keys
from agentgate_tui.screens.reader import ReaderScreen
from agentgate_tui.widgets.log_source import LogLine, TextLogSource

_HEADINGS = {
    "all": "everywhere",
    "queue": "on the queue",
    "order": "on an order",
    "why": "on a why",
    "reader": "on a text",
    "log": "in a log",
    "table": "in a table",
    "facts": "among the facts",
}
_WIDTH = 18


def help_lines(scopes: Sequence[str]) -> list[LogLine]:
    """The keys of these scopes, the narrowest first: that is what was asked about."""
    lines: list[LogLine] = []
    told: set[str] = set()
    for scope in reversed(scopes):
        actions = [action for action in actions_in(scope) if action.id not in told]
        told |= {action.id for action in actions}
        if not actions:
            continue
        lines += [LogLine(SafeText("")), LogLine(SafeText(_HEADINGS.get(scope, scope)), "heading")]
        lines += [LogLine(SafeText(f"  {shown_keys(action.keys):<{_WIDTH}} {action.help}")) for action in actions]
    return lines[1:]


class HelpScreen(ReaderScreen):
    """Can be searched with `/`, as any text."""

    def __init__(self, scopes: Sequence[str]) -> None:
        super().__init__(SafeText("keys"), TextLogSource(help_lines(scopes)))
