"""What a strategy is told: the iteration that was just verified, and those before it, from their files."""

from __future__ import annotations

from agentgate_engine.clock import from_stamp
from agentgate_engine.models.agent_result import AgentOutcome, PersistedAgentResult
from agentgate_engine.models.iteration import IterationData
from agentgate_engine.models.strategy import IterationEvent, PreviousIteration
from agentgate_engine.models.verification import PersistedVerificationReport
from agentgate_engine.phases.run_context import RunContext

_TAIL_CHARS = 4000


def iteration_event(context: RunContext, report: PersistedVerificationReport) -> IterationEvent:
    """The event for the present iteration, whose `report` is on the disk."""
    run, limits = context.run, context.order.limits
    now = context.clock.now()
    agent = _agent(context, run.iteration)
    begun = from_stamp(agent.started_at) if agent and agent.started_at else now
    current = _iteration(context, run.iteration, report, duration_ms=round((now - begun) * 1000))
    return IterationEvent(
        run_id=run.id,
        work_order_id=run.work_order_id,
        iteration=run.iteration,
        max_iterations=run.max_iterations,
        max_time_ms=round(limits.max_wall_clock_seconds * 1000),
        elapsed_ms=round((now - from_stamp(run.started_at)) * 1000) if run.started_at else 0,
        agent_success=current.agent_success,
        agent_outcome=agent.outcome if agent else AgentOutcome.SUCCESS,
        verification_passed=report.passed,
        current=current,
        previous_iterations=[_earlier(context, n) for n in range(1, run.iteration)],
    )


def _earlier(context: RunContext, n: int) -> PreviousIteration:
    store, layout = context.persister.store, context.layout
    record = store.read_if_whole(IterationData, layout.iteration(n))
    report = store.read_if_whole(PersistedVerificationReport, layout.verification(n))
    return _iteration(context, n, report, duration_ms=(record.duration_ms if record else None) or 0)


def _iteration(
    context: RunContext, n: int, report: PersistedVerificationReport | None, *, duration_ms: int
) -> PreviousIteration:
    agent = _agent(context, n)
    checks = [check for level in report.levels for check in level.checks] if report else []
    failed = report.first_failed if report else None
    return PreviousIteration(
        iteration=n,
        agent_success=agent.success if agent else False,
        verification_passed=report.passed if report else None,
        duration_ms=duration_ms,
        tokens_used=agent.tokens_used.total if agent and agent.tokens_used else None,
        checks={check.id: check.status.value for check in checks},
        failed_cases=sum(case.status == "failed" for check in checks for case in check.cases),
        tree=report.tree_hash if report else None,
        agent_text=_own_words(agent) if agent else None,
        signature=failed.signature if failed else None,
    )


def _own_words(agent: PersistedAgentResult) -> str:
    """What the agent said at the end: its report, else its last message, else the end of what it printed."""
    said = [note.text for note in agent.messages if note.role == "assistant"]
    return agent.result_text or (said[-1] if said else agent.stdout[-_TAIL_CHARS:])


def _agent(context: RunContext, n: int) -> PersistedAgentResult | None:
    return context.persister.store.read_if_whole(PersistedAgentResult, context.layout.agent(n))
