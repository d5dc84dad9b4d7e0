"""From the repository's base commit to the plan that judges a run.

The plan is read from the base commit, never from the tree that the agent works in. A found `verify.yaml` is laid over
the default. The two lists of forbidden patterns are judged differently: what the repository asks for holds for the
whole tree; the default list only for files that the base commit does not have, because an agent cannot be blamed, and
often cannot help, what was there before it came.
"""

from __future__ import annotations

from collections.abc import Callable

from agentgate_engine.models.gate_plan import DEFAULT_FORBIDDEN, Contracts, GatePlan, PlannedCommand
from agentgate_engine.verify.verify_yaml import NAMES, VerifyYaml, parse_verify_yaml

DEFAULT_MAX_RUNTIME = 600.0

Reader = Callable[[str], bytes | None]
"""The content of a path at the base commit, or `None` where there is no such file."""


def resolve_plan(read: Reader, base_commit: str) -> GatePlan:
    """The plan in force for work that starts from `base_commit`.

    Raises:
        UsageError: there is a verify.yaml and it cannot be honoured; the message names file, line and key.
    """
    found = [(name, raw) for name in NAMES if (raw := read(name)) is not None]
    if not found:
        return _default_plan(base_commit)
    name, raw = found[0]
    plan = _merged(parse_verify_yaml(raw, name), base_commit)
    ignored = [f"{other} is ignored: {name} is there and comes first" for other, _ in found[1:]]
    return plan.model_copy(update={"warnings": [*plan.warnings, *ignored]})


def _default_plan(base_commit: str) -> GatePlan:
    return GatePlan(
        source="default",
        source_commit=base_commit,
        name="default",
        contracts=Contracts(forbidden_new_patterns=list(DEFAULT_FORBIDDEN)),
        max_runtime=DEFAULT_MAX_RUNTIME,
        origins={"name": "default", "contracts.forbidden_new_patterns": "default", "max_runtime": "default"},
        warnings=[
            f"no verify.yaml at {base_commit[:12]}: nothing but the default contracts judges this work; "
            f"write one to {NAMES[0]}, with the commands that must pass under tests"
        ],
    )


def _merged(found: VerifyYaml, base_commit: str) -> GatePlan:
    warnings = list(found.warnings)
    if not found.tests:
        warnings.append(f"{found.file} names no tests: only its contracts judge this work; list commands under tests")
    kept_defaults = [pattern for pattern in DEFAULT_FORBIDDEN if pattern not in found.forbidden_patterns]
    return GatePlan(
        source="verify.yaml",
        source_file=found.file,
        source_commit=base_commit,
        name=found.name or found.file,
        setup=found.setup,
        contracts=Contracts(
            required_files=found.required_files,
            forbidden_patterns=found.forbidden_patterns,
            forbidden_new_patterns=kept_defaults,
        ),
        tests=found.tests,
        max_runtime=found.max_runtime or DEFAULT_MAX_RUNTIME,
        origins=_origins(found),
        warnings=warnings,
    )


def _origins(found: VerifyYaml) -> dict[str, str]:
    """Where each value came from; what the file does not set is a default."""
    origins = {"name": "default", "contracts.forbidden_new_patterns": "default", "max_runtime": "default"}
    groups: tuple[tuple[str, list[PlannedCommand], tuple[str, ...]], ...] = (
        ("setup", found.setup, ("timeout",)),
        ("tests", found.tests, ("timeout", "expected_exit")),
    )
    for group, commands, optional in groups:
        origins.update({f"{group}[{i}].{key}": "default" for i in range(len(commands)) for key in optional})
    return origins | found.lines
