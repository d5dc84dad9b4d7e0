"""The state machine of a run. Backoff, pause, permission and interruption are `waitingFor`, not states."""

from __future__ import annotations

from enum import StrEnum

from agentgate_engine.errors import AgentGateError


class RunState(StrEnum):
    QUEUED = "queued"
    LEASED = "leased"
    BUILDING = "building"
    SNAPSHOTTING = "snapshotting"
    VERIFYING = "verifying"
    FEEDBACK = "feedback"
    PR_CREATED = "pr_created"
    CI_POLLING = "ci_polling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"

    @property
    def terminal(self) -> bool:
        return self in (RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELED)


class RunResult(StrEnum):
    PASSED = "passed"
    FAILED_VERIFICATION = "failed_verification"
    FAILED_BUILD = "failed_build"
    FAILED_TIMEOUT = "failed_timeout"
    FAILED_ERROR = "failed_error"
    FAILED_GITHUB = "failed_github"
    CANCELED = "canceled"


class Step(StrEnum):
    """What moves a run from one state to the next."""

    WORKSPACE_ACQUIRED = "workspace_acquired"
    BUILD_STARTED = "build_started"
    BUILD_COMPLETED = "build_completed"
    BUILD_FAILED = "build_failed"
    SNAPSHOT_COMPLETED = "snapshot_completed"
    SNAPSHOT_FAILED = "snapshot_failed"
    VERIFY_PASSED = "verify_passed"
    VERIFY_FAILED_RETRYABLE = "verify_failed_retryable"
    VERIFY_FAILED_TERMINAL = "verify_failed_terminal"
    FEEDBACK_GENERATED = "feedback_generated"
    PR_CREATED = "pr_created"
    CI_POLLING_STARTED = "ci_polling_started"
    CI_PASSED = "ci_passed"
    CI_FAILED = "ci_failed"
    CI_TIMEOUT = "ci_timeout"
    USER_CANCELED = "user_canceled"
    SYSTEM_ERROR = "system_error"


_S, _E = RunState, Step
_TRANSITIONS: dict[tuple[RunState, Step], RunState] = {
    (_S.QUEUED, _E.WORKSPACE_ACQUIRED): _S.LEASED,
    (_S.LEASED, _E.BUILD_STARTED): _S.BUILDING,
    (_S.BUILDING, _E.BUILD_COMPLETED): _S.SNAPSHOTTING,
    (_S.BUILDING, _E.BUILD_FAILED): _S.FAILED,
    (_S.SNAPSHOTTING, _E.SNAPSHOT_COMPLETED): _S.VERIFYING,
    (_S.SNAPSHOTTING, _E.SNAPSHOT_FAILED): _S.FAILED,
    (_S.VERIFYING, _E.VERIFY_PASSED): _S.SUCCEEDED,
    (_S.VERIFYING, _E.VERIFY_FAILED_RETRYABLE): _S.FEEDBACK,
    (_S.VERIFYING, _E.VERIFY_FAILED_TERMINAL): _S.FAILED,
    (_S.VERIFYING, _E.PR_CREATED): _S.PR_CREATED,
    (_S.FEEDBACK, _E.FEEDBACK_GENERATED): _S.BUILDING,
    (_S.FEEDBACK, _E.VERIFY_FAILED_TERMINAL): _S.FAILED,
    (_S.PR_CREATED, _E.CI_POLLING_STARTED): _S.CI_POLLING,
    (_S.PR_CREATED, _E.VERIFY_PASSED): _S.SUCCEEDED,
    (_S.CI_POLLING, _E.CI_PASSED): _S.SUCCEEDED,
    (_S.CI_POLLING, _E.CI_FAILED): _S.FEEDBACK,
    (_S.CI_POLLING, _E.CI_TIMEOUT): _S.FAILED,
}


class ImpossibleStep(AgentGateError):
    """A step that the state machine does not know: a defect of the engine, never swallowed."""


def advance(state: RunState, step: Step) -> RunState:
    """The state after `step`. A cancel or a system error ends any run that has not ended.

    Raises:
        ImpossibleStep: no such transition.
    """
    if not state.terminal:
        if step is Step.USER_CANCELED:
            return RunState.CANCELED
        if step is Step.SYSTEM_ERROR:
            return RunState.FAILED
    try:
        return _TRANSITIONS[state, step]
    except KeyError:
        raise ImpossibleStep(f"a run in state {state} cannot take the step {step}") from None
