"""What a run of the original cost, from its records: it has no events to add up. Pure."""

from __future__ import annotations

from collections import Counter

from agentgate_engine.models.metrics import Phase, RunMetrics
from agentgate_engine.store.foreign.iterations import span_ms
from agentgate_engine.store.run_evidence import RunEvidence


def foreign_metrics(evidence: RunEvidence) -> RunMetrics:
    """The metrics as far as they are on record.

    Unlike ours, the phases do not add up to `total_ms`, which is from submission to end: nobody measured the rest.
    """
    run = evidence.run
    spent, checks, tools = Counter[Phase](), Counter[str](), Counter[str]()
    spent[Phase.QUEUED] = span_ms(run.queued_at, run.started_at) or 0
    for n in range(1, run.iteration + 1):
        times = evidence.phase_times.get(n, {})
        agent, report = evidence.agents.get(n), evidence.verifications.get(n)
        spent[Phase.BUILDING] += times.get(Phase.BUILDING, agent.duration_ms if agent is not None else 0)
        spent[Phase.VERIFYING] += times.get(Phase.VERIFYING, report.total_duration if report is not None else 0)
        for phase in (Phase.SNAPSHOTTING, Phase.FEEDBACK):
            spent[phase] += times.get(phase, 0)
        checks.update(check.status.value for level in (report.levels if report else ()) for check in level.checks)
        tools.update(call.kind for call in (agent.tool_calls if agent else ()))
    return RunMetrics(
        run_id=run.id,
        work_order_id=run.work_order_id,
        title=run.title,
        agent=run.agent,
        model=run.model,
        state=run.state,
        result=run.result,
        queued_at=run.queued_at,
        completed_at=run.completed_at,
        total_ms=span_ms(run.queued_at, run.completed_at) or sum(spent.values()),
        durations={phase: spent[phase] for phase in Phase if spent[phase]},
        iterations=run.iteration,
        agent_calls=len(evidence.agents),
        tokens_used=run.tokens_used,
        cost_usd=run.cost_usd,
        tool_calls=dict(sorted(tools.items())),
        tool_errors=sum(call.is_error for agent in evidence.agents.values() for call in agent.tool_calls),
        checks=dict(sorted(checks.items())),
        warnings=len(run.warnings),
        last_seq=-1,
    )
