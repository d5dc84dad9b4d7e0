"""L1: the plan's commands, one after another in the clean room. Setup first, where a failure ends the level; then every
test, whatever the ones before it said.

No process is started here: the runner does that, with `COMMAND_ENV` added to the environment, and keeps the output.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from agentgate_engine.clock import Clock, to_stamp
from agentgate_engine.models.gate_plan import GatePlan, PlannedCommand
from agentgate_engine.models.process import ProcessExit
from agentgate_engine.models.verification import Check, CheckStatus, Level
from agentgate_engine.verify.command_verdict import CommandFacts, judge_command
from agentgate_engine.verify.output_window import read_window
from agentgate_engine.verify.signature import signature
from agentgate_engine.verify.tree_paths import TreePaths
from agentgate_engine.verify.verify_yaml import BUDGET_CHECK, SETUP_PREFIX

COMMAND_ENV = {"CI": "true", "AGENTGATE": "true"}


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


Runner = Callable[[str, str, Path, float], Awaitable[CommandOutcome]]
"""`runner(process_name, command, cwd, timeout_s)`: run `/bin/sh -c command` under supervision and wait for its end.

The process name is `setup-{i}` or `check-{i}`, counted from 1 and the same each time for the same plan.
"""

OnStarted = Callable[[str, str | None, str | None], Awaitable[None]]
"""`on_check_started(id, command, process_name)`."""
OnFinished = Callable[[Check], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class CommandRoom:
    """Where and with what the commands are run and read. `began` is the monotonic second that the budget runs from."""

    clean_room: Path
    tree: TreePaths
    tree_hash: str
    plan: GatePlan
    runner: Runner
    clock: Clock
    mask: Callable[[str], str]
    on_started: OnStarted
    on_finished: OnFinished
    began: float

    @property
    def seconds_left(self) -> float:
        return self.plan.max_runtime - (self.clock.monotonic() - self.began)


def command_checks(plan: GatePlan) -> list[str]:
    """The ids of the checks of L1, in the order they run."""
    return [check_id for check_id, _, _ in _steps(plan)]


async def run_commands(room: CommandRoom) -> list[Check]:
    """Run the plan's commands and judge them. What is not run any more is reported, each with the reason.

    The time budget of the whole verification also cuts a command short; once it is used up, a check of its own fails.
    """
    checks: list[Check] = []
    left_out: list[Check] = []
    stopped: str | None = None
    budget = f"the plan's max_runtime of {room.plan.max_runtime:g} s was used up"
    for check_id, command, process in _steps(room.plan):
        if stopped is None and room.seconds_left <= 0:
            stopped = budget
        if stopped is None:
            check = await _run(check_id, command, process, room)
            if check.name.startswith(SETUP_PREFIX) and not check.passed:
                stopped = f'the setup step "{command.name}" failed'
        else:
            check = _not_run(check_id, command, stopped, room)
            left_out.append(check)
        checks.append(check)
        await room.on_finished(check)
    if stopped == budget:
        check = _budget_check(budget, left_out, room)
        checks.append(check)
        await room.on_finished(check)
    return checks


def _steps(plan: GatePlan) -> Iterator[tuple[str, PlannedCommand, str]]:
    """(check id, command, process name) in order."""
    for i, command in enumerate(plan.setup, 1):
        yield f"L1/{SETUP_PREFIX}{command.name}", command, f"setup-{i}"
    for i, command in enumerate(plan.tests, 1):
        yield f"L1/{command.name}", command, f"check-{i}"


async def _run(check_id: str, command: PlannedCommand, process: str, room: CommandRoom) -> Check:
    limit = min(command.timeout, room.seconds_left)
    await room.on_started(check_id, room.mask(command.command), process)
    stamp, began = to_stamp(room.clock.now()), room.clock.monotonic()
    outcome = await room.runner(process, command.command, room.clean_room, limit)
    measured = round((room.clock.monotonic() - began) * 1000)
    facts = CommandFacts(
        check_id, command, outcome.exit, stamp, measured, limit, outcome.given_s, outcome.stdout_log, outcome.stderr_log
    )
    return await asyncio.to_thread(_read_and_judge, facts, outcome, room)


def _read_and_judge(facts: CommandFacts, outcome: CommandOutcome, room: CommandRoom) -> Check:
    """Blocking: a log may be large."""
    out, err = read_window(outcome.stdout_path), read_window(outcome.stderr_path)
    return judge_command(facts, out, err, room.plan, room.tree, room.tree_hash, room.mask)


def _not_run(check_id: str, command: PlannedCommand, reason: str, room: CommandRoom) -> Check:
    return Check(
        id=check_id,
        name=check_id.partition("/")[2],
        level=Level.L1,
        status=CheckStatus.NOT_RUN,
        passed=False,
        message=f"not run: {reason}",
        command=room.mask(command.command),
        expected_exit=command.expected_exit,
        attempts=0,
        tree_hash=room.tree_hash,
        plan_hash=room.plan.hash,
    )


def _budget_check(reason: str, left_out: Sequence[Check], room: CommandRoom) -> Check:
    return Check(
        id=f"L1/{BUDGET_CHECK}",
        name=BUDGET_CHECK,
        level=Level.L1,
        status=CheckStatus.FAILED,
        passed=False,
        message=f"{reason} before: {', '.join(check.name for check in left_out)}",
        hint="Make the checks faster, or raise policy.max_runtime in verify.yaml.",
        timed_out=True,
        started_at=to_stamp(room.clock.now()),
        signature=signature(f"L1/{BUDGET_CHECK}"),
        tree_hash=room.tree_hash,
        plan_hash=room.plan.hash,
    )
