"""The checks that a repository's own CI runs: `.github/workflows`, read as a gate plan.

What is imported is imported with GitHub's meaning: whole scripts, their shell, directory and static environment. What
cannot be had here is left out, and a warning says where it stands and why; nothing is left out in silence but the
actions that only fetch, cache or keep files.

The order is setup, lint, typecheck, test, build, within the bounds of each job: whatever stands behind a step that
makes something (a build, or a step of unknown kind) stays behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from agentgate_engine.errors import UsageError
from agentgate_engine.models.gate_plan import DEFAULT_DISALLOWED, PlannedCommand
from agentgate_engine.verify.command_kind import StepKind, installs, kind_of_step
from agentgate_engine.verify.derived import (
    CHECK_TIMEOUT,
    LINT_TIMEOUT,
    Derived,
    DerivedCommand,
    one_line,
    unique_name,
)
from agentgate_engine.verify.disallowed import disallowed_in
from agentgate_engine.verify.verify_yaml import SETUP_TIMEOUT
from agentgate_engine.verify.workflow_file import Job, Section, Step, Workflow, read_workflow, section, text_of
from agentgate_engine.verify.workflow_refusals import refuse_job, refuse_step, refuse_workflow, starts_containers
from agentgate_engine.verify.workflow_script import (
    VENV,
    NotImportable,
    StepScript,
    compose,
    expression_in,
    is_variable,
    resolve,
)

FOLDER = ".github/workflows/"

_LONGEST_TIMEOUT = 360 * 60.0
_TIMEOUTS: dict[StepKind, float] = {
    "setup": SETUP_TIMEOUT,
    "lint": LINT_TIMEOUT,
    "typecheck": LINT_TIMEOUT,
    "test": CHECK_TIMEOUT,
    "build": CHECK_TIMEOUT,
}
_RANKS: dict[StepKind, int] = {"setup": 0, "lint": 1, "typecheck": 2, "test": 4, "build": 5}
_BEFORE_TESTS = 3

_FILES_ONLY = (
    "actions/checkout",
    "actions/cache",
    "actions/cache/restore",
    "actions/cache/save",
    "actions/upload-artifact",
    "Swatinem/rust-cache",
    "step-security/harden-runner",
)
_RUNTIMES = {
    "actions/setup-python": "python",
    "actions/setup-node": "node",
    "actions/setup-go": "go",
    "actions/setup-java": "java",
    "actions/setup-dotnet": "dotnet",
    "ruby/setup-ruby": "ruby",
    "astral-sh/setup-uv": "uv",
    "pnpm/action-setup": "pnpm",
    "oven-sh/setup-bun": "bun",
    "denoland/setup-deno": "deno",
    "dtolnay/rust-toolchain": "rust",
    "actions-rust-lang/setup-rust-toolchain": "rust",
    "shivammathur/setup-php": "php",
    "erlef/setup-beam": "beam",
}


@dataclass(slots=True)
class _Import:
    """One import under way. `rows` are (rank, command) in the order of the files; `said` the tools already noted."""

    found: Derived = field(default_factory=Derived)
    rows: list[tuple[int, DerivedCommand]] = field(default_factory=list[tuple[int, DerivedCommand]])
    said: set[str] = field(default_factory=set[str])

    def copy(self) -> _Import:
        found = self.found
        kept = Derived([*found.setup], [*found.tests], [*found.files], [*found.warnings])
        return _Import(kept, [*self.rows], {*self.said})

    def leave_out(self, origin: str, what: str, why: str) -> None:
        self.found.warnings.append(f"{origin}: {what} is left out: {why}")


@dataclass(frozen=True, slots=True)
class _Picked:
    step: Step
    name: str
    kind: StepKind | None
    command: str
    makes: bool


def workflow_files(paths: Sequence[str]) -> list[str]:
    """The workflow files among the paths of a repository, sorted."""
    return sorted(
        path
        for path in paths
        if path.startswith(FOLDER) and "/" not in path[len(FOLDER) :] and path.endswith((".yml", ".yaml"))
    )


def import_workflows(read: Callable[[str], bytes | None], paths: Sequence[str], *, strict: bool = False) -> Derived:
    """Every check in the workflows among `paths`.

    Raises:
        UsageError: `strict`, and a file is no workflow; `file:line: what is wrong`. Otherwise such a file is a warning.
    """
    work = _Import()
    for file in workflow_files(paths):
        before = work.copy()
        try:
            raw = read(file)
            if raw is None:
                raise UsageError(f"{file}: is no regular file")
            workflow = read_workflow(raw, file)
            _import(workflow, work)
        except UsageError as fault:
            if strict:
                raise
            work = before
            work.found.warnings.append(f"{fault} (the workflow is left out)")
    _lay_out(work)
    work.found.warnings = [one_line(warning) for warning in work.found.warnings]
    return work.found


def _import(workflow: Workflow, work: _Import) -> None:
    if refused := refuse_workflow(workflow):
        work.leave_out(f"{workflow.file}:{workflow.keys['on'].line}", "the workflow", refused)
        return
    for job in workflow.jobs:
        if refused := refuse_job(job):
            work.leave_out(job.origin, f'the job "{job.id}"', refused)
        else:
            _import_job(workflow, job, work)


def _import_job(workflow: Workflow, job: Job, work: _Import) -> None:
    python = _python_origin(job)
    picked = list(_picked(workflow, job, python is not None, work))
    if not picked:
        return
    if job.has_matrix:
        origin = job.keys["strategy"].origin
        work.found.warnings.append(f'{origin}: the job "{job.id}" has a matrix; its checks run once, with what is here')
    _note_runtimes(job, work)
    if workflow.file not in work.found.files:
        work.found.files.append(workflow.file)
    if python is not None:
        work.found.add_setup("Python environment", f"python3 -m venv {VENV}", python)
    _place(picked, job, work)


def _picked(workflow: Workflow, job: Job, python: bool, work: _Import) -> Iterator[_Picked]:
    """The steps of a job that can be had here."""
    outer, unknown = _environment(workflow, job, work)
    behind: str | None = None
    for step in job.steps:
        script, name = step.text("run"), _name(step)
        if not script:
            _judge_action(step, name, work)
            continue
        refused = refuse_step(step, script)
        if refused and starts_containers(script):
            behind = behind or f'it stands behind "{name}", which starts containers and is left out'
        refused = refused or behind
        try:
            if refused is not None:
                raise NotImportable(refused)
            own = _static(_variables(step), outer)
            told = StepScript(
                script=script,
                shell=_default(workflow, job, step, "shell"),
                directory=_default(workflow, job, step, "working-directory"),
                environment={**outer, **own},
                unknown=unknown - own.keys(),
                python=python,
            )
            command = compose(told)
            if held := disallowed_in(command, DEFAULT_DISALLOWED):
                raise NotImportable(f'it holds "{held}"')
        except NotImportable as fault:
            work.leave_out(step.origin, f'the step "{name}"', str(fault))
        else:
            kind = kind_of_step(step.text("name"), script)
            makes = kind in (None, "build") or (kind != "setup" and installs(script))
            yield _Picked(step, name, kind, command, makes)


def _place(picked: list[_Picked], job: Job, work: _Import) -> None:
    """Give each step its class and rank. What makes something before the job's last setup step is set-up too."""
    last_setup = max((i for i, each in enumerate(picked) if each.kind == "setup"), default=-1)
    floor = 0
    for place, each in enumerate(picked):
        kind = each.kind or "test"
        if each.kind in (None, "build") and place < last_setup:
            kind = "setup"
        timeout, timeout_origin = _timeout(each.step, job, _TIMEOUTS[kind], work)
        others = (
            [other.command for other in work.found.setup] if kind == "setup" else [row.command for _, row in work.rows]
        )
        if any(other.command == each.command for other in others):
            continue
        planned = PlannedCommand(
            name=unique_name(each.name, [other.name for other in others], job.name),
            command=each.command,
            timeout=timeout,
            origin=each.step.origin,
        )
        if kind == "setup":
            work.found.setup.append(DerivedCommand(planned, timeout_origin))
            continue
        rank = _RANKS[kind]
        if each.makes and place < len(picked) - 1:
            rank = min(rank, _BEFORE_TESTS)
        rank = max(rank, floor)
        floor = rank if each.makes else floor
        work.rows.append((rank, DerivedCommand(planned, timeout_origin)))


