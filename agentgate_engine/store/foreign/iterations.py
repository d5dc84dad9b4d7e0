"""`iteration-{n}.json` of each generation as our record, and what stands in for one that was not written. Pure."""

from __future__ import annotations

from agentgate_engine.clock import from_stamp
from agentgate_engine.models.agent_result import PersistedAgentResult, TokenUsage
from agentgate_engine.models.iteration import IterationData, IterationErrorType
from agentgate_engine.models.metrics import Phase
from agentgate_engine.models.run import Run
from agentgate_engine.models.run_state import RunResult, RunState
from agentgate_engine.models.verification import CheckStatus, Level, PersistedVerificationReport
from agentgate_engine.store.foreign.agents import Mask, tokens_of
from agentgate_engine.store.foreign.records import Fields, base_name, plain

_ERRORS = {kind.value: kind for kind in IterationErrorType}
_PHASES = {
    "build": Phase.BUILDING,
    "snapshot": Phase.SNAPSHOTTING,
    "verify": Phase.VERIFYING,
    "feedback": Phase.FEEDBACK,
}


def convert_iteration(
    run: Run,
    iteration: int,
    found: Fields,
    agent: PersistedAgentResult | None,
    report: PersistedVerificationReport | None,
    patch: str | None,
    begun: str | None,
    mask: Mask,
) -> IterationData | None:
    """What is known of an iteration at its end; None while nothing tells how it came out. `begun` is when the one
    before it ended, if that is known.

    The original wrote this record after feedback and after some errors alone, so that the last one is missing as a rule
    (upstream.md 0): then the run, the agent's record and the report say it. It kept the state at the start of the
    iteration; ours is the one at its end. An absent record falls back to `run.json` (upstream.md 3.8).
    """
    last = iteration == run.iteration
    passed = found.flag("verificationPassed")
    if passed is None:
        passed = report.passed if report is not None else _passed_by_result(run) if last else None
    error = _error(found, agent)
    ended = last and run.state.terminal
    if not ended and passed is None and error is IterationErrorType.NONE and found.stamp("completedAt") is None:
        return None
    if not ended and passed is None and error is IterationErrorType.NONE and agent is None:
        return None
    started = found.stamp("startedAt") or found.stamp("startTime")
    completed = found.stamp("completedAt") or found.stamp("endTime")
    started = started or begun or run.started_at or run.queued_at
    completed = completed or (run.completed_at if last else None)
    tokens = tokens_of(found, "agentTokensUsed") or (agent.tokens_used if agent is not None else None)
    return IterationData(
        run_id=run.id,
        iteration=iteration,
        state=run.state if last else RunState.FEEDBACK,
        snapshot_id=found.text("snapshotId") or _snapshot_of(run, iteration),
        verification_passed=passed,
        feedback_generated=found.flag("feedbackGenerated") or False,
        started_at=started,
        completed_at=completed,
        duration_ms=_duration(found, agent, report, span_ms(begun, completed)),
        agent_session_id=found.text("agentSessionId") or (agent.session_id if agent is not None else None),
        agent_result_file=base_name(found.text("agentResultFile")) or (f"agent-{iteration}.json" if agent else None),
        agent_duration_ms=found.whole("agentDurationMs") or (agent.duration_ms if agent is not None else None),
        agent_success=found.flag("agentSuccess") if "agentSuccess" in found else agent.success if agent else None,
        agent_outcome=agent.outcome if agent is not None else None,
        agent_model=found.text("agentModel") or (agent.model if agent is not None else None),
        agent_tokens_used=tokens,
        agent_cost_usd=found.real("agentCostUsd") or (agent.total_cost_usd if agent is not None else None),
        agent_tool_calls=len(agent.tool_calls) if agent is not None else None,
        verification_file=base_name(found.text("verificationFile"))
        or (f"verification-{iteration}.json" if report else None),
        verification_levels_run=_levels_run(found, report),
        verification_duration_ms=found.whole("verificationDurationMs") or (report.total_duration if report else None),
        error_type=error,
        error_message=_message(found, report, mask),
        error_details={"recorded": plain(found.values["errorDetails"])} if found.child("errorDetails") else {},
        diff_file=patch,
    )


def phase_times(found: Fields) -> dict[Phase, int]:
    """Where the time of an iteration went, as v0.2.26 keeps it."""
    times = found.child("phaseTimings")
    return {phase: spent for key, phase in _PHASES.items() if (spent := times.whole(key))}


def total_tokens(uses: list[TokenUsage]) -> TokenUsage | None:
    """The sum of several calls."""
    if not uses:
        return None
    return TokenUsage(
        input=sum(use.input for use in uses),
        output=sum(use.output for use in uses),
        total=sum(use.total for use in uses),
    )


def _passed_by_result(run: Run) -> bool | None:
    return {RunResult.PASSED: True, RunResult.FAILED_VERIFICATION: False}.get(run.result) if run.result else None


def _error(found: Fields, agent: PersistedAgentResult | None) -> IterationErrorType:
    known = _ERRORS.get(found.text("errorType") or "")
    if known is not None and known is not IterationErrorType.NONE:
        return known
    if agent is not None and not agent.success:
        outcome = agent.outcome.value
        if outcome == "timeout":
            return IterationErrorType.TIMEOUT
        return IterationErrorType.AGENT_FAILURE if outcome == "task_failure" else IterationErrorType.AGENT_CRASH
    return IterationErrorType.SYSTEM_ERROR if found.words("error") else IterationErrorType.NONE


def _message(found: Fields, report: PersistedVerificationReport | None, mask: Mask) -> str | None:
    told = found.text("errorMessage") or found.words("error")
    if told is not None:
        return mask(told)
    check = report.first_failed if report is not None else None
    return f"{check.id} failed" if check is not None else None


def _duration(
    found: Fields, agent: PersistedAgentResult | None, report: PersistedVerificationReport | None, span: int | None
) -> int | None:
    """As recorded; else from the end of the iteration before to its own; else what its agent and its checks took."""
    known = found.whole("durationMs")
    if known is not None:
        return known
    if span is not None:
        return span
    parts = [agent.duration_ms if agent is not None else 0, report.total_duration if report is not None else 0]
    return sum(parts) or None


def span_ms(begin: str | None, end: str | None) -> int | None:
    """The time between two stamps; None where one is unknown or they stand the wrong way round."""
    if not begin or not end:
        return None
    spent = round((from_stamp(end) - from_stamp(begin)) * 1000)
    return spent if spent >= 0 else None


def _levels_run(found: Fields, report: PersistedVerificationReport | None) -> list[Level]:
    named = found.texts("verificationLevelsRun")
    if named or report is None:
        return [level for level in Level if level.value in named]
    not_run = (CheckStatus.NOT_RUN, CheckStatus.SKIPPED)
    return [level.level for level in report.levels if level.status not in not_run]


def _snapshot_of(run: Run, iteration: int) -> str | None:
    return run.snapshot_ids[iteration - 1] if iteration <= len(run.snapshot_ids) else None
