"""`iteration-{n}.json` from what the files of the iteration say."""

from __future__ import annotations

from pydantic import JsonValue

from agentgate_engine.clock import from_stamp
from agentgate_engine.error_builder import error_of_verification
from agentgate_engine.models.agent_result import PersistedAgentResult
from agentgate_engine.models.build_error import BuildError, BuildErrorType
from agentgate_engine.models.event_type import EventType
from agentgate_engine.models.events import (
    Event,
    IterationStarted,
    SnapshotCreated,
    StrategyDecision,
)
from agentgate_engine.models.feedback import FeedbackRecord
from agentgate_engine.models.iteration import IterationData, IterationErrorType
from agentgate_engine.models.run import Run
from agentgate_engine.models.run_state import RunState
from agentgate_engine.models.verification import CheckStatus, PersistedVerificationReport
from agentgate_engine.models.work_order import ResolvedProfile, WorkOrder
from agentgate_engine.result_persister import ResultPersister


def iteration_record(
    persister: ResultPersister, order: WorkOrder, *, state: RunState, error: BuildError | None, now: str
) -> IterationData:
    """The record of the present iteration, which ends in `state`. A file of it that was damaged counts as not there:
    it can still be looked at, and must not keep the run from ending."""
    layout, store, run = persister.layout, persister.store, persister.run
    n = run.iteration
    agent = store.read_if_whole(PersistedAgentResult, layout.agent(n))
    report = store.read_if_whole(PersistedVerificationReport, layout.verification(n))
    feedback = store.read_if_whole(FeedbackRecord, layout.feedback(n))
    profile = store.read_if_whole(ResolvedProfile, layout.profile)
    begun = persister.happened(EventType.ITERATION_STARTED, n)
    taken = persister.happened(EventType.SNAPSHOT_CREATED, n)
    decision = persister.happened(EventType.STRATEGY_DECISION, n)
    started_at = _time_of(persister.events, EventType.ITERATION_STARTED, n) or now
    action = ("continue" if decision.go_on else "stop") if isinstance(decision, StrategyDecision) else None
    why = error or _of_report(report, now)
    return IterationData(
        run_id=run.id,
        iteration=n,
        state=state,
        snapshot_id=taken.snapshot.id if isinstance(taken, SnapshotCreated) else None,
        verification_passed=report.passed if report else None,
        feedback_generated=feedback is not None,
        started_at=started_at,
        completed_at=now,
        duration_ms=round((from_stamp(now) - from_stamp(started_at)) * 1000),
        agent_session_id=agent.session_id if agent else None,
        agent_result_file=layout.agent(n).name if agent else None,
        agent_duration_ms=agent.duration_ms if agent else None,
        agent_success=agent.success if agent else None,
        agent_outcome=agent.outcome if agent else None,
        agent_model=agent.model if agent else None,
        agent_tokens_used=agent.tokens_used if agent else None,
        agent_cost_usd=agent.total_cost_usd if agent else None,
        agent_tool_calls=len(agent.tool_calls) if agent else None,
        attempts=len(agent.attempts) if agent else max(run.attempt, 1),
        verification_file=layout.verification(n).name if report else None,
        verification_levels_run=[
            level.level for level in report.levels if level.checks and level.status is not CheckStatus.NOT_RUN
        ]
        if report
        else [],
        verification_duration_ms=report.total_duration if report else None,
        error_type=_error_type(why),
        error_message=why.message if why else None,
        error_details=_details(why, report, run, action),
        model=agent.model if agent else order.agent.model,
        profile_hash=profile.hash if profile else None,
        tree_before=begun.tree_before if isinstance(begun, IterationStarted) else None,
        tree_after=taken.snapshot.tree_after if isinstance(taken, SnapshotCreated) else None,
        commit=taken.snapshot.after_sha if isinstance(taken, SnapshotCreated) else None,
        feedback_ref=layout.feedback(n).name if feedback else None,
        diff_file=layout.diff(n).name if taken else None,
        decision=action,
        decision_reason=decision.reason if isinstance(decision, StrategyDecision) else None,
    )


def _of_report(report: PersistedVerificationReport | None, now: str) -> BuildError | None:
    """Why an iteration failed that another one followed, so that the run itself has no error."""
    if report is None or report.first_failed is None:
        return None
    return error_of_verification(report, phase=RunState.VERIFYING.value, failed_at=now)


def _details(
    error: BuildError | None, report: PersistedVerificationReport | None, run: Run, action: str | None
) -> dict[str, JsonValue]:
    """What a list of iterations, or a script, wants to know of a failure; `context` is that of the error."""
    if error is None:
        return {}
    failed = report.first_failed if report else None
    return {
        "failedLevel": failed.level.value if failed else None,
        "failedCheck": failed.id if failed else None,
        "buildErrorType": error.type.value,
        "iteration": run.iteration,
        "maxIterations": run.max_iterations,
        "strategyAction": action,
        "context": dict(error.context),
    }


def _error_type(error: BuildError | None) -> IterationErrorType:
    if error is None:
        return IterationErrorType.NONE
    match error.type:
        case BuildErrorType.AGENT_CRASH:
            return IterationErrorType.AGENT_CRASH
        case BuildErrorType.AGENT_TASK_FAILURE:
            return IterationErrorType.AGENT_FAILURE
        case BuildErrorType.AGENT_TIMEOUT:
            return IterationErrorType.TIMEOUT
        case (
            BuildErrorType.WORKSPACE_ERROR
            | BuildErrorType.SNAPSHOT_ERROR
            | BuildErrorType.GITHUB_ERROR
            | BuildErrorType.SYSTEM_ERROR
            | BuildErrorType.UNKNOWN
        ):
            return IterationErrorType.SYSTEM_ERROR
        case _:
            return IterationErrorType.VERIFICATION_FAILED


def _time_of(events: list[Event], kind: EventType, iteration: int) -> str | None:
    return next((e.t for e in events if e.type is kind and e.iteration == iteration), None)