def _lay_out(work: _Import) -> None:
    """The checks in their order; what stands alike keeps the order of the files."""
    work.found.tests = [command for _, command in sorted(work.rows, key=lambda row: row[0])]


def _judge_action(step: Step, name: str, work: _Import) -> None:
    """A step that calls an action of others: known to do no more than set up or keep files, or left out aloud."""
    action = step.text("uses").partition("@")[0]
    if not action or action in _FILES_ONLY or action in _RUNTIMES:
        return
    work.leave_out(step.origin, f'the step "{name}"', f"only GitHub can run the action {action}")


def _note_runtimes(job: Job, work: _Import) -> None:
    for step in job.steps:
        tool = _RUNTIMES.get(step.text("uses").partition("@")[0])
        if tool is None or tool in work.said:
            continue
        work.said.add(tool)
        version = text_of(section(step.keys.get("with"), lenient=True).get(f"{tool}-version"))
        wanted = f"{tool} {version}" if version and not expression_in(version) else tool
        own = f", in an environment of their own ({VENV})" if tool == "python" else ""
        work.found.warnings.append(f"{step.origin}: CI sets up {wanted}; checks use the {tool} of this machine{own}")


def _python_origin(job: Job) -> str | None:
    """The line that makes this a job of Python: its set-up, or the first command that installs with pip."""
    for step in job.steps:
        if step.text("uses").startswith("actions/setup-python@"):
            return step.origin
    return next((step.origin for step in job.steps if _uses_pip(step)), None)


