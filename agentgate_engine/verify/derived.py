"""Commands that were found somewhere else than in a verify.yaml, on their way into a plan."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field

from agentgate_engine.models.gate_plan import PlannedCommand
from agentgate_engine.verify.plan_file import BUDGET_CHECK, SETUP_PREFIX

LINT_TIMEOUT = 120.0
CHECK_TIMEOUT = 300.0

_MAX_NAME = 80


@dataclass(frozen=True, slots=True)
class DerivedCommand:
    """A command and where each of its values came from. `timeout_origin` is None for a default."""

    command: PlannedCommand
    timeout_origin: str | None = None

    def origins(self, key: str) -> dict[str, str]:
        """The entries of `GatePlan.origins` for this command as `key`."""
        where = self.command.origin
        found = {key: where, f"{key}.command": where, f"{key}.timeout": self.timeout_origin or "default"}
        return found | ({f"{key}.expected_exit": "default"} if key.startswith("tests") else {})


@dataclass(slots=True)
class Derived:
    """What one way of finding a plan came to. `files` are those that commands were taken from.

    `warnings` tell what was left out and why, each with its file and line. Nothing was found when there are no `tests`.
    """

    setup: list[DerivedCommand] = field(default_factory=list[DerivedCommand])
    tests: list[DerivedCommand] = field(default_factory=list[DerivedCommand])
    files: list[str] = field(default_factory=list[str])
    warnings: list[str] = field(default_factory=list[str])

    def add_setup(self, name: str, command: str, origin: str, timeout: float = CHECK_TIMEOUT) -> None:
        """A setup step with a default timeout, unless the same command is there already."""
        _add(self.setup, name, command, origin, timeout)

    def add_test(self, name: str, command: str, origin: str, timeout: float = CHECK_TIMEOUT) -> None:
        """A check with a default timeout, unless the same command is there already."""
        _add(self.tests, name, command, origin, timeout)


def _add(into: list[DerivedCommand], name: str, command: str, origin: str, timeout: float) -> None:
    if all(other.command.command != command for other in into):
        own = unique_name(name, [other.command.name for other in into])
        into.append(DerivedCommand(PlannedCommand(name=own, command=command, timeout=timeout, origin=origin)))


def unique_name(wanted: str, taken: Iterable[str], context: str = "") -> str:
    """`wanted` as the name of a check: one printable line of at most 80 characters that no other command has.

    A name that is taken gets `context` before it, then a number behind it.
    """
    others = {*taken, BUDGET_CHECK, ""}
    plain = _clipped(wanted).removeprefix(SETUP_PREFIX).strip() or "command"
    for candidate in (plain, _clipped(f"{context}: {plain}") if context else plain):
        if candidate not in others:
            return candidate
    number = 2
    while (numbered := f"{plain[: _MAX_NAME - 6]} ({number})") in others:
        number += 1
    return numbered


def quoted(text: str) -> str:
    """`text` as one word of a shell command."""
    return shlex.quote(text)


def one_line(text: str) -> str:
    """`text` without line ends and without anything that is not printable: names in workflows are of any shape."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _clipped(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= _MAX_NAME else line[: _MAX_NAME - 3].rstrip() + "..."
