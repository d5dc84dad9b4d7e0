"""A derived gate plan as the `verify.yaml` that says the same, for an operator to keep and change.

Only plans without a `verify.yaml` are written, so setup, tests and the time budget are all there is to say. What is
written parses back to the same verdict hash.
"""

from __future__ import annotations

import yaml

from agentgate_engine.models.gate_plan import GatePlan, PlannedCommand
from agentgate_engine.verify.gate_plan import DEFAULT_MAX_RUNTIME
from agentgate_engine.verify.verify_yaml import SETUP_TIMEOUT, TEST_TIMEOUT

_WIDTH = 4096
"""No line is folded: a command that is cut in two is hard to read and to search for."""

Value = str | float | int | list["Entry"] | dict[str, "Value"]
Entry = dict[str, Value]


def to_verify_yaml(plan: GatePlan) -> str:
    """The text of the file. `plan` must have been derived, or be the default."""
    document: Entry = {"version": "1", "name": plan.name}
    if plan.setup:
        document["environment"] = {"setup": [_command(each, SETUP_TIMEOUT) for each in plan.setup]}
    document["tests"] = [_command(each, TEST_TIMEOUT) for each in plan.tests]
    if plan.max_runtime != DEFAULT_MAX_RUNTIME:
        document["policy"] = {"max_runtime": _number(plan.max_runtime)}
    dumped: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH)
    return _heading(plan) + dumped


def _heading(plan: GatePlan) -> str:
    found = f"from {plan.source_file}" if plan.source_file else "from the defaults, which name no tests"
    return (
        f"# Written by `agentgate plan --write` {found} at {plan.source_commit[:12]}.\n"
        "# All of it must pass before a run counts as passed. The default contracts hold besides.\n"
    )


def _command(command: PlannedCommand, default_timeout: float) -> Entry:
    entry: Entry = {"name": command.name, "command": command.command}
    if command.timeout != default_timeout:
        entry["timeout"] = _number(command.timeout)
    if command.expected_exit:
        entry["expected_exit"] = command.expected_exit
    return entry


def _number(seconds: float) -> int | float:
    return int(seconds) if seconds.is_integer() else seconds


class _Dumper(yaml.SafeDumper):
    """Scripts of several lines as blocks, as people write them."""

    def represent_text(self, text: str) -> yaml.ScalarNode:
        plain = text.replace("\n", "").replace("\t", "").isprintable()
        style = ("|" if "\n" in text else None) if plain else '"'  # YAML breaks lines at characters a shell does not
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=style)  # pyright: ignore[reportUnknownMemberType]


_Dumper.add_representer(str, _Dumper.represent_text)
