"""`verify.yaml`, read strictly: what it asks for is done, or refused with file, line and key.

The keys are the original's (upstream.md 2.2). Keys that this version cannot honour are refused when work could be
judged too kindly without them, and warned about when they change nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from agentgate_engine.models.gate_plan import PlannedCommand
from agentgate_engine.verify.globs import pattern_fault
from agentgate_engine.verify.yaml_value import YamlValue, read_document

NAMES = ("verify.yaml", ".agentgate/verify.yaml", "agentgate/verify.yaml")
"""Where a plan is looked for, first found first used."""

SETUP_TIMEOUT = 300.0
TEST_TIMEOUT = 120.0
SETUP_PREFIX = "setup:"
BUDGET_CHECK = "max-runtime"
"""The name of the check that says that the time budget was used up; no test may have it."""

_TOP = ("version", "name", "environment", "contracts", "tests", "blackbox", "sanity", "policy", "useGitHubCI")
_RUNTIMES = ("generic", "node", "python")
_MAX_NAME = 80


@dataclass(slots=True)
class VerifyYaml:
    """What a `verify.yaml` says: filled by this module alone, turned into a `GatePlan` at once.

    `lines` maps each dotted key that the file sets to `file:line`.
    """

    file: str
    name: str | None = None
    setup: list[PlannedCommand] = field(default_factory=list[PlannedCommand])
    required_files: list[str] = field(default_factory=list[str])
    forbidden_patterns: list[str] = field(default_factory=list[str])
    tests: list[PlannedCommand] = field(default_factory=list[PlannedCommand])
    max_runtime: float | None = None
    lines: dict[str, str] = field(default_factory=dict[str, str])
    warnings: list[str] = field(default_factory=list[str])


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
        "contracts": _contracts,
        "tests": _tests,
        "blackbox": _blackbox,
        "sanity": _sanity,
        "policy": _policy,
        "useGitHubCI": _github_ci,
    }
    for key, value in read_document(raw, file).mapping(_TOP).items():
        sections[key](value, plan)
    return plan


def _version(value: YamlValue, _plan: VerifyYaml) -> None:
    if str(value.node.value) not in ("1", "1.0"):
        raise value.fault(f'must be "1", the only version there is, not {value.shown}')


def _name(value: YamlValue, plan: VerifyYaml) -> None:
    plan.name = _check_name(value)
    plan.lines["name"] = value.origin


def _environment(value: YamlValue, plan: VerifyYaml) -> None:
    for key, entry in value.mapping(("runtime", "version", "setup")).items():
        if key == "setup":
            plan.setup = [_setup_step(item, i, plan) for i, item in enumerate(entry.items())]
            _no_twins(plan.setup, entry)
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
    _note_lines(entries, f"setup[{index}]", plan)
    return PlannedCommand(
        name=_check_name(_needed(item, entries, "name")),
        command=_needed(item, entries, "command").text("a shell command"),
        timeout=entries["timeout"].seconds() if "timeout" in entries else SETUP_TIMEOUT,
        origin=item.origin,
    )


def _tests(value: YamlValue, plan: VerifyYaml) -> None:
    for index, item in enumerate(value.items()):
        entries = item.mapping(("name", "command", "timeout", "expected_exit"))
        plan.lines[f"tests[{index}]"] = item.origin
        _note_lines(entries, f"tests[{index}]", plan)
        given = _needed(item, entries, "name")
        name = _check_name(given)
        if name.startswith(SETUP_PREFIX) or name == BUDGET_CHECK:
            raise given.fault(f"{given.shown} is a name that AgentGate uses itself; choose another")
        plan.tests.append(
            PlannedCommand(
                name=name,
                command=_needed(item, entries, "command").text("a shell command"),
                timeout=entries["timeout"].seconds() if "timeout" in entries else TEST_TIMEOUT,
                expected_exit=entries["expected_exit"].integer(0, 255) if "expected_exit" in entries else 0,
                origin=item.origin,
            )
        )
    _no_twins(plan.tests, value)


def _contracts(value: YamlValue, plan: VerifyYaml) -> None:
    known = ("required_files", "required_schemas", "forbidden_patterns", "naming_conventions")
    for key, entry in value.mapping(known).items():
        if key == "required_files":
            plan.required_files = _patterns(entry, plan)
        elif key == "forbidden_patterns":
            plan.forbidden_patterns = _patterns(entry, plan)
        elif not entry.is_empty:
            what = "schema checks" if key == "required_schemas" else "naming checks"
            raise entry.fault(f"{what} are not implemented yet; remove the key, or check it with a command under tests")


def _patterns(value: YamlValue, plan: VerifyYaml) -> list[str]:
    found: list[str] = []
    for item in value.items():
        pattern = item.text("a file pattern")
        wrong = pattern_fault(pattern)
        if wrong:
            raise item.fault(f"{wrong} ({item.shown})")
        if pattern not in found:
            plan.lines[f"{value.key}[{len(found)}]"] = item.origin
            found.append(pattern)
    return found


def _blackbox(value: YamlValue, _plan: VerifyYaml) -> None:
    if not value.is_empty:
        raise value.fault("blackbox checks (L2) are not implemented yet; remove the key, or write them as tests")


def _sanity(value: YamlValue, _plan: VerifyYaml) -> None:
    if not value.is_empty:
        raise value.fault("sanity checks (L3) are not implemented yet; remove the key, or write them as tests")


def _github_ci(value: YamlValue, _plan: VerifyYaml) -> None:
    if value.boolean():
        raise value.fault("judging by GitHub CI is not implemented yet; remove the key")


def _policy(value: YamlValue, plan: VerifyYaml) -> None:
    for key, entry in value.mapping(("network", "max_runtime", "max_disk_mb", "disallowed_commands")).items():
        if key == "max_runtime":
            plan.max_runtime = entry.seconds()
            plan.lines["max_runtime"] = entry.origin
        elif key == "network":
            if not entry.boolean():
                plan.warnings.append(
                    f"{entry.origin}: {entry.key}: false is not enforced: the plan's commands can reach the network"
                )
        elif not entry.is_empty:
            raise entry.fault("is not enforced by this version; remove the key, it would only look like a limit")


def _needed(item: YamlValue, entries: dict[str, YamlValue], key: str) -> YamlValue:
    if key not in entries:
        raise item.fault(f"has no {key}")
    return entries[key]


def _check_name(value: YamlValue) -> str:
    """A name that can stand in a check id, a permalink and one line of a screen."""
    name = value.text("a name")
    if len(name) > _MAX_NAME or not name.isprintable():
        raise value.fault(f"must be one line of at most {_MAX_NAME} printable characters")
    return name


def _no_twins(commands: list[PlannedCommand], where: YamlValue) -> None:
    """Names become check ids, and evidence of two checks must never fall together."""
    first: dict[str, PlannedCommand] = {}
    for command, item in zip(commands, where.items(), strict=True):
        if command.name in first:
            raise item.fault(f'the name "{command.name}" is taken by {first[command.name].origin}; names must differ')
        first[command.name] = command


def _note_lines(entries: dict[str, YamlValue], prefix: str, plan: VerifyYaml) -> None:
    plan.lines.update({f"{prefix}.{key}": entry.origin for key, entry in entries.items()})
