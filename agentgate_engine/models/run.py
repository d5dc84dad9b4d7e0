"""`run.json`: the summary of a run, made by the reducer from its events and by nothing else."""

from __future__ import annotations

from typing import Literal

from agentgate_engine.models.agent_result import TokenUsage
from agentgate_engine.models.build_error import BuildError
from agentgate_engine.models.record import Record
from agentgate_engine.models.run_state import RunResult, RunState

FORMAT_VERSION = 1


class WaitingFor(Record):
    """What holds a run that could otherwise go on. `until` is set for a wait that ends by itself."""

    kind: Literal["slot", "dependency", "memory", "disk", "backoff", "permission", "operator", "store"]
    reason: str
    until: str | None = None


class RunWarning(Record):
    """A fault that the run survived, for the operator to see."""

    type: str
    message: str
    iteration: int | None = None
    timestamp: str


class RetryNote(Record):
    """One call that was made again, and why."""

    iteration: int | None = None
    attempt: int
    operation: str = "agent"
    error_type: str | None = None
    reason: str
    delay_ms: int = 0
    fresh_session: bool = False
    t: str


class Run(Record):
    """A run.

    `levels` is one glyph a level of the newest verification: `+ x * . -` pass, fail, running, not run, skipped.

    `now` says in a few words what is going on. `fence` grows with every claim. `unknown_events` counts, by type, events
    of a newer version that this one could only pass over.
    """

    format_version: int = FORMAT_VERSION
    id: str
    work_order_id: str
    state: RunState = RunState.QUEUED
    result: RunResult | None = None
    title: str = ""
    agent: str = ""
    repository: str = ""
    branch: str = ""
    base_commit: str = ""
    iteration: int = 0
    max_iterations: int
    attempt: int = 0
    queued_at: str
    started_at: str | None = None
    completed_at: str | None = None
    updated_at: str
    heartbeat: str | None = None
    fence: int = 0
    engine: str | None = None
    session_id: str | None = None
    model: str | None = None
    waiting_for: WaitingFor | None = None
    levels: str = "...."
    now: str = ""
    tool_calls: int = 0
    tokens_used: TokenUsage | None = None
    cost_usd: float | None = None
    snapshot_before_sha: str | None = None
    snapshot_after_sha: str | None = None
    snapshot_ids: list[str] = []
    delivered_branch: str | None = None
    pr_url: str | None = None
    error: str | None = None
    build_error: BuildError | None = None
    failure_signature: str | None = None
    retried_count: int = 0
    retries: list[RetryNote] = []
    warnings: list[RunWarning] = []
    left_out: list[str] = []
    unknown_events: dict[str, int] = {}
    depends_on: list[str] = []
    allowed_paths: list[str] = []
    last_seq: int = -1