def _uses_pip(step: Step) -> bool:
    script = step.text("run")
    words = script.replace(";", " ").split()
    return ("pip" in words or "pip3" in words or step.text("shell") == "python") and refuse_step(step, script) is None


def _environment(workflow: Workflow, job: Job, work: _Import) -> tuple[dict[str, str], frozenset[str]]:
    """What workflow and job set, and the names whose values are not in the file."""
    known: dict[str, str] = {}
    unknown: set[str] = set()
    for owner in (workflow.keys, job.keys):
        for name, value in section(owner.get("env"), lenient=True).items():
            try:
                known |= _static({name: value}, known)
                unknown.discard(name)
            except NotImportable as fault:
                known.pop(name, None)
                unknown.add(name)
                note = f"{value.origin}: the variable {name} is left out: {fault}"
                if note not in work.found.warnings:
                    work.found.warnings.append(note)
    return known, frozenset(unknown)


def _variables(step: Step) -> Section:
    value = step.keys.get("env")
    found = section(value, lenient=True)
    if value is not None and not found and not value.is_empty:
        raise NotImportable("its env is no mapping that is written out")
    return found


def _static(given: Section, known: dict[str, str]) -> dict[str, str]:
    """Variables as the file writes them out.

    Raises:
        NotImportable: one holds an expression, is no shell variable, or leads an installer out of its environment.
    """
    found: dict[str, str] = {}
    for name, value in given.items():
        text = text_of(value)
        if not is_variable(name):
            raise NotImportable(f"it sets {name}, which checks keep as it is here")
        if name in ("UV_SYSTEM_PYTHON", "PIP_USER", "PIP_BREAK_SYSTEM_PACKAGES"):
            raise NotImportable(f"{name} would have packages installed into this machine's Python")
        if resolve(text, known) != text and "github.workspace" not in text:
            text = resolve(text, known)
        found[name] = text
    return found


def _default(workflow: Workflow, job: Job, step: Step, key: str) -> str:
    """`shell` or `working-directory`: the step's own, else the job's, else the workflow's."""
    if own := step.text(key):
        return own
    for owner in (job.keys, workflow.keys):
        run = section(section(owner.get("defaults"), lenient=True).get("run"), lenient=True)
        if text := text_of(run.get(key)):
            return text
    return ""


def _timeout(step: Step, job: Job, default: float, work: _Import) -> tuple[float, str | None]:
    """Seconds and where they stand: `timeout-minutes` of the step, else of the job."""
    for owner in (step.keys, job.keys):
        value = owner.get("timeout-minutes")
        if value is None:
            continue
        try:
            return min(max(round(value.seconds() * 60, 3), 1.0), _LONGEST_TIMEOUT), value.origin
        except UsageError:
            note = f"{value.origin}: timeout-minutes is not a number that stands there; the default is used"
            if note not in work.found.warnings:
                work.found.warnings.append(note)
    return default, None


def _name(step: Step) -> str:
    """Its name, or the first line of what it does."""
    if (name := step.text("name")) and not expression_in(name):
        return name
    lines = (line.strip() for line in step.text("run").splitlines())
    return next((line for line in lines if line and not line.startswith("#")), step.text("uses") or "step")
