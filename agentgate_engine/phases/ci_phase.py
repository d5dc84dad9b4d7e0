"""Waiting for the pull request's checks: what they say becomes part of the iteration's verification."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agentgate_engine.clock import from_stamp, to_stamp
from agentgate_engine.delivery.ci_checks import ci_checks
from agentgate_engine.delivery.ci_verdict import CiVerdict
from agentgate_engine.delivery.token import Token
from agentgate_engine.delivery.wait_for_ci import ci_polled, ci_summary, wait_for_ci
from agentgate_engine.error_builder import error_of_system
from agentgate_engine.errors import GitHubError
from agentgate_engine.event_bus import Evidence
from agentgate_engine.models.build_error import BuildError, BuildErrorType
from agentgate_engine.models.delivery import DeliveryRecord
from agentgate_engine.models.event_type import EventType
from agentgate_engine.models.events import CiPolled, RunWarned, VerificationComplete
from agentgate_engine.models.git_ops import GitHubMode, GitOps
from agentgate_engine.models.run_state import RunResult, Step
from agentgate_engine.models.verification import (
    Check,
    CheckStatus,
    Level,
    LevelResult,
    PersistedVerificationReport,
)
from agentgate_engine.phases.delivery_phase import token_of
from agentgate_engine.phases.run_context import RunContext
from agentgate_engine.store.masking import mask_within
from agentgate_engine.verify.check_kind import CI_PREFIX
from agentgate_engine.verify.signature import signature
from agentgate_engine.verify.verifier import levels_glyphs, summary_of
from agentgate_engine.views import wording


@dataclass(frozen=True, slots=True)
class CiEnd:
    """How the wait ended: a report with the checks of continuous integration in it, or an error that ends the run, or
    neither, when there is nothing against the result."""

    report: PersistedVerificationReport | None = None
    error: BuildError | None = None
    step: Step = Step.SYSTEM_ERROR
    result: RunResult = RunResult.FAILED_GITHUB


@dataclass
class CiPhase:
    """The wait of one iteration. An engine that takes over goes on with what is left of it."""

    context: RunContext

    async def work(self, commit: str) -> CiEnd:
        """Wait for the verdict on `commit`, and tell it.

        Raises:
            CanceledByOperator: an operator ended the run meanwhile.
            ParkRun: the evidence could not be written.
        """
        judged = self._judged_before()
        if judged is not None:
            return CiEnd(report=judged)
        try:
            token = await token_of(self.context)
            mask = token.hidden_by(self.context.mask) if token is not None else self.context.mask
            verdict = await self._wait(commit, token)
        except GitHubError as fault:
            text = f"the checks of the pull request could not be read: {self.context.mask(str(fault))}"
            return await self._without_verdict(text, fault)
        match verdict.state:
            case "failed" | "passed":
                return CiEnd(report=await self._take_over(verdict, mask))
            case "none_found":
                return await self._warned(f"{verdict.text}: nothing but this run's own checks judged it")
            case _:
                return await self._timed_out(verdict)

    async def _wait(self, commit: str, token: Token | None) -> CiVerdict:
        context = self.context
        delivered = self._delivery()
        assert delivered.repository is not None, "a pull request was opened somewhere"
        if not context.said_here(CiPolled):
            await context.emit(CiPolled(state="pending", text="waiting for the checks of the pull request"))
        since = from_stamp(self._begun())
        waited = max(0.0, context.clock.now() - since)
        verdict = await wait_for_ci(
            within_the_run(context.order.git_ops, waited_s=waited, left_s=context.seconds_left()),
            token,
            delivered.repository,
            commit,
            since=since,
            told=self._tell,
            sleep=context.sleep,
            clock=context.clock,
        )
        summary = ci_summary(verdict, since=since, now=context.clock.now())
        record = self._delivery().model_copy(update={"ci": summary})
        await context.emit(ci_polled(verdict), Evidence(context.layout.delivery, record))
        return verdict

    async def _tell(self, polled: CiPolled) -> None:
        said = self.context.said_here(CiPolled)
        if not said or said[-1] != polled:
            await self.context.emit(polled)

    async def _take_over(self, verdict: CiVerdict, mask: Callable[[str], str]) -> PersistedVerificationReport:
        """The iteration's report with these checks in it; `mask` goes over what they printed."""
        context = self.context
        file = context.layout.verification(context.run.iteration)
        report = context.persister.store.read(PersistedVerificationReport, file)
        assert report is not None, "what is delivered was verified"
        checks = ci_checks(verdict, tree_hash=report.tree_hash, plan_hash=report.plan_hash)
        told = [mask_within(check.model_dump(mode="json", by_alias=True), mask) for check in checks]
        report = with_checks(report, [Check.model_validate(each) for each in told], [verdict.text])
        told = VerificationComplete(
            file=file.name,
            passed=report.passed,
            summary=report.summary,
            levels=levels_glyphs(report),
            first_failed=report.first_failed.id if report.first_failed else None,
        )
        await context.emit(told, Evidence(file, report))
        return report

    def _judged_before(self) -> PersistedVerificationReport | None:
        """The report that an engine before us took the verdict over into, if it came that far."""
        events = self.context.persister.events
        here = [e for e in events if e.iteration == self.context.run.iteration]
        kinds = [e.type for e in here if e.type in (EventType.CI_POLLED, EventType.VERIFICATION_COMPLETE)]
        if kinds[-1:] != [EventType.VERIFICATION_COMPLETE] or EventType.CI_POLLED not in kinds:
            return None
        file = self.context.layout.verification(self.context.run.iteration)
        return self.context.persister.store.read(PersistedVerificationReport, file)

    async def _timed_out(self, verdict: CiVerdict) -> CiEnd:
        context = self.context
        opened = self._delivery().github
        place = (opened.pr_url if opened else None) or verdict.url
        text = f"{verdict.text}; see {place}, or give it more time with gitOps.ciTimeoutSeconds"
        if context.seconds_left() <= 0:
            text = f"{verdict.text}; the run has used up its time: see {place}, or submit with a larger --max-time"
        if not self._fails_fast:
            return await self._warned(text)
        error = BuildError(
            type=BuildErrorType.CI_FAILED,
            message=text,
            context={
                "signature": signature("ci-timeout", *(each.name for each in verdict.findings)),
                "url": place,
                "limitSeconds": context.order.git_ops.ci_timeout_seconds,
            },
            verification_file=context.layout.verification(context.run.iteration).name,
            phase=context.run.state.value,
            failed_at=to_stamp(context.clock.now()),
        )
        return CiEnd(error=error, step=Step.CI_TIMEOUT, result=RunResult.FAILED_TIMEOUT)

    async def _without_verdict(self, text: str, fault: GitHubError) -> CiEnd:
        if not self._fails_fast:
            return await self._warned(text)
        wrapped = GitHubError(text, status=fault.status)
        phase, now = self.context.run.state.value, to_stamp(self.context.clock.now())
        return CiEnd(error=error_of_system(wrapped, phase=phase, failed_at=now))

    async def _warned(self, text: str) -> CiEnd:
        warning = RunWarned(warning="ci", message=text)
        if warning not in self.context.said_here(RunWarned):
            await self.context.emit(warning)
        return CiEnd()

    @property
    def _fails_fast(self) -> bool:
        return self.context.order.git_ops.github_mode is GitHubMode.FAIL_FAST

    def _delivery(self) -> DeliveryRecord:
        record = self.context.persister.store.read(DeliveryRecord, self.context.layout.delivery)
        assert record is not None, "a delivery comes before the wait for its checks"
        return record

    def limit_reached(self) -> str | None:
        """Why failed checks cause no other iteration, once they caused as many as the order allows."""
        most = self.context.order.git_ops.max_ci_iterations
        polls = [e for e in self.context.persister.events if e.type is EventType.CI_POLLED]
        failed = {e.iteration for e in polls if e.data.get("state") == "failed"}
        times = wording.plural(most, "iteration")
        return f"the checks of the pull request failed in {times}, the limit" if len(failed) >= most else None

    def _begun(self) -> str:
        here = self.context.run.iteration
        events = self.context.persister.events
        return next(e.t for e in events if e.type is EventType.CI_POLLED and e.iteration == here)


