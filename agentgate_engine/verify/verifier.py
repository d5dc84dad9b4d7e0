"""A gate plan applied to a snapshot, level by level, into one report."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from agentgate_engine.clock import Clock, to_stamp
from agentgate_engine.models.gate_plan import GatePlan
from agentgate_engine.models.verification import Check, CheckStatus, Level, LevelResult, PersistedVerificationReport
from agentgate_engine.verify.commands import CommandRoom, OnFinished, OnStarted, Runner, command_checks, run_commands
from agentgate_engine.verify.contracts import check_contracts, contract_checks
from agentgate_engine.verify.tree_paths import TreePaths

NOT_IN_PLAN = "not part of this plan"


@dataclass(frozen=True, slots=True)
class Verification:
    """What is judged, and in whose name. Paths are those of git trees, relative and `/`-separated.

    `base_paths` are the files of the base commit; `changed_plan_paths` the plan files that the agent touched.
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


def planned_checks(plan: GatePlan) -> list[str]:
    """The ids of every check that the plan asks for, in the order they run."""
    return contract_checks(plan.contracts) + command_checks(plan)


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
        contracts = await self._contracts(what, started_at)
        l0 = _level(Level.L0, contracts, self._ms_since(began), "the plan has no contracts")
        if l0.status is CheckStatus.FAILED:
            l1 = LevelResult(level=Level.L1, status=CheckStatus.NOT_RUN, passed=False, reason="not run: L0 failed")
        else:
            l1_began = self._clock.monotonic()
            checks = await run_commands(self._room(clean_room, what, began))
            l1 = _level(Level.L1, checks, self._ms_since(l1_began), "the plan has no setup and no tests")
        levels = (l0, l1, _not_planned(Level.L2), _not_planned(Level.L3))
        ended_at = to_stamp(self._clock.now())
        return PersistedVerificationReport(
            id=what.report_id,
            snapshot_id=what.snapshot_id,
            run_id=what.run_id,
            iteration=what.iteration,
            passed=all(level.status is not CheckStatus.FAILED for level in levels),
            summary=_summary(levels),
            l0_result=levels[0],
            l1_result=levels[1],
            l2_result=levels[2],
            l3_result=levels[3],
            diagnostics=[each for level in levels for check in level.checks for each in check.diagnostics],
            total_duration=self._ms_since(began),
            started_at=started_at,
            created_at=ended_at,
            captured_at=ended_at,
            skipped_levels=[level.level for level in levels if not level.checks],
            tree_hash=what.tree_hash,
            plan_hash=plan.hash,
            used_kept_caches=what.used_kept_caches,
            pristine=what.pristine,
            notes=_notes(plan, what),
        )

    async def _contracts(self, what: Verification, now: str) -> list[Check]:
        contracts, plan_hash = self._plan.contracts, self._plan.hash
        for check_id in contract_checks(contracts):
            await self._on_started(check_id, None, None)
        checks = await asyncio.to_thread(
            check_contracts,
            contracts,
            what.tracked_paths,
            what.base_paths,
            tree_hash=what.tree_hash,
            plan_hash=plan_hash,
            now=now,
        )
        for check in checks:
            await self._on_finished(check)
        return checks

    def _room(self, clean_room: Path, what: Verification, began: float) -> CommandRoom:
        return CommandRoom(
            clean_room=clean_room,
            tree=TreePaths.of({str(clean_room), str(clean_room.resolve())}, what.tracked_paths),
            tree_hash=what.tree_hash,
            plan=self._plan,
            runner=self._runner,
            clock=self._clock,
            mask=self._mask,
            on_started=self._on_started,
            on_finished=self._on_finished,
            began=began,
        )

    def _ms_since(self, moment: float) -> int:
        return round((self._clock.monotonic() - moment) * 1000)


def levels_glyphs(report: PersistedVerificationReport) -> str:
    """The signs of the levels, L0 first."""
    return "".join(level.status.sign for level in report.levels)


def _level(level: Level, checks: list[Check], duration: int, reason_if_empty: str) -> LevelResult:
    """A level without checks is skipped, never passed: nothing was judged."""
    if not checks:
        return LevelResult(level=level, status=CheckStatus.SKIPPED, passed=False, reason=reason_if_empty)
    failed = any(check.status in (CheckStatus.FAILED, CheckStatus.NOT_RUN) for check in checks)
    status = CheckStatus.FAILED if failed else CheckStatus.PASSED
    return LevelResult(level=level, status=status, passed=not failed, checks=checks, duration=duration)


def _not_planned(level: Level) -> LevelResult:
    return LevelResult(level=level, status=CheckStatus.NOT_RUN, passed=False, reason=NOT_IN_PLAN)


def _summary(levels: Sequence[LevelResult]) -> str:
    checks = [check for level in levels for check in level.checks]
    failed = [check for check in checks if check.status is CheckStatus.FAILED]
    if not failed:
        return f"passed: {len(checks)} of {len(checks)} checks" if checks else "passed: the plan asks for no checks"
    counted = f"{len(failed)} of {len(checks)} checks failed"
    return (
        f"failed at {failed[0].level} {failed[0].level.label}: {counted}, first {failed[0].name} ({failed[0].message})"
    )


def _notes(plan: GatePlan, what: Verification) -> list[str]:
    notes = [f"the agent changed {path}; the plan of the base commit was used" for path in what.changed_plan_paths]
    if what.used_kept_caches:
        notes.append("files that git ignores were kept in the clean room from an earlier iteration")
    return notes + list(plan.warnings)
