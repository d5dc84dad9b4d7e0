"""From the repository's base commit to the plan that judges a run.

The plan is read from the base commit, never from the tree that the agent works in. Without a wish of the operator's the
order is: a `verify.yaml`, the repository's own CI workflows, what its project files show, the default plan. What was
asked for by name and is not there, or is broken, stops the submit; it never becomes another plan in silence.

The two lists of forbidden patterns are judged differently: what the repository asks for holds for the whole tree; the
default list only for files that the base commit does not have, because an agent cannot be blamed, and often cannot
help, what was there before it came.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agentgate_engine.errors import UsageError
from agentgate_engine.models.gate_plan import DEFAULT_FORBIDDEN, Contracts, GatePlan, PlannedCommand
from agentgate_engine.models.work_order import GatePlanSource
from agentgate_engine.verify.ci_workflows import FOLDER, import_workflows, workflow_files
from agentgate_engine.verify.derived import Derived, unique_name
from agentgate_engine.verify.disallowed import disallowed_in
from agentgate_engine.verify.language_defaults import LANGUAGE_FILES, language_defaults
from agentgate_engine.verify.verify_yaml import NAMES, VerifyYaml, parse_verify_yaml

DEFAULT_MAX_RUNTIME = 600.0
MOST_MAX_RUNTIME = 3600.0
"""What timeouts that a CI workflow writes out can raise the budget to, in seconds."""

Reader = Callable[[str], bytes | None]
"""The content of a path at the base commit, or `None` where there is no such file."""
Paths = Callable[[], Sequence[str]]
"""Every path at the base commit; asked only where no verify.yaml decides."""

_MOST_REASONS = 5
_NAMES_TOLD = ", ".join(NAMES)


def resolve_plan(read: Reader, base_commit: str, *, paths: Paths = tuple, source: GatePlanSource = "auto") -> GatePlan:
    """The plan in force for work that starts from `base_commit`.

    Raises:
        UsageError: `source` names a way that leads to no plan, or a file that decides cannot be honoured; the message
            names file, line and key, or the files that were looked for.
    """
    return _Resolution(read, base_commit, paths).plan(source)


def plan_files(plan: GatePlan) -> frozenset[str]:
    """Every file that the plan's values were taken from, and every place of a verify.yaml: those that an agent may
    not change unseen."""
    origins = (origin.rpartition(":")[0] for origin in plan.origins.values() if ":" in origin)
    return frozenset((*NAMES, *filter(None, origins)))


@dataclass(frozen=True, slots=True)
class _Resolution:
    read: Reader
    base_commit: str
    paths: Paths

    def plan(self, source: GatePlanSource) -> GatePlan:
        match source:
            case "auto":
                return self._automatic()
            case "verify-profile":
                if plan := self._from_verify_yaml():
                    return plan
                raise UsageError(
                    f"there is no verify.yaml at {self._base}, looked for as {_NAMES_TOLD}; "
                    "commit one, or choose another gate plan"
                )
            case "ci-workflow":
                return self._derived(source, self._imported(), "")
            case "language":
                found = language_defaults(self.read, self.paths(), strict=True)
                if not found.tests:
                    raise UsageError(
                        f"no project file at the top of {self._base} shows a check, looked for "
                        f"{', '.join(LANGUAGE_FILES)}; write a verify.yaml, or choose another gate plan"
                    )
                return self._derived(source, found, "")
            case "default":
                return _default_plan(self.base_commit, "the default plan was asked for")

    @property
    def _base(self) -> str:
        return self.base_commit[:12]

    def _automatic(self) -> GatePlan:
        if plan := self._from_verify_yaml():
            return plan
        paths = self.paths()
        imported = import_workflows(self.read, paths)
        why = f"no verify.yaml at {self._base}"
        if imported.tests:
            return self._derived("ci-workflow", imported, f"{why}: ")
        found = language_defaults(self.read, paths)
        found.warnings[:0] = imported.warnings
        if found.tests:
            no_ci = " and no CI workflow that can be imported" if workflow_files(paths) else ""
            return self._derived("language", found, f"{why}{no_ci}: ")
        plan = _default_plan(self.base_commit, why)
        return plan.model_copy(update={"warnings": [*plan.warnings, *found.warnings]})

    def _from_verify_yaml(self) -> GatePlan | None:
        found = [(name, raw) for name in NAMES if (raw := self.read(name)) is not None]
        if not found:
            return None
        name, raw = found[0]
        parsed = parse_verify_yaml(raw, name)
        plan = _merged(parsed, self.base_commit)
        if parsed.github_ci:
            plan = self._with_ci(plan, parsed)
        if not plan.tests and not plan.blackbox:
            told = f"{name} names no tests: only its contracts judge this work; list commands under tests"
            plan = plan.model_copy(update={"warnings": [*plan.warnings, told]})
        ignored = [f"{other} is ignored: {name} is there and comes first" for other, _ in found[1:]]
        return plan.model_copy(update={"warnings": [*plan.warnings, *ignored]})

    def _imported(self) -> Derived:
        paths = self.paths()
        if not workflow_files(paths):
            raise UsageError(
                f"there is no workflow in {FOLDER} at {self._base}; commit one, or choose another gate plan"
            )
        found = import_workflows(self.read, paths, strict=True)
        if not found.tests:
            reasons = "; ".join(found.warnings[:_MOST_REASONS]) or "they run no commands"
            raise UsageError(f"no check can be taken from the workflows in {FOLDER} at {self._base}: {reasons}")
        return found

    def _with_ci(self, plan: GatePlan, parsed: VerifyYaml) -> GatePlan:
        """The plan with the commands of the CI behind its own (`useGitHubCI`); one that it has already stays single."""
        try:
            found = self._imported()
        except UsageError as fault:
            raise UsageError(f"{parsed.lines['useGitHubCI']}: useGitHubCI: {fault}") from fault
        warnings = [*plan.warnings, *found.warnings]
        laid: dict[str, list[PlannedCommand]] = {"setup": [*plan.setup], "tests": [*plan.tests]}
        origins = {**plan.origins}
        for group, commands in (("setup", found.setup), ("tests", found.tests)):
            into = laid[group]
            for each in commands:
                if any(own.command == each.command.command for own in into):
                    continue
                if held := disallowed_in(each.command.command, plan.disallowed_commands):
                    warnings.append(f'{each.command.origin}: "{each.command.name}" is left out: it holds "{held}"')
                    continue
                origins |= each.origins(f"{group}[{len(into)}]")
                name = unique_name(each.command.name, [own.name for own in into], "CI")
                into.append(each.command.model_copy(update={"name": name}))
        runtime = _runtime(found) if parsed.max_runtime is None else None
        changes = {**laid, "origins": origins, "warnings": warnings}
        return plan.model_copy(update=changes | (_runtime_change(runtime, origins) if runtime else {}))

    def _derived(self, source: GatePlanSource, found: Derived, why: str) -> GatePlan:
        files = ", ".join(found.files)
        told = f"{why}the plan was derived from {files}; `agentgate plan --write` writes it to {NAMES[0]}, to be pinned"
        origins = {**_DEFAULT_ORIGINS, "name": "default"}
        for group, commands in (("setup", found.setup), ("tests", found.tests)):
            for index, each in enumerate(commands):
                origins |= each.origins(f"{group}[{index}]")
        runtime = _runtime(found)
        if runtime is not None:
            origins["max_runtime"] = runtime[1]
        return GatePlan(
            source=source,
            source_file=files,
            source_commit=self.base_commit,
            name=unique_name(f"from {files}", ()),
            setup=[each.command for each in found.setup],
            contracts=Contracts(forbidden_new_patterns=list(DEFAULT_FORBIDDEN)),
            tests=[each.command for each in found.tests],
            max_runtime=runtime[0] if runtime else DEFAULT_MAX_RUNTIME,
            origins=origins,
            warnings=[told, *found.warnings],
        )


_DEFAULT_ORIGINS = {
    "name": "default",
    "contracts.forbidden_new_patterns": "default",
    "max_runtime": "default",
    "sanity": "default",
    "max_disk_mb": "default",
    "disallowed_commands": "default",
}


def _default_plan(base_commit: str, why: str) -> GatePlan:
    return GatePlan(
        source="default",
        source_commit=base_commit,
        name="default",
        contracts=Contracts(forbidden_new_patterns=list(DEFAULT_FORBIDDEN)),
        max_runtime=DEFAULT_MAX_RUNTIME,
        origins=dict(_DEFAULT_ORIGINS),
        warnings=[
            f"{why}: nothing but the default contracts judges this work; "
            f"write one to {NAMES[0]}, with the commands that must pass under tests"
        ],
    )


def _merged(found: VerifyYaml, base_commit: str) -> GatePlan:
    """What the file says over the defaults; `laid_over` brings every section that is not a plain list of commands."""
    kept_defaults = [pattern for pattern in DEFAULT_FORBIDDEN if pattern not in found.forbidden_patterns]
    plan = GatePlan(
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
        warnings=list(found.warnings),
    )
    return found.laid_over(plan)


def _origins(found: VerifyYaml) -> dict[str, str]:
    """Where each value came from; what the file does not set is a default."""
    origins = dict(_DEFAULT_ORIGINS)
    groups: tuple[tuple[str, list[PlannedCommand], tuple[str, ...]], ...] = (
        ("setup", found.setup, ("timeout",)),
        ("tests", found.tests, ("timeout", "expected_exit")),
    )
    for group, commands, optional in groups:
        origins.update({f"{group}[{i}].{key}": "default" for i in range(len(commands)) for key in optional})
    return origins | found.lines


def _runtime(found: Derived) -> tuple[float, str] | None:
    """The budget that timeouts written out in the files ask for, and the longest's place; None for the default."""
    commands = [*found.setup, *found.tests]
    written = [each for each in commands if each.timeout_origin is not None]
    wanted = min(sum(each.command.timeout for each in commands), MOST_MAX_RUNTIME)
    if not written or wanted <= DEFAULT_MAX_RUNTIME:
        return None
    longest = max(written, key=lambda each: each.command.timeout)
    return wanted, longest.timeout_origin or "default"


def _runtime_change(runtime: tuple[float, str], origins: dict[str, str]) -> dict[str, object]:
    return {"max_runtime": runtime[0], "origins": {**origins, "max_runtime": runtime[1]}}
