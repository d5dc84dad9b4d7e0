"""A gate plan as an operator reads it: what is asked for, in order, and where each value comes from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from agentgate_engine.models.gate_plan import Contracts, GatePlan, PlannedCommand
from agentgate_engine.views import wording
from agentgate_engine.views.safe_text import SafeText, sanitize

_SOURCES = {
    "verify.yaml": "verify.yaml",
    "ci-workflow": "CI workflows",
    "language": "project files",
    "default": "default",
}


@dataclass(frozen=True, slots=True)
class PlanRow:
    """One value. `lines` is the value; a script of several lines keeps them."""

    group: str
    name: SafeText
    lines: tuple[SafeText, ...]
    origin: SafeText


@dataclass(frozen=True, slots=True)
class PlanView:
    """A whole plan. `rows` stand in the order in which they judge."""

    name: SafeText
    source: SafeText
    commit: SafeText
    hash: str
    rows: tuple[PlanRow, ...]
    warnings: tuple[SafeText, ...]


def plan_view(plan: GatePlan) -> PlanView:
    """The plan, ready to draw."""
    source = _SOURCES.get(plan.source, plan.source)
    if plan.source_file is not None and plan.source_file != source:
        source = f"{source} ({plan.source_file})"
    return PlanView(
        name=sanitize(plan.name),
        source=sanitize(source),
        commit=sanitize(plan.source_commit),
        hash=plan.hash,
        rows=tuple(_rows(plan)),
        warnings=tuple(sanitize(warning) for warning in plan.warnings),
    )


def _rows(plan: GatePlan) -> Iterator[PlanRow]:
    yield from _contracts(plan.contracts, plan.origins)
    commands = (("setup", plan.setup), ("tests", plan.tests), ("blackbox", plan.blackbox))
    for group, members in commands:
        for index, command in enumerate(members):
            yield from _command(group, f"{group}[{index}]", command, plan.origins)
            if group == "blackbox":
                each = plan.blackbox[index]
                told = [f"fixture {each.fixture}"] if each.fixture else []
                told += [f"asserts {assertion.type}" for assertion in each.assertions]
                yield from (_row(group, "", text, command.origin) for text in told)
    yield _row("sanity", "checks", ", ".join(plan.sanity) or "none", _origin(plan.origins, "sanity"))
    yield _row("policy", "max_runtime", _seconds(plan.max_runtime), _origin(plan.origins, "max_runtime"))
    yield _row("policy", "max_disk_mb", f"{plan.max_disk_mb:g} MB", _origin(plan.origins, "max_disk_mb"))
    disallowed = ", ".join(plan.disallowed_commands) or "none"
    yield _row("policy", "disallowed_commands", disallowed, _origin(plan.origins, "disallowed_commands"))
    if plan.check_retries:
        yield _row("policy", "check_retries", str(plan.check_retries), _origin(plan.origins, "check_retries"))


def _contracts(contracts: Contracts, origins: dict[str, str]) -> Iterator[PlanRow]:
    for key, patterns in (
        ("required_files", contracts.required_files),
        ("forbidden_patterns", contracts.forbidden_patterns),
    ):
        for index, pattern in enumerate(patterns):
            yield _row("contracts", key, pattern, _origin(origins, f"contracts.{key}[{index}]"))
    for schema in contracts.required_schemas:
        rules = ", ".join(f"{rule.type} {rule.field}".rstrip() for rule in schema.rules) or "must parse"
        yield _row("contracts", "required_schemas", f"{schema.file} ({schema.format}): {rules}", schema.origin)
    for naming in contracts.naming_conventions:
        yield _row("contracts", "naming_conventions", f"{naming.pattern}: {naming.rule}", naming.origin)
    if contracts.forbidden_new_patterns:
        key = "contracts.forbidden_new_patterns"
        patterns = ", ".join(contracts.forbidden_new_patterns)
        yield _row("contracts", "forbidden for new files", patterns, _origin(origins, key))


def _command(group: str, key: str, command: PlannedCommand, origins: dict[str, str]) -> Iterator[PlanRow]:
    lines = tuple(sanitize(line) for line in command.command.split("\n"))
    yield PlanRow(group, sanitize(command.name), lines, sanitize(command.origin))
    yield _row(group, "", f"timeout {_seconds(command.timeout)}", _origin(origins, f"{key}.timeout"))
    if command.expected_exit:
        origin = _origin(origins, f"{key}.expected_exit")
        yield _row(group, "", f"expected exit {command.expected_exit}", origin)


def _row(group: str, name: str, value: str, origin: str) -> PlanRow:
    return PlanRow(group, sanitize(name), (sanitize(value),), sanitize(origin))


def _origin(origins: dict[str, str], key: str) -> str:
    return origins.get(key, "default")


def _seconds(seconds: float) -> str:
    return wording.duration(round(seconds * 1000))
