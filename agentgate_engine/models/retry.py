"""When a failed call is made again: the policy, and the record of every attempt (upstream.md, thrust 5)."""

from __future__ import annotations

from pydantic import Field

from agentgate_engine.models.build_error import BuildErrorType
from agentgate_engine.models.record import Record


class RetryPolicy(Record):
    """`max_attempts` counts retries, so a call is made `max_attempts + 1` times at most.

    The wait before retry n (counted from 0) is `initial_backoff_ms * backoff_multiplier ** n`, at most
    `max_backoff_ms`; jitter adds up to a quarter of it on top.
    """

    max_attempts: int = Field(default=2, ge=0, le=20)
    initial_backoff_ms: int = Field(default=5000, ge=0)
    backoff_multiplier: float = Field(default=2.0, ge=1.0, le=100.0, allow_inf_nan=False)
    max_backoff_ms: int = Field(default=30_000, ge=0)
    retryable_errors: list[BuildErrorType] = [
        BuildErrorType.AGENT_TIMEOUT,
        BuildErrorType.SYSTEM_ERROR,
        BuildErrorType.GITHUB_ERROR,
    ]
    retry_on_timeout: bool = True
    jitter: bool = True


DEFAULT = RetryPolicy()

AGGRESSIVE = RetryPolicy(
    max_attempts=5,
    initial_backoff_ms=1000,
    backoff_multiplier=1.5,
    max_backoff_ms=60_000,
    retryable_errors=[*DEFAULT.retryable_errors, BuildErrorType.AGENT_CRASH, BuildErrorType.WORKSPACE_ERROR],
)

NO_RETRY = RetryPolicy(
    max_attempts=0,
    initial_backoff_ms=0,
    backoff_multiplier=1.0,
    max_backoff_ms=0,
    retryable_errors=[],
    retry_on_timeout=False,
    jitter=False,
)

POLICIES = {"default": DEFAULT, "aggressive": AGGRESSIVE, "none": NO_RETRY}


class RetryAttempt(Record):
    """One call. `attempt` counts from 0; `next_retry_ms` is the wait before the next one, when there is one."""

    attempt: int
    success: bool
    error_type: BuildErrorType | None = None
    error: str | None = None
    duration_ms: int
    will_retry: bool = False
    next_retry_ms: int | None = None


class RetrySummary(Record):
    """All calls of one operation. `retried_count` is 0 when the first one counted."""

    success: bool
    final_error: str | None = None
    attempts: list[RetryAttempt]
    total_duration_ms: int
    retried_count: int
