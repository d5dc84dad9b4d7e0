"""L1 and L2: the plan's commands, one after another in the clean room. Setup first, where a failure ends the level;
then every other one, whatever those before it said.

No process is started here: the runner does that, with `COMMAND_ENV` added to the environment, and keeps the output.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from agentgate_engine.clock import Clock, from_stamp, to_stamp
from agentgate_engine.models.gate_plan import GatePlan, PlannedBlackbox, PlannedCommand
from agentgate_engine.models.process import ProcessExit
from agentgate_engine.models.verification import Check, CheckAttempt, CheckStatus, Level
from agentgate_engine.verify.check_kind import kind_of
from agentgate_engine.verify.command_verdict import CommandFacts, judge_blackbox, judge_command
from agentgate_engine.verify.output_window import read_window
from agentgate_engine.verify.reports_written import reports_written
from agentgate_engine.verify.signature import signature
from agentgate_engine.verify.tree_paths import TreePaths
from agentgate_engine.verify.tree_readers import TreeReaders
from agentgate_engine.verify.verify_yaml import BUDGET_CHECK, SETUP_PREFIX

COMMAND_ENV = {"CI": "true", "AGENTGATE": "true"}
MAX_FIXTURE_BYTES = 64 << 20

_COMMIT_IT = (
    "This says nothing about the work: fixtures are read from the commit that the work starts from. Commit it there."
)


@dataclass(frozen=True, slots=True)
class CommandRun:
    """A command to run by `/bin/sh -c` under supervision.

    `process` is `setup-{i}`, `check-{i}` or `blackbox-{i}`, counted from 1 and the same each time for the same plan;
    `attempt` counts from 1 and is above it where an earlier run of this command failed and is repeated: each has its
    own evidence. `stdin` is what it reads, from a regular file; None is an empty one.
    """

    process: str
    command: str
    cwd: Path
    timeout_s: float
    attempt: int = 1
    stdin: bytes | None = None


@dataclass(frozen=True, slots=True)
class CommandOutcome:
    """How a command ended and where its output lies. The logs' names are relative to the run's directory.

    `exit` is `None` when the end was not recorded. `given_s` is the time it got, where that is known.
    """

    exit: ProcessExit | None
    stdout_log: str
    stderr_log: str
    stdout_path: Path
    stderr_path: Path
    given_s: float | None = None


Runner = Callable[[CommandRun], Awaitable[CommandOutcome]]
"""Run a command and wait for its end."""

OnStarted = Callable[[str, str | None, str | None], Awaitable[None]]
"""`on_check_started(id, command, process_name)`."""
OnFinished = Callable[[Check], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Step:
    """One command of a level, as a check."""

    check_id: str
    command: PlannedCommand
    process: str

    @property
    def level(self) -> Level:
        return Level(self.check_id.partition("/")[0])

    @property
    def name(self) -> str:
        return self.check_id.partition("/")[2]


@dataclass(frozen=True, slots=True)
class CommandRoom:
    """Where and with what the commands are run and read. `began` is the monotonic second that the budget runs from.

    `skip_kinds` names kinds of checks (`lint`, `typecheck`, `test`) that do not run.
    """

    clean_room: Path
    tree: TreePaths
    readers: TreeReaders
    tree_hash: str
    plan: GatePlan
    runner: Runner
    clock: Clock
    mask: Callable[[str], str]
    on_started: OnStarted
    on_finished: OnFinished
    began: float
    skip_kinds: Collection[str] = ()

    @property
    def seconds_left(self) -> float:
        return self.plan.max_runtime - (self.clock.monotonic() - self.began)


def command_steps(plan: GatePlan) -> list[Step]:
    """The checks of L1, in the order they run."""
    setup = [Step(f"L1/{SETUP_PREFIX}{step.name}", step, f"setup-{i}") for i, step in enumerate(plan.setup, 1)]
    return setup + [Step(f"L1/{test.name}", test, f"check-{i}") for i, test in enumerate(plan.tests, 1)]


def blackbox_steps(plan: GatePlan) -> list[Step]:
    """The checks of L2, in the order they run."""
    return [Step(f"L2/{test.name}", test, f"blackbox-{i}") for i, test in enumerate(plan.blackbox, 1)]


async def run_steps(room: CommandRoom, steps: Sequence[Step]) -> list[Check]:
    """Run the commands of a level and judge them. What is not run any more is reported, each with the reason.

    The time budget of the whole verification also cuts a command short; once it is used up, a check of its own fails.
    """
    checks: list[Check] = []
    left_out: list[Check] = []
    stopped: str | None = None
    budget = f"the plan's max_runtime of {room.plan.max_runtime:g} s was used up"
    for step in steps:
        kind = kind_of(step.level, step.name)
        if kind in room.skip_kinds:
            check = _idle(step, CheckStatus.SKIPPED, f"skipped: the order leaves out every {kind} check", room)
        elif stopped is None and room.seconds_left > 0:
            check = await _run_until_it_passes(step, room)
            if step.name.startswith(SETUP_PREFIX) and not check.passed:
                stopped = f'the setup step "{step.command.name}" failed'
        else:
            stopped = stopped or budget
            check = _idle(step, CheckStatus.NOT_RUN, f"not run: {stopped}", room)
            left_out.append(check)
        checks.append(check)
        await room.on_finished(check)
    if stopped == budget:
        check = _budget_check(steps[0].level, budget, left_out, room)
        checks.append(check)
        await room.on_finished(check)
    return checks


async def _run_until_it_passes(step: Step, room: CommandRoom) -> Check:
    """A failed command is run again as often as the plan allows and the time lasts. A pass after a failure is flaky."""
    await room.on_started(step.check_id, room.mask(step.command.command), step.process)
    earlier: list[CheckAttempt] = []
    while True:
        check = await _run(step, len(earlier) + 1, room)
        may_repeat = len(earlier) < room.plan.check_retries and check.stdout_log is not None
        if check.passed or not may_repeat or room.seconds_left <= 0:
            break
        earlier.append(
            CheckAttempt(
                message=check.message or "failed",
                exit_code=check.exit_code,
                duration=check.duration,
                stdout_log=check.stdout_log,
                stderr_log=check.stderr_log,
            )
        )
    if not earlier:
        return check
    tries = len(earlier) + 1
    told = (
        f"passed in attempt {tries}, after: {earlier[-1].message}"
        if check.passed
        else f"{check.message}, {tries} times"
    )
    return check.model_copy(
        update={
            "status": CheckStatus.FLAKY if check.passed else check.status,
            "message": told,
            "attempts": tries,
            "earlier": earlier,
        }
    )


async def _run(step: Step, attempt: int, room: CommandRoom) -> Check:
    command, stdin = step.command, None
    if isinstance(command, PlannedBlackbox) and command.fixture is not None:
        found = await asyncio.to_thread(room.readers.at_base, command.fixture, MAX_FIXTURE_BYTES)
        if found is None or found.content is None:
            return _no_fixture(step, command.fixture, found is None, room)
        stdin = found.content
    limit = min(command.timeout, max(room.seconds_left, 0.1))
    stamp, began = to_stamp(room.clock.now()), room.clock.monotonic()
    outcome = await room.runner(CommandRun(step.process, command.command, room.clean_room, limit, attempt, stdin))
    measured = round((room.clock.monotonic() - began) * 1000)
    facts = CommandFacts(
        step.check_id,
        command,
        outcome.exit,
        stamp,
        measured,
        limit,
        outcome.given_s,
        outcome.stdout_log,
        outcome.stderr_log,
    )
    return await asyncio.to_thread(_read_and_judge, facts, outcome, room)


def _read_and_judge(facts: CommandFacts, outcome: CommandOutcome, room: CommandRoom) -> Check:
    """Blocking: a log may be large."""
    out, err = read_window(outcome.stdout_path), read_window(outcome.stderr_path)
    written = reports_written(room.clean_room, facts.command.command, from_stamp(facts.started_at), room.tree)
    check = judge_command(facts, out, err, room.plan, room.tree, room.tree_hash, room.mask, written)
    if isinstance(facts.command, PlannedBlackbox):
        return judge_blackbox(check, facts.command, facts.end, outcome.stdout_path, room.readers.at_base, room.mask)
    return check


def _no_fixture(step: Step, fixture: str, missing: bool, room: CommandRoom) -> Check:
    why = "is not in the base commit" if missing else f"is larger than {MAX_FIXTURE_BYTES} bytes"
    check = _idle(step, CheckStatus.FAILED, f"the fixture {fixture} {why}", room)
    return check.model_copy(update={"hint": _COMMIT_IT, "signature": signature(step.check_id, "fixture", fixture)})


def _idle(step: Step, status: CheckStatus, message: str, room: CommandRoom) -> Check:
    return Check(
        id=step.check_id,
        name=step.name,
        level=step.level,
        status=status,
        passed=False,
        message=message,
        command=room.mask(step.command.command),
        expected_exit=step.command.expected_exit,
        attempts=0,
        tree_hash=room.tree_hash,
        plan_hash=room.plan.hash,
    )


def _budget_check(level: Level, reason: str, left_out: Sequence[Check], room: CommandRoom) -> Check:
    return Check(
        id=f"{level}/{BUDGET_CHECK}",
        name=BUDGET_CHECK,
        level=level,
        status=CheckStatus.FAILED,
        passed=False,
        message=f"{reason} before: {', '.join(check.name for check in left_out)}",
        hint="Make the checks faster, or raise policy.max_runtime in verify.yaml.",
        timed_out=True,
        started_at=to_stamp(room.clock.now()),
        signature=signature(f"{level}/{BUDGET_CHECK}"),
        tree_hash=room.tree_hash,
        plan_hash=room.plan.hash,
    )
