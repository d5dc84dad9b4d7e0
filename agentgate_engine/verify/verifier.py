"""A gate plan applied to a snapshot, level by level, into one report."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agentgate_engine.clock import Clock, to_stamp
from agentgate_engine.models.gate_plan import GatePlan
from agentgate_engine.models.verification import (
    Check,
    CheckStatus,
    HarnessConfig,
    Level,
    LevelResult,
    PersistedVerificationReport,
)
from agentgate_engine.verify.commands import (
    CommandRoom,
    OnFinished,
    OnStarted,
    Runner,
    blackbox_steps,
    command_steps,
    run_steps,
)
from agentgate_engine.verify.contracts import ContractTree, check_contracts, contract_checks
from agentgate_engine.verify.sanity import check_sanity, sanity_checks
from agentgate_engine.verify.tree_paths import TreePaths
from agentgate_engine.verify.tree_readers import TreeReaders

NOT_IN_PLAN = "not part of this plan"
SKIPPED_BY_ORDER = "skipped: the order leaves this level out"

_EMPTY = {
    Level.L0: "the plan has no contracts",
    Level.L1: "the plan has no setup and no tests",
    Level.L2: NOT_IN_PLAN,
    Level.L3: NOT_IN_PLAN,
}


@dataclass(frozen=True, slots=True)
class Verification:
    """What is judged, and in whose name. Paths are those of git trees, relative and `/`-separated.

    `base_paths` are the files of the base commit; `changed_plan_paths` the plan files that the agent touched. `harness`
    is what the order leaves out.
    """

    report_id: str
    snapshot_id: str
    run_id: str
    iteration: int
    tracked_paths: Sequence[str]
    base_paths: Sequence[str]
    tree_hash: str
    changed_plan_paths: Sequence[str] = ()
    used_kept_caches: bool = False
    pristine: bool = False
    readers: TreeReaders = field(default_factory=TreeReaders)
    harness: HarnessConfig = field(default_factory=HarnessConfig)


def planned_checks(plan: GatePlan, skip_levels: Sequence[Level] = ()) -> list[str]:
    """The ids of every check that the plan asks for, in the order they run, without the levels that are left out."""
    planned = [
        *contract_checks(plan.contracts),
        *(step.check_id for step in command_steps(plan)),
        *(step.check_id for step in blackbox_steps(plan)),
        *sanity_checks(plan),
    ]
    return [check_id for check_id in planned if Level(check_id.partition("/")[0]) not in skip_levels]


def judged_with(plan: GatePlan) -> list[str]:
    """The files of the base commit that the plan judges with: fixtures, schemas, expected outputs.

    An agent that changes one changes nothing about the verdict.
    """
    schemas = [rule.json_schema for contract in plan.contracts.required_schemas for rule in contract.rules]
    asserted = [each for test in plan.blackbox for each in test.assertions]
    named = [
        *(schema.path for schema in schemas if schema),
        *(test.fixture for test in plan.blackbox),
        *(each.file for each in asserted),
        *(each.json_schema.path for each in asserted if each.json_schema),
    ]
    return list(dict.fromkeys(path for path in named if path))


class Verifier:
    """Runs one plan. Nothing is kept between two calls of `verify`."""

    def __init__(
        self,
        *,
        plan: GatePlan,
        clock: Clock,
        runner: Runner,
        mask: Callable[[str], str],
        on_check_started: OnStarted,
        on_check_finished: OnFinished,
    ) -> None:
        self._plan = plan
        self._clock = clock
        self._runner = runner
        self._mask = mask
        self._on_started = on_check_started
        self._on_finished = on_check_finished

    async def verify(self, clean_room: Path, what: Verification) -> PersistedVerificationReport:
        """Judge `what`, checked out in `clean_room`.

        The first level that fails ends it; the rest is reported as not run, with the reason. Cancellation and whatever
        the runner raises pass through: then there is no report.
        """
        plan = self._plan
        began, started_at = self._clock.monotonic(), to_stamp(self._clock.now())
        room = self._room(clean_room, what, began)
        levels: list[LevelResult] = []
        judges: tuple[tuple[Level, Callable[[], Awaitable[list[Check]]]], ...] = (
            (Level.L0, lambda: self._contracts(clean_room, what)),
            (Level.L1, lambda: run_steps(room, command_steps(plan))),
            (Level.L2, lambda: run_steps(room, blackbox_steps(plan))),
            (Level.L3, lambda: self._sanity(what)),
        )
        failed: Level | None = None
        for level, judge in judges:
            if level in what.harness.skip_levels:
                found = LevelResult(level=level, status=CheckStatus.SKIPPED, passed=False, reason=SKIPPED_BY_ORDER)
            elif failed is not None:
                reason = f"not run: {failed} failed"
                found = LevelResult(level=level, status=CheckStatus.NOT_RUN, passed=False, reason=reason)
            else:
                level_began = self._clock.monotonic()
                found = _level(level, await judge(), self._ms_since(level_began))
                failed = level if found.status is CheckStatus.FAILED else None
            levels.append(found)
        ended_at = to_stamp(self._clock.now())
        return PersistedVerificationReport(
            id=what.report_id,
            snapshot_id=what.snapshot_id,
            run_id=what.run_id,
            iteration=what.iteration,
            passed=all(level.status is not CheckStatus.FAILED for level in levels),
            summary=summary_of(levels),
            l0_result=levels[0],
            l1_result=levels[1],
            l2_result=levels[2],
            l3_result=levels[3],
            diagnostics=[each for level in levels for check in level.checks for each in check.diagnostics],
            total_duration=self._ms_since(began),
            started_at=started_at,
            created_at=ended_at,
            captured_at=ended_at,
            skipped_levels=[level.level for level in levels if not level.checks or level.status is CheckStatus.SKIPPED],
            harness_config=what.harness,
            tree_hash=what.tree_hash,
            plan_hash=plan.hash,
            used_kept_caches=what.used_kept_caches,
            pristine=what.pristine,
            notes=_notes(plan, what, levels),
        )

    async def _contracts(self, clean_room: Path, what: Verification) -> list[Check]:
        contracts, plan_hash = self._plan.contracts, self._plan.hash
        tree = ContractTree(what.tracked_paths, what.base_paths, clean_room, what.readers.at_base, self._mask)
        now = to_stamp(self._clock.now())
        return await self._judged(
            contract_checks(contracts),
            lambda: check_contracts(contracts, tree, tree_hash=what.tree_hash, plan_hash=plan_hash, now=now),
        )

    async def _sanity(self, what: Verification) -> list[Check]:
        now = to_stamp(self._clock.now())
        return await self._judged(
            sanity_checks(self._plan),
            lambda: check_sanity(self._plan, what.readers, self._mask, tree_hash=what.tree_hash, now=now),
        )

    async def _judged(self, planned: Sequence[str], judge: Callable[[], list[Check]]) -> list[Check]:
        """Checks without a process: all begin, all are judged in a thread, all end."""
        for check_id in planned:
            await self._on_started(check_id, None, None)
        checks = await asyncio.to_thread(judge)
        for check in checks:
            await self._on_finished(check)
        return checks

    def _room(self, clean_room: Path, what: Verification, began: float) -> CommandRoom:
        return CommandRoom(
            clean_room=clean_room,
            tree=TreePaths.of({str(clean_room), str(clean_room.resolve())}, what.tracked_paths),
            readers=what.readers,
            tree_hash=what.tree_hash,
            plan=self._plan,
            runner=self._runner,
            clock=self._clock,
            mask=self._mask,
            on_started=self._on_started,
            on_finished=self._on_finished,
            began=began,
            skip_kinds=what.harness.skip_kinds,
        )

    def _ms_since(self, moment: float) -> int:
        return round((self._clock.monotonic() - moment) * 1000)


def levels_glyphs(report: PersistedVerificationReport) -> str:
    """The signs of the levels, L0 first."""
    return "".join(level.status.sign for level in report.levels)


def _level(level: Level, checks: list[Check], duration: int) -> LevelResult:
    """A level without a check is never passed: nothing was judged. Warnings and flaky checks show at the level, too."""
    if not checks:
        status = CheckStatus.SKIPPED if level in (Level.L0, Level.L1) else CheckStatus.NOT_RUN
        return LevelResult(level=level, status=status, passed=False, reason=_EMPTY[level])
    found = {check.status for check in checks}
    if found & {CheckStatus.FAILED, CheckStatus.NOT_RUN}:
        return LevelResult(level=level, status=CheckStatus.FAILED, passed=False, checks=checks, duration=duration)
    if found == {CheckStatus.SKIPPED}:
        reason = "skipped: the order leaves every check of it out"
        return LevelResult(level=level, status=CheckStatus.SKIPPED, passed=False, checks=checks, reason=reason)
    status = next((each for each in (CheckStatus.WARNING, CheckStatus.FLAKY) if each in found), CheckStatus.PASSED)
    return LevelResult(level=level, status=status, passed=True, checks=checks, duration=duration)


def summary_of(levels: Sequence[LevelResult]) -> str:
    checks = [check for level in levels for check in level.checks]
    failed = [check for check in checks if check.status is CheckStatus.FAILED]
    if failed:
        first, counted = failed[0], f"{len(failed)} of {len(checks)} checks failed"
        return f"failed at {first.level} {first.level.label}: {counted}, first {first.name} ({first.message})"
    if not checks:
        return "passed: the plan asks for no checks"
    told = [f"passed: {sum(check.passed for check in checks)} of {len(checks)} checks"]
    for status, word in (
        (CheckStatus.FLAKY, "flaky"),
        (CheckStatus.WARNING, "warning"),
        (CheckStatus.SKIPPED, "skipped"),
    ):
        count = sum(check.status is status for check in checks)
        if count:
            told.append(f"{count} {word}" + ("s" if count > 1 and status is CheckStatus.WARNING else ""))
    return ", ".join(told)


def _notes(plan: GatePlan, what: Verification, levels: Sequence[LevelResult]) -> list[str]:
    notes = [f"the agent changed {path}; the plan of the base commit was used" for path in what.changed_plan_paths]
    if what.used_kept_caches:
        notes.append("files that git ignores were kept in the clean room from an earlier iteration")
    checks = [check for level in levels for check in level.checks]
    notes += [f"{check.id} is flaky: it {check.message}" for check in checks if check.status is CheckStatus.FLAKY]
    warned = [check.name for check in checks if check.status is CheckStatus.WARNING]
    if warned:
        notes.append(f"warnings, which fail nothing: {', '.join(warned)}")
    return notes + list(plan.warnings)
