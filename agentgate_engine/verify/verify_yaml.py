"""`verify.yaml`, read strictly: what it asks for is done, or refused with file, line and key.

The keys are the original's (upstream.md 2.2), and `sanity`. What has no effect on this machine is warned about.
"""

from __future__ import annotations

from collections.abc import Callable

from agentgate_engine.models.gate_plan import PlannedCommand
from agentgate_engine.verify.disallowed import refuse_disallowed
from agentgate_engine.verify.plan_blackbox import read_blackbox, read_sanity
from agentgate_engine.verify.plan_contracts import read_contracts
from agentgate_engine.verify.plan_file import (
    BUDGET_CHECK,
    SETUP_PREFIX,
    VerifyYaml,
    check_name,
    needed,
    no_twins,
    note_lines,
    own_name,
)
from agentgate_engine.verify.yaml_value import YamlValue, read_document

__all__ = ["BUDGET_CHECK", "NAMES", "SETUP_PREFIX", "VerifyYaml", "parse_verify_yaml"]

NAMES = ("verify.yaml", ".agentgate/verify.yaml", "agentgate/verify.yaml")
"""Where a plan is looked for, first found first used."""

SETUP_TIMEOUT = 300.0
TEST_TIMEOUT = 120.0

_TOP = ("version", "name", "environment", "contracts", "tests", "blackbox", "sanity", "policy", "useGitHubCI")
_RUNTIMES = ("generic", "node", "python")


def parse_verify_yaml(raw: bytes, file: str) -> VerifyYaml:
    """The plan in `raw`; `file` is the name that faults give.

    Raises:
        UsageError: one sentence, `file:line: key: what is wrong`.
    """
    plan = VerifyYaml(file)
    sections: dict[str, Callable[[YamlValue, VerifyYaml], None]] = {
        "version": _version,
        "name": _name,
        "environment": _environment,
        "contracts": read_contracts,
        "tests": _tests,
        "blackbox": read_blackbox,
        "sanity": read_sanity,
        "policy": _policy,
        "useGitHubCI": _github_ci,
    }
    for key, value in read_document(raw, file).mapping(_TOP).items():
        sections[key](value, plan)
    groups = (("setup", plan.setup), ("tests", plan.tests), ("blackbox", plan.blackbox))
    placed = [
        command.model_copy(update={"origin": plan.lines.get(f"{group}[{i}].command", command.origin)})
        for group, commands in groups
        for i, command in enumerate(commands)
    ]
    refuse_disallowed(placed, plan.disallowed)
    return plan


def _version(value: YamlValue, _plan: VerifyYaml) -> None:
    if str(value.node.value) not in ("1", "1.0"):
        raise value.fault(f'must be "1", the only version there is, not {value.shown}')


def _name(value: YamlValue, plan: VerifyYaml) -> None:
    plan.name = check_name(value)
    plan.lines["name"] = value.origin


def _environment(value: YamlValue, plan: VerifyYaml) -> None:
    for key, entry in value.mapping(("runtime", "version", "setup")).items():
        if key == "setup":
            plan.setup = [_setup_step(item, i, plan) for i, item in enumerate(entry.items())]
            no_twins(plan.setup, entry)
        elif key == "version" or entry.text() != "generic":
            if key == "runtime" and entry.text() not in _RUNTIMES:
                raise entry.fault(f"must be one of {', '.join(_RUNTIMES)}, not {entry.shown}")
            plan.warnings.append(
                f"{entry.origin}: {entry.key} has no effect: checks run with what this machine has, or what setup makes"
            )


def _setup_step(item: YamlValue, index: int, plan: VerifyYaml) -> PlannedCommand:
    """A step written as a plain command is named by its place, counted from 1."""
    plan.lines[f"setup[{index}]"] = item.origin
    if item.is_text:
        return PlannedCommand(name=str(index + 1), command=item.text(), timeout=SETUP_TIMEOUT, origin=item.origin)
    entries = item.mapping(("name", "command", "timeout"))
    note_lines(entries, f"setup[{index}]", plan)
    return PlannedCommand(
        name=check_name(needed(item, entries, "name")),
        command=needed(item, entries, "command").text("a shell command"),
        timeout=entries["timeout"].seconds() if "timeout" in entries else SETUP_TIMEOUT,
        origin=item.origin,
    )


def _tests(value: YamlValue, plan: VerifyYaml) -> None:
    for index, item in enumerate(value.items()):
        entries = item.mapping(("name", "command", "timeout", "expected_exit"))
        plan.lines[f"tests[{index}]"] = item.origin
        note_lines(entries, f"tests[{index}]", plan)
        plan.tests.append(
            PlannedCommand(
                name=own_name(needed(item, entries, "name")),
                command=needed(item, entries, "command").text("a shell command"),
                timeout=entries["timeout"].seconds() if "timeout" in entries else TEST_TIMEOUT,
                expected_exit=entries["expected_exit"].integer(0, 255) if "expected_exit" in entries else 0,
                origin=item.origin,
            )
        )
    no_twins(plan.tests, value)


def _github_ci(value: YamlValue, plan: VerifyYaml) -> None:
    plan.github_ci = value.boolean()
    plan.lines["useGitHubCI"] = value.origin


def _policy(value: YamlValue, plan: VerifyYaml) -> None:
    for key, entry in value.mapping(("network", "max_runtime", "max_disk_mb", "disallowed_commands")).items():
        match key:
            case "max_runtime":
                plan.max_runtime = entry.seconds()
                plan.lines["max_runtime"] = entry.origin
            case "max_disk_mb":
                plan.max_disk_mb = entry.amount("megabytes")
                plan.lines["max_disk_mb"] = entry.origin
            case "disallowed_commands":
                plan.disallowed_commands = [item.text("a part of a command") for item in entry.items()]
                plan.lines["disallowed_commands"] = entry.origin
            case _:
                if not entry.boolean():
                    plan.warnings.append(
                        f"{entry.origin}: {entry.key}: false is not enforced: the plan's commands can reach the network"
                    )
