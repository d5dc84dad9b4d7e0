"""A run of the original as a line of a list."""

from __future__ import annotations

from agentgate_engine.models.run import Run
from agentgate_engine.store.index import RunRow


def row_of(run: Run) -> RunRow:
    """The row that the index would have of it."""
    waiting, error = run.waiting_for, run.build_error
    return RunRow(
        id=run.id,
        order_id=run.work_order_id or run.id,
        state=run.state.value,
        result=run.result.value if run.result else None,
        title=run.title,
        repository=run.repository,
        agent=run.agent,
        iteration=run.iteration,
        max_iterations=run.max_iterations,
        levels=run.levels,
        now=run.now,
        waiting=f"{waiting.kind}: {waiting.reason}" if waiting else None,
        error_type=error.type.value if error else None,
        error=run.error,
        tool_calls=run.tool_calls,
        tokens=run.tokens_used.total if run.tokens_used else None,
        cost_usd=run.cost_usd,
        queued_at=run.queued_at,
        started_at=run.started_at,
        completed_at=run.completed_at,
        updated_at=run.updated_at,
        engine=None,
        fence=0,
        warnings=len(run.warnings),
    )
