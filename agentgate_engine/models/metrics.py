"""What a run cost in time, tokens and money, added up from its events."""

from __future__ import annotations

from enum import StrEnum

from agentgate_engine.models.agent_result import TokenUsage
from agentgate_engine.models.record import Record
from agentgate_engine.models.run_state import RunResult, RunState

METRICS_FORMAT = 1


class Phase(StrEnum):
    """Where a run's time goes. Each moment between submission and end belongs to exactly one."""

    QUEUED = "queued"
    PREPARING = "preparing"
    BUILDING = "building"
    SNAPSHOTTING = "snapshotting"
    VERIFYING = "verifying"
    FEEDBACK = "feedback"
    BACKOFF = "backoff"
    DELIVERY = "delivery"


class RunMetrics(Record):
    """`metrics.json`, written when a run ends; any run's can be added up from its events at any time.

    `durations` maps each phase that took time to ms; together they are `total_ms`. `agent_calls` are processes started,
    interrupted ones included. Tokens and cost are null where the agent does not tell; `checks` counts every finished
    check of every iteration by its status.
    """

    format_version: int = METRICS_FORMAT
    run_id: str
    work_order_id: str
    title: str = ""
    agent: str = ""
    model: str | None = None
    state: RunState
    result: RunResult | None = None
    queued_at: str
    completed_at: str | None = None
    total_ms: int
    durations: dict[Phase, int]
    iterations: int
    agent_calls: int = 0
    interruptions: int = 0
    retries: int = 0
    tokens_used: TokenUsage | None = None
    cost_usd: float | None = None
    tool_calls: dict[str, int] = {}
    tool_errors: int = 0
    checks: dict[str, int] = {}
    warnings: int = 0
    last_seq: int
