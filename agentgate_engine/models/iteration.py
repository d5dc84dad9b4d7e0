"""One iteration of a run, written at its end, the last one included."""

from __future__ import annotations

from enum import StrEnum

from pydantic import JsonValue

from agentgate_engine.models.agent_result import AgentOutcome, TokenUsage
from agentgate_engine.models.record import Record
from agentgate_engine.models.run_state import RunState
from agentgate_engine.models.verification import Level


class IterationErrorType(StrEnum):
    NONE = "none"
    AGENT_CRASH = "agent_crash"
    AGENT_FAILURE = "agent_failure"
    VERIFICATION_FAILED = "verification_failed"
    TIMEOUT = "timeout"
    SYSTEM_ERROR = "system_error"


class IterationData(Record):
    """`iteration-{n}.json`. `state` is the run's state when the iteration ended; unknown values are null, never 0."""

    run_id: str
    iteration: int
    state: RunState
    snapshot_id: str | None = None
    verification_passed: bool | None = None
    feedback_generated: bool = False
    started_at: str
    completed_at: str | None = None
    duration_ms: int | None = None
    agent_session_id: str | None = None
    agent_result_file: str | None = None
    agent_duration_ms: int | None = None
    agent_success: bool | None = None
    agent_outcome: AgentOutcome | None = None
    agent_model: str | None = None
    agent_tokens_used: TokenUsage | None = None
    agent_cost_usd: float | None = None
    agent_tool_calls: int | None = None
    attempts: int = 1
    verification_file: str | None = None
    verification_levels_run: list[Level] = []
    verification_duration_ms: int | None = None
    error_type: IterationErrorType = IterationErrorType.NONE
    error_message: str | None = None
    error_details: dict[str, JsonValue] = {}
    model: str | None = None
    profile_hash: str | None = None
    tree_before: str | None = None
    tree_after: str | None = None
    commit: str | None = None
    feedback_ref: str | None = None
    diff_file: str | None = None
    decision: str | None = None
    decision_reason: str | None = None
