"""What an agent call brought: outcome, tool calls, usage, and both streams within limits."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import JsonValue

from agentgate_engine.models.build_error import BuildErrorType
from agentgate_engine.models.record import Record

UNKNOWN_SESSION = "unknown"
"""What `sessionId` says of an agent that named none."""

ToolKind = Literal["read", "edit", "bash", "search", "web", "think", "other"]


class AgentOutcome(StrEnum):
    """How an agent call ended. Success needs the terminal event, its error flag clear, and that we did not kill it."""

    SUCCESS = "success"
    TASK_FAILURE = "task_failure"
    CRASH = "crash"
    TIMEOUT = "timeout"
    CANCELED = "canceled"
    INCOMPLETE = "incomplete"
    AUTH = "auth"
    RATE_LIMITED = "rate_limited"
    OVERLOADED = "overloaded"
    LIMIT_REACHED = "limit_reached"
    LOOP_DETECTED = "loop_detected"

    @property
    def error_type(self) -> BuildErrorType:
        """The BuildErrorType that this outcome is reported as."""
        match self:
            case AgentOutcome.TIMEOUT:
                return BuildErrorType.AGENT_TIMEOUT
            case AgentOutcome.CRASH | AgentOutcome.INCOMPLETE:
                return BuildErrorType.AGENT_CRASH
            case AgentOutcome.SUCCESS | AgentOutcome.CANCELED:
                return BuildErrorType.UNKNOWN
            case _:
                return BuildErrorType.AGENT_TASK_FAILURE

    @property
    def retryable(self) -> bool:
        """Whether the same call may succeed later without a change: an outage may, wrong credentials will not."""
        return self in (
            AgentOutcome.TIMEOUT,
            AgentOutcome.RATE_LIMITED,
            AgentOutcome.OVERLOADED,
            AgentOutcome.INCOMPLETE,
        )


class LineRange(Record):
    """Lines `start` to `end` of a file, both included, counted from 1."""

    start: int
    end: int


class TouchedPath(Record):
    """A path inside the workspace (relative, `/`-separated) and the lines of it, where they are known."""

    path: str
    ranges: list[LineRange] = []


class WorkspaceDelta(Record):
    """What changed in the workspace in the window that ended after a tool call.

    `confidence` is `certain` when the call was alone in its window, `shared` when several calls share it.
    """

    paths: list[TouchedPath]
    confidence: Literal["certain", "shared"]
    tree_before: str
    tree_after: str


class ToolCall(Record):
    """One tool call of an agent. `tool` is the name as the agent gives it, `kind` ours."""

    id: str
    tool: str
    kind: ToolKind = "other"
    input: JsonValue = None
    output: str | None = None
    output_bytes: int = 0
    exit_code: int | None = None
    is_error: bool = False
    started_at: str
    ended_at: str | None = None
    duration_ms: int | None = None
    times_from: Literal["agent", "arrival"] = "arrival"
    paths: list[TouchedPath] = []
    delta: WorkspaceDelta | None = None
    fingerprint: str = ""
    closed_by: Literal["agent", "end_of_run"] | None = None


class TokenUsage(Record):
    """Tokens of a call. `input` excludes cached ones."""

    input: int
    output: int
    cache_read: int = 0
    cache_write: int = 0
    total: int


class MessageNote(Record):
    """A message of the conversation: where its text starts in the transcript, and its tokens where the agent tells."""

    index: int
    t: str
    role: str
    transcript_seq: int
    text: str
    tokens_in: int | None = None
    tokens_out: int | None = None


class AgentAttempt(Record):
    """One attempt at an iteration's agent call. The last one counted.

    `will_retry` tells of one that failed and was made again, after `next_retry_ms`; `result_file` holds its whole
    result.
    """

    attempt: int
    process: str
    outcome: AgentOutcome | Literal["interrupted"]
    exit_code: int | None = None
    signal: str | None = None
    started_at: str | None = None
    duration_ms: int | None = None
    reason: str | None = None
    will_retry: bool = False
    next_retry_ms: int | None = None
    result_file: str | None = None


class PersistedAgentResult(Record):
    """`agent-{n}.json`. `stdout` and `stderr` hold head and tail within the limit; `stdoutLog` names the whole."""

    run_id: str
    iteration: int
    captured_at: str
    agent: str
    driver_version: str | None = None
    permission_mode: str | None = None
    argv: list[str] = []
    session_id: str = UNKNOWN_SESSION
    model: str | None = None
    prompt: str = ""
    success: bool
    outcome: AgentOutcome
    outcome_reason: str = ""
    exit_code: int | None = None
    signal: str | None = None
    stdout: str = ""
    stderr: str = ""
    stdout_log: str = ""
    stderr_log: str = ""
    original_bytes: dict[str, int] = {}
    transcript_file: str = ""
    result_text: str | None = None
    structured_output: JsonValue = None
    tool_calls: list[ToolCall] = []
    messages: list[MessageNote] = []
    started_at: str | None = None
    duration_ms: int = 0
    tokens_used: TokenUsage | None = None
    total_cost_usd: float | None = None
    unknown_events: dict[str, int] = {}
    attempts: list[AgentAttempt] = []
    retried_count: int = 0
