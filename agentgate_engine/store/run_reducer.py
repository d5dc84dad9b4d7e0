"""One pure reducer from events to a run. It serves the engine, the rebuild of the store, and time travel alike."""

from __future__ import annotations

from collections.abc import Iterable

from agentgate_engine.models.agent_result import TokenUsage
from agentgate_engine.models.events import (
    AgentComplete,
    AgentFailed,
    AgentInterrupted,
    AgentStarted,
    AgentToolStarted,
    AgentUsage,
    CheckFinished,
    CheckStarted,
    CiPolled,
    DeliveryComplete,
    Event,
    FeedbackGenerated,
    IterationStarted,
    Payload,
    PullRequestCreated,
    RetryScheduled,
    RetryStarted,
    RunCanceled,
    RunComplete,
    RunFailed,
    RunQueued,
    RunResumed,
    RunStarted,
    RunWaiting,
    RunWarned,
    SnapshotCreated,
    StrategyDecision,
    UnknownEvent,
    VerificationComplete,
    VerificationStarted,
    WorkspaceAcquired,
    parse_payload,
)
from agentgate_engine.models.run import RetryNote, Run, RunWarning, WaitingFor
from agentgate_engine.models.run_state import RunResult, RunState, Step, advance


def replay(events: Iterable[Event]) -> Run | None:
    """The run that these events, from the first on, describe; None when there are none."""
    run: Run | None = None
    for event in events:
        run = reduce_event(run, event)
    return run


def reduce_event(run: Run | None, event: Event) -> Run:
    """The run after `event`.

    Raises:
        ImpossibleStep: the event does not fit the run's state.
        ValueError: the first event is not `run:queued`.
    """
    payload = parse_payload(event)
    if run is None:
        if not isinstance(payload, RunQueued):
            raise ValueError(f"the events of {event.run_id} begin with {event.type}")
        return _born(event, payload)
    changed = _changes(run, event, payload)
    return run.model_copy(update={**changed, "last_seq": event.seq, "updated_at": event.t, "fence": event.fence})


def _born(event: Event, payload: RunQueued) -> Run:
    return Run(
        id=event.run_id,
        work_order_id=event.work_order_id,
        title=payload.title,
        agent=payload.agent,
        repository=payload.repository,
        branch=payload.branch,
        base_commit=payload.base_commit,
        max_iterations=payload.max_iterations,
        queued_at=event.t,
        updated_at=event.t,
        left_out=payload.left_out,
        depends_on=payload.after,
        warnings=[RunWarning(type="submit", message=text, timestamp=event.t) for text in payload.warnings],
        now="queued",
        last_seq=event.seq,
        fence=event.fence,
    )


