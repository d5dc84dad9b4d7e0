"""The event catalogue: every type of event, and what its `data` carries.

A payload's class is its type: `payload.type` names it, `parse_payload` finds it back. The file that an event names
exists before the event is written (DESIGN 5).
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, JsonValue

from agentgate_engine.models.agent_result import AgentOutcome, TokenUsage, ToolKind, TouchedPath, WorkspaceDelta
from agentgate_engine.models.build_error import BuildError, BuildErrorType
from agentgate_engine.models.event_type import EventType
from agentgate_engine.models.record import Record
from agentgate_engine.models.run import WaitingFor
from agentgate_engine.models.run_state import RunResult, Step
from agentgate_engine.models.snapshot import Snapshot
from agentgate_engine.models.strategy import LoopResult
from agentgate_engine.models.verification import CheckStatus


class Event(Record):
    """A line of `events.jsonl`. `seq` counts from 0 without a gap; `fence` is the claim it was written under. One of a
    type that this version does not know is an event as well: what follows it must still be told."""

    seq: int
    t: str
    type: Annotated[EventType, BeforeValidator(EventType.told)]
    run_id: str
    work_order_id: str
    iteration: int | None = None
    fence: int
    data: dict[str, JsonValue]


class Payload(Record):
    """The `data` of one type of event.

    `synced` says whether the event is on the disk before the engine acts on it: true for every change of state.
    """

    type: ClassVar[EventType]
    synced: ClassVar[bool] = True


class RunQueued(Payload):
    type = EventType.RUN_QUEUED
    title: str
    agent: str
    repository: str
    branch: str
    base_commit: str
    max_iterations: int
    priority: int = 0
    after: list[str] = []
    left_out: list[str] = []
    warnings: list[str] = []


class RunStarted(Payload):
    type = EventType.RUN_STARTED
    engine: str


class RunResumed(Payload):
    type = EventType.RUN_RESUMED
    engine: str
    reason: str


class RunWaiting(Payload):
    """`waiting_for` null ends the wait."""

    type = EventType.RUN_WAITING
    waiting_for: WaitingFor | None


class RunWarned(Payload):
    type = EventType.RUN_WARNING
    warning: str
    message: str


class RunComplete(Payload):
    type = EventType.RUN_COMPLETE
    result: Literal[RunResult.PASSED] = RunResult.PASSED
    branch: str
    commit: str


class RunFailed(Payload):
    type = EventType.RUN_FAILED
    result: RunResult
    step: Step
    error: BuildError
    signature: str | None = None


class RunCanceled(Payload):
    type = EventType.RUN_CANCELED
    by: str
    reason: str


class WorkspaceAcquired(Payload):
    type = EventType.WORKSPACE_ACQUIRED
    path: str
    branch: str
    base_commit: str


class WorkspaceReleased(Payload):
    type = EventType.WORKSPACE_RELEASED
    repository_kept: str | None = None
    left_behind: list[str] = []


class SnapshotCreated(Payload):
    type = EventType.SNAPSHOT_CREATED
    snapshot: Snapshot
    diff_file: str


class SnapshotRestored(Payload):
    type = EventType.SNAPSHOT_RESTORED
    commit: str
    kept_as: str | None = None


class IterationStarted(Payload):
    type = EventType.ITERATION_STARTED
    before_sha: str
    tree_before: str


class IterationComplete(Payload):
    type = EventType.ITERATION_COMPLETE
    file: str
    verification_passed: bool | None = None


class AgentStarted(Payload):
    """`deadline` is when the engine will stop it; `process` names its folder under `processes/`."""

    type = EventType.AGENT_STARTED
    process: str
    attempt: int
    argv: list[str]
    permission_mode: str
    deadline: str | None = None


class AgentMessage(Payload):
    """`text` is the first line, clipped; the whole stands in the transcript from `transcript_seq` on."""

    type = EventType.AGENT_MESSAGE
    synced = False
    index: int
    role: str
    transcript_seq: int
    text: str


class AgentToolStarted(Payload):
    type = EventType.AGENT_TOOL_STARTED
    synced = False
    id: str
    tool: str
    kind: ToolKind
    summary: str
    paths: list[TouchedPath] = []
    started_at: str
    times_from: Literal["agent", "arrival"] = "arrival"


class AgentToolFinished(Payload):
    """`delta` is what changed in the workspace in the window that this call ended, once it was measured."""

    type = EventType.AGENT_TOOL_FINISHED
    synced = False
    id: str
    is_error: bool
    exit_code: int | None = None
    ended_at: str
    duration_ms: int | None = None
    closed_by: Literal["agent", "end_of_run"] = "agent"
    delta: WorkspaceDelta | None = None


class AgentUsage(Payload):
    type = EventType.AGENT_USAGE
    synced = False
    session_id: str | None = None
    model: str | None = None
    tokens_used: TokenUsage | None = None
    cost_usd: float | None = None


class AgentPermission(Payload):
    type = EventType.AGENT_PERMISSION
    tool: str
    answer: Literal["allowed", "denied"]
    answered_by: str


class AgentComplete(Payload):
    type = EventType.AGENT_COMPLETE
    file: str
    outcome: AgentOutcome
    duration_ms: int
    tool_calls: int
    session_id: str | None = None
    model: str | None = None
    tokens_used: TokenUsage | None = None
    cost_usd: float | None = None


class AgentFailed(AgentComplete):
    type = EventType.AGENT_FAILED
    error: BuildError


class AgentInterrupted(Payload):
    type = EventType.AGENT_INTERRUPTED
    process: str
    attempt: int
    reason: str


class AgentAdopted(Payload):
    type = EventType.AGENT_ADOPTED
    process: str
    attempt: int
    still_running: bool


class RetryScheduled(Payload):
    """Another try after a wait. `attempt` is the one that failed, `file` its whole result; `retry` counts from 1;
    `until` is when the next one begins. `operation` is `agent`, or the state of the run whose phase failed.

    `fresh_session` tells that the agent does not know the conversation any more and is called without it; tokens and
    cost are what the failed attempt used.
    """

    type = EventType.RETRY_SCHEDULED
    attempt: int
    retry: int = 1
    until: str
    delay_ms: int = 0
    reason: str
    error_type: BuildErrorType | None = None
    operation: str = "agent"
    outcome: AgentOutcome | None = None
    process: str | None = None
    file: str | None = None
    fresh_session: bool = False
    tokens_used: TokenUsage | None = None
    cost_usd: float | None = None


class RetryStarted(Payload):
    type = EventType.RETRY_STARTED
    attempt: int
    retry: int = 1


class VerificationStarted(Payload):
    type = EventType.VERIFICATION_STARTED
    commit: str
    plan_hash: str
    checks: list[str]
    kept_caches: bool = False


class CheckStarted(Payload):
    type = EventType.CHECK_STARTED
    synced = False
    id: str
    command: str | None = None
    process: str | None = None


class CheckFinished(Payload):
    type = EventType.CHECK_FINISHED
    synced = False
    id: str
    status: CheckStatus
    duration_ms: int
    message: str | None = None


class VerificationComplete(Payload):
    """`levels` is one glyph a level, as in `Run.levels`."""

    type = EventType.VERIFICATION_COMPLETE
    file: str
    passed: bool
    summary: str
    levels: str
    first_failed: str | None = None


class FeedbackGenerated(Payload):
    type = EventType.FEEDBACK_GENERATED
    file: str
    bytes: int
    failures: int


class StrategyDecision(Payload):
    type = EventType.STRATEGY_DECISION
    strategy: str
    go_on: bool
    reason: str
    feedback: str | None = None
    result: LoopResult | None = None
    metadata: dict[str, JsonValue] = {}


class DeliveryStarted(Payload):
    type = EventType.DELIVERY_STARTED
    mode: Literal["branch", "local", "push", "pr", "fork"] = "branch"
    branch: str
    commit: str


class BranchPushed(Payload):
    type = EventType.BRANCH_PUSHED
    branch: str
    commit: str
    target: str


class PullRequestCreated(Payload):
    type = EventType.PR_CREATED
    url: str
    number: int


class PullRequestMerged(Payload):
    type = EventType.PR_MERGED
    url: str
    commit: str


class CiPolled(Payload):
    """`passed`, `failed` and `pending` count checks; `text` is one sentence for people."""

    type = EventType.CI_POLLED
    state: str
    url: str | None = None
    passed: int = 0
    failed: int = 0
    pending: int = 0
    text: str = ""


class DeliveryComplete(Payload):
    type = EventType.DELIVERY_COMPLETE
    file: str
    branch: str | None = None
    error: str | None = None
    pr_url: str | None = None


class ControlApplied(Payload):
    type = EventType.CONTROL_APPLIED
    control_seq: int
    action: str


class UnknownEvent(Payload):
    """Stands for the data of an event of a newer version. It is never written: the log holds the event."""

    synced = False


def _payload_types() -> dict[EventType, type[Payload]]:
    found: dict[EventType, type[Payload]] = {}
    pending: list[type[Payload]] = Payload.__subclasses__()
    while pending:
        kind = pending.pop()
        if kind is not UnknownEvent:
            found[kind.type] = kind
        pending.extend(kind.__subclasses__())
    return found


PAYLOADS = _payload_types()


def parse_payload(event: Event) -> Payload:
    """The typed payload of an event; an `UnknownEvent` for one of a type that this version does not know.

    Raises:
        pydantic.ValidationError: the data does not fit its type.
    """
    return PAYLOADS.get(event.type, UnknownEvent).model_validate(event.data)
