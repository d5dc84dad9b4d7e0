"""Why a run failed, as a record: a type, a sentence, the tails, and the files that hold the rest."""

from __future__ import annotations

from enum import StrEnum

from pydantic import JsonValue

from agentgate_engine.models.record import Record


class BuildErrorType(StrEnum):
    """The seed's thirteen, and `contract_failed`, so that a forbidden file is not called a failing test."""

    AGENT_CRASH = "agent_crash"
    AGENT_TIMEOUT = "agent_timeout"
    AGENT_TASK_FAILURE = "agent_task_failure"
    TYPECHECK_FAILED = "typecheck_failed"
    LINT_FAILED = "lint_failed"
    TEST_FAILED = "test_failed"
    BLACKBOX_FAILED = "blackbox_failed"
    CI_FAILED = "ci_failed"
    CONTRACT_FAILED = "contract_failed"
    WORKSPACE_ERROR = "workspace_error"
    SNAPSHOT_ERROR = "snapshot_error"
    GITHUB_ERROR = "github_error"
    SYSTEM_ERROR = "system_error"
    UNKNOWN = "unknown"

    @property
    def description(self) -> str:
        """One plain sentence for people."""
        return _DESCRIPTIONS[self]


_DESCRIPTIONS = {
    BuildErrorType.AGENT_CRASH: "The agent process died or did not finish its work.",
    BuildErrorType.AGENT_TIMEOUT: "The agent ran into its time limit and was stopped.",
    BuildErrorType.AGENT_TASK_FAILURE: "The agent ended and said that it could not do the task.",
    BuildErrorType.TYPECHECK_FAILED: "The type checker found errors.",
    BuildErrorType.LINT_FAILED: "The linter found errors.",
    BuildErrorType.TEST_FAILED: "A test command failed.",
    BuildErrorType.BLACKBOX_FAILED: "A blackbox check failed.",
    BuildErrorType.CI_FAILED: "Continuous integration failed, or did not end in time.",
    BuildErrorType.CONTRACT_FAILED: "The result breaks a contract of the gate plan (files, documents, names or sizes).",
    BuildErrorType.WORKSPACE_ERROR: "The workspace could not be prepared or read.",
    BuildErrorType.SNAPSHOT_ERROR: "The state of the workspace could not be committed.",
    BuildErrorType.GITHUB_ERROR: "GitHub refused or could not be reached.",
    BuildErrorType.SYSTEM_ERROR: "AgentGate itself or its machine failed.",
    BuildErrorType.UNKNOWN: "The cause could not be told.",
}


_STATUS = {
    BuildErrorType.AGENT_CRASH: 500,
    BuildErrorType.AGENT_TIMEOUT: 504,
    BuildErrorType.AGENT_TASK_FAILURE: 422,
    BuildErrorType.TYPECHECK_FAILED: 422,
    BuildErrorType.LINT_FAILED: 422,
    BuildErrorType.TEST_FAILED: 422,
    BuildErrorType.BLACKBOX_FAILED: 422,
    BuildErrorType.CI_FAILED: 422,
    BuildErrorType.CONTRACT_FAILED: 422,
    BuildErrorType.WORKSPACE_ERROR: 500,
    BuildErrorType.SNAPSHOT_ERROR: 500,
    BuildErrorType.GITHUB_ERROR: 502,
    BuildErrorType.SYSTEM_ERROR: 500,
    BuildErrorType.UNKNOWN: 500,
    "QUEUE_FULL": 503,
    "QUEUE_TIMEOUT": 504,
}


def exit_status_of(error_type: BuildErrorType | str) -> int:
    """The number that the original gives to an error (upstream.md 4.8), shaped like an HTTP status; also for
    `QUEUE_FULL` and `QUEUE_TIMEOUT`. A type that nobody knows is 500."""
    return _STATUS.get(error_type, 500)


class BuildError(Record):
    """The structured error of a run or an iteration.

    `stdout` and `stderr` hold the tails (last 50 lines, at most 16 KiB each, masked); the named files hold everything.
    `phase` is the run state it happened in, `failed_at` the time.
    """

    type: BuildErrorType
    message: str
    exit_code: int | None = None
    stdout: str = ""
    stderr: str = ""
    agent_result_file: str | None = None
    verification_file: str | None = None
    log_files: list[str] = []
    context: dict[str, JsonValue] = {}
    phase: str
    failed_at: str
    retryable: bool = False