def _changes(run: Run, event: Event, payload: Payload) -> dict[str, object]:
    match payload:
        case RunStarted():
            return {"engine": payload.engine, "started_at": event.t, "now": "preparing", "waiting_for": None}
        case RunResumed():
            goes_on = run.waiting_for is not None and run.waiting_for.kind == "backoff"
            return {"engine": payload.engine, "waiting_for": run.waiting_for if goes_on else None}
        case RunWaiting():
            return {"waiting_for": payload.waiting_for}
        case RunWarned():
            warning = RunWarning(
                type=payload.warning, message=payload.message, iteration=event.iteration, timestamp=event.t
            )
            return {"warnings": [*run.warnings, warning]}
        case WorkspaceAcquired():
            return {"state": advance(run.state, Step.WORKSPACE_ACQUIRED), "snapshot_before_sha": payload.base_commit}
        case IterationStarted():
            step = Step.BUILD_STARTED if run.state is RunState.LEASED else Step.FEEDBACK_GENERATED
            return {
                "state": advance(run.state, step),
                "iteration": event.iteration,
                "attempt": 0,
                "snapshot_before_sha": payload.before_sha,
                "levels": "....",
                "now": "starting",
            }
        case AgentStarted():
            return {"attempt": payload.attempt, "now": "agent at work"}
        case AgentToolStarted():
            return {"tool_calls": run.tool_calls + 1, "now": f"{payload.kind}: {payload.summary}"[:120]}
        case AgentUsage():
            return _known(session_id=payload.session_id, model=payload.model)
        case AgentFailed():
            return _agent_ended(run, payload)
        case AgentComplete():
            return {
                **_agent_ended(run, payload),
                "state": advance(run.state, Step.BUILD_COMPLETED),
                "now": "taking the snapshot",
            }
        case AgentInterrupted():
            return {"now": "interrupted"}
        case RetryScheduled():
            note = RetryNote(
                iteration=event.iteration,
                attempt=payload.attempt,
                operation=payload.operation,
                error_type=payload.error_type,
                reason=payload.reason,
                delay_ms=payload.delay_ms,
                fresh_session=payload.fresh_session,
                t=event.t,
            )
            waiting = WaitingFor(kind="backoff", reason=payload.reason, until=payload.until)
            return {
                **with_usage(run, payload.tokens_used, payload.cost_usd),
                "retries": [*run.retries, note],
                "waiting_for": waiting,
                "now": f"waiting to retry: {payload.reason}"[:120],
            }
        case RetryStarted():
            counted = 0 if run.retries and run.retries[-1].fresh_session else 1
            return {"retried_count": run.retried_count + counted, "waiting_for": None, "now": "trying again"}
        case SnapshotCreated():
            return {
                "state": advance(run.state, Step.SNAPSHOT_COMPLETED),
                "snapshot_after_sha": payload.snapshot.after_sha,
                "snapshot_ids": [*run.snapshot_ids, payload.snapshot.id],
            }
        case VerificationStarted():
            return {"now": "verifying", "levels": "...."}
        case CheckStarted():
            return {"levels": _mark(run.levels, payload.id, "*"), "now": f"check {payload.id}"}
        case CheckFinished():
            return {"levels": _mark(run.levels, payload.id, payload.status.sign)}
        case VerificationComplete():
            return {"levels": payload.levels, "now": "verified" if payload.passed else payload.summary[:120]}
        case StrategyDecision():
            if run.state is RunState.CI_POLLING:
                return {"state": advance(run.state, Step.CI_FAILED)}
            return {"state": advance(run.state, Step.VERIFY_FAILED_RETRYABLE)} if payload.go_on else {}
        case FeedbackGenerated():
            return {"now": "feedback written"}
        case DeliveryComplete():
            return _known(delivered_branch=payload.branch, pr_url=payload.pr_url)
        case PullRequestCreated() if run.state is RunState.VERIFYING:
            opened = f"pull request #{payload.number}"
            return {"state": advance(run.state, Step.PR_CREATED), "pr_url": payload.url, "now": opened}
        case CiPolled():
            state = advance(run.state, Step.CI_POLLING_STARTED) if run.state is RunState.PR_CREATED else run.state
            return {"state": state, "now": f"CI {payload.state}: {payload.text}"[:120]}
        case RunComplete():
            step = Step.CI_PASSED if run.state is RunState.CI_POLLING else Step.VERIFY_PASSED
            return _ended(run, event, step, RunResult.PASSED, "done")
        case RunFailed():
            return {
                **_ended(run, event, payload.step, payload.result, payload.error.type.replace("_", " ")),
                "error": payload.error.message,
                "build_error": payload.error,
                "failure_signature": payload.signature,
            }
        case RunCanceled():
            return {
                **_ended(run, event, Step.USER_CANCELED, RunResult.CANCELED, "canceled"),
                "error": f"canceled by {payload.by}: {payload.reason}"
                if payload.reason
                else f"canceled by {payload.by}",
            }
        case UnknownEvent():
            seen = run.unknown_events.get(event.type, 0)
            return {"unknown_events": {**run.unknown_events, event.type.value: seen + 1}}
        case _:
            return {}


def _agent_ended(run: Run, payload: AgentComplete) -> dict[str, object]:
    used = with_usage(run, payload.tokens_used, payload.cost_usd)
    return {**used, **_known(session_id=payload.session_id, model=payload.model)}


def with_usage(run: Run, tokens: TokenUsage | None, cost: float | None) -> dict[str, object]:
    """What a call used, added to what the calls before it did."""
    if tokens and run.tokens_used:
        tokens = tokens.model_copy(
            update={name: getattr(tokens, name) + getattr(run.tokens_used, name) for name in type(tokens).model_fields}
        )
    if cost is not None and run.cost_usd is not None:
        cost += run.cost_usd
    return _known(tokens_used=tokens, cost_usd=cost)


def _ended(run: Run, event: Event, step: Step, result: RunResult, now: str) -> dict[str, object]:
    return {
        "state": advance(run.state, step),
        "result": result,
        "completed_at": event.t,
        "now": now,
        "waiting_for": None,
        "levels": run.levels.replace("*", "."),
    }


def _known(**values: object) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None}


def _mark(levels: str, check_id: str, glyph: str) -> str:
    """The glyph of the check's level; a failure in a level stays."""
    at = int(check_id[1])
    kept = levels[at] == "x" and glyph in "+*~-"
    return levels if kept else levels[:at] + glyph + levels[at + 1 :]
