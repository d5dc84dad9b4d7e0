"""What a `verify.yaml` says, and what its sections are read with."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from agentgate_engine.models.gate_plan import (
    ALL_SANITY,
    DEFAULT_DISALLOWED,
    GatePlan,
    NamingContract,
    PlannedBlackbox,
    PlannedCommand,
    SanityName,
    SchemaContract,
)
from agentgate_engine.verify.check_kind import SETUP_PREFIX
from agentgate_engine.verify.globs import pattern_fault
from agentgate_engine.verify.yaml_value import YamlValue

BUDGET_CHECK = "max-runtime"
"""The name of the check that says that the time budget was used up; no test may have it."""

_MAX_NAME = 80
_PATTERN = re.compile(r"[*?{]")


@dataclass(slots=True)
class VerifyYaml:
    """What a `verify.yaml` says: filled while it is read, turned into a `GatePlan` at once.

    `lines` maps each dotted key that the file sets to `file:line`.
    """

    file: str
    name: str | None = None
    setup: list[PlannedCommand] = field(default_factory=list[PlannedCommand])
    required_files: list[str] = field(default_factory=list[str])
    forbidden_patterns: list[str] = field(default_factory=list[str])
    schemas: list[SchemaContract] = field(default_factory=list[SchemaContract])
    naming: list[NamingContract] = field(default_factory=list[NamingContract])
    tests: list[PlannedCommand] = field(default_factory=list[PlannedCommand])
    blackbox: list[PlannedBlackbox] = field(default_factory=list[PlannedBlackbox])
    sanity: list[SanityName] | None = None
    max_runtime: float | None = None
    max_disk_mb: float | None = None
    disallowed_commands: list[str] = field(default_factory=list[str])
    github_ci: bool = False
    lines: dict[str, str] = field(default_factory=dict[str, str])
    warnings: list[str] = field(default_factory=list[str])

    @property
    def disallowed(self) -> list[str]:
        """What no command may contain: the default list and the file's own."""
        return list(dict.fromkeys([*DEFAULT_DISALLOWED, *self.disallowed_commands]))

    def laid_over(self, plan: GatePlan) -> GatePlan:
        """`plan` with what the file asks of L0 beyond file lists, of L2, of L3 and of disk; each with its origin."""
        origins = {
            "sanity": "default",
            "max_disk_mb": "default",
            "disallowed_commands": "default",
            **{f"blackbox[{i}].timeout": "default" for i in range(len(self.blackbox))},
            **plan.origins,
            **self.lines,
        }
        return plan.model_copy(
            update={
                "contracts": plan.contracts.model_copy(
                    update={"required_schemas": self.schemas, "naming_conventions": self.naming}
                ),
                "blackbox": self.blackbox,
                "sanity": list(ALL_SANITY) if self.sanity is None else self.sanity,
                "max_disk_mb": plan.max_disk_mb if self.max_disk_mb is None else self.max_disk_mb,
                "disallowed_commands": self.disallowed,
                "origins": origins,
            }
        )


def needed(item: YamlValue, entries: dict[str, YamlValue], key: str) -> YamlValue:
    """The value of a key that must be there."""
    if key not in entries:
        raise item.fault(f"has no {key}")
    return entries[key]


def check_name(value: YamlValue) -> str:
    """A name that can stand in a check id, a permalink and one line of a screen, and that is not one of ours."""
    name = value.text("a name")
    if len(name) > _MAX_NAME or not name.isprintable():
        raise value.fault(f"must be one line of at most {_MAX_NAME} printable characters")
    return name


def own_name(value: YamlValue) -> str:
    """A check name that AgentGate does not use itself."""
    name = check_name(value)
    if name.startswith(SETUP_PREFIX) or name == BUDGET_CHECK:
        raise value.fault(f"{value.shown} is a name that AgentGate uses itself; choose another")
    return name


def no_twins(commands: Sequence[PlannedCommand], where: YamlValue) -> None:
    """Names become check ids, and evidence of two checks must never fall together."""
    first: dict[str, PlannedCommand] = {}
    for command, item in zip(commands, where.items(), strict=True):
        if command.name in first:
            raise item.fault(f'the name "{command.name}" is taken by {first[command.name].origin}; names must differ')
        first[command.name] = command


def note_lines(entries: dict[str, YamlValue], prefix: str, plan: VerifyYaml) -> None:
    """Remember where each key of an entry stands."""
    plan.lines.update({f"{prefix}.{key}": entry.origin for key, entry in entries.items()})


def file_pattern(value: YamlValue) -> str:
    """A pattern of `globs`."""
    pattern = value.text("a file pattern")
    wrong = pattern_fault(pattern)
    if wrong:
        raise value.fault(f"{wrong} ({value.shown})")
    return pattern


def file_path(value: YamlValue) -> str:
    """The path of one file of the repository, relative and without `.` or `..`."""
    path = value.text("the path of a file").removeprefix("./")
    if _PATTERN.search(path) or path.endswith("/"):
        raise value.fault(f"must be the path of one file, not {value.shown}; patterns are not supported here")
    wrong = pattern_fault(path)
    if wrong:
        raise value.fault(f"{wrong} ({value.shown})")
    return path


def regular_expression(value: YamlValue) -> str:
    """A regular expression in Python's syntax."""
    pattern = value.verbatim("a regular expression")
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as fault:
        raise value.fault(f"is not a regular expression: {fault} ({value.shown})") from fault
    return pattern
