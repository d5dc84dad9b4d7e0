"""Commands that no plan may hold (`policy.disallowed_commands`). Pure.

This keeps a plan from doing harm by mistake; it is no protection against a command that hides what it does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from agentgate_engine.errors import UsageError
from agentgate_engine.models.gate_plan import PlannedCommand

_WORD = r"[\w./~-]"


def disallowed_in(command: str, disallowed: Sequence[str]) -> str | None:
    """The first of `disallowed` that stands in `command` as whole words, however they are spaced; None for none.

    `rm -rf /` is in `rm  -rf / --no-preserve-root` and in `rm -rf /*`, and not in `rm -rf /tmp/x`.
    """
    for each in disallowed:
        words = r"\s+".join(re.escape(word) for word in each.split())
        if words and re.search(f"(?<!{_WORD}){words}(?!{_WORD})", command):
            return each
    return None


def refuse_disallowed(commands: Iterable[PlannedCommand], disallowed: Sequence[str]) -> None:
    """Refuse a plan one of whose commands holds what it may not.

    Raises:
        UsageError: the message names where the command stands.
    """
    for command in commands:
        found = disallowed_in(command.command, disallowed)
        if found is not None:
            raise UsageError(
                f'{command.origin}: the command of "{command.name}" holds "{found}", which '
                "policy.disallowed_commands forbids; change the command"
            )