def within_the_run(ops: GitOps, *, waited_s: float, left_s: float) -> GitOps:
    """`ops` with a wait that ends with the run's own time, of which `left_s` is left: no sleep of a run is longer."""
    most = round(waited_s + max(0.0, left_s), 1)
    return ops.model_copy(update={"ci_timeout_seconds": min(ops.ci_timeout_seconds, most)})


def with_checks(
    report: PersistedVerificationReport, checks: list[Check], notes: list[str]
) -> PersistedVerificationReport:
    """The report with what continuous integration said in level L1, instead of what it said before."""
    level = report.l1_result
    earlier = {check.id for check in level.checks if check.name.startswith(CI_PREFIX) and check.command is None}
    judged = [*(check for check in level.checks if check.id not in earlier), *checks]
    grown = report.model_copy(
        update={
            "l1_result": _with_judged(level, judged),
            "diagnostics": [
                *(each for each in report.diagnostics if each.check not in earlier),
                *(each for check in checks for each in check.diagnostics),
            ],
            "skipped_levels": [each for each in report.skipped_levels if each is not Level.L1 or not judged],
            "notes": list(dict.fromkeys([*report.notes, *notes])),
        }
    )
    passed = all(each.status is not CheckStatus.FAILED for each in grown.levels)
    return grown.model_copy(update={"passed": passed, "summary": summary_of(grown.levels)})


def _with_judged(level: LevelResult, checks: list[Check]) -> LevelResult:
    if not checks:
        return level
    found = {check.status for check in checks}
    worst = (CheckStatus.FAILED, CheckStatus.WARNING, CheckStatus.FLAKY)
    status = next((each for each in worst if each in found), CheckStatus.PASSED)
    passed = status is not CheckStatus.FAILED
    return level.model_copy(update={"checks": checks, "status": status, "passed": passed, "reason": None})
