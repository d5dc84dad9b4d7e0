"""Calls made again when they fail: a RetryPolicy applied, on tenacity (upstream.md, thrust 5).

What is worth another call is decided here and nowhere else: by the error's type, by how the agent ended, and by a hook
of the caller. The clock, the wait and the dice come in as arguments: a wait can be canceled, and a test need not wait.
"""

from __future__ import annotations

import math
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from tenacity import AsyncRetrying, RetryCallState

from agentgate_engine.clock import Clock
from agentgate_engine.models.agent_result import AgentOutcome
from agentgate_engine.models.build_error import BuildError, BuildErrorType
from agentgate_engine.models.retry import RetryAttempt, RetryPolicy, RetrySummary

T = TypeVar("T")

Sleep = Callable[[float], Awaitable[None]]
Hook = Callable[[BuildError], bool | None]
"""A caller's own rule: true makes the call again, false does not, None leaves it to the policy."""

JITTER = 0.25
_OUTAGES = frozenset({AgentOutcome.RATE_LIMITED, AgentOutcome.OVERLOADED, AgentOutcome.INCOMPLETE})
_PERMANENT = frozenset({AgentOutcome.AUTH, AgentOutcome.LIMIT_REACHED})


@dataclass(frozen=True, slots=True)
class Failed:
    """A call that did not work. `retry_after_s` is the wait in seconds that the other side asked for, if it did."""

    error: BuildError
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Retried(Generic[T]):
    """How it ended: `outcome` is the value of the call that worked, or the last `Failed`.

    `attempts` are the calls that this executor made. `used` is how many retries an engine before this one had made;
    their records are in its events.
    """

    outcome: T | Failed
    attempts: tuple[RetryAttempt, ...]
    used: int
    total_duration_ms: int

    @property
    def failed(self) -> Failed | None:
        return self.outcome if isinstance(self.outcome, Failed) else None

    @property
    def retried_count(self) -> int:
        """Calls beyond the first, those of an earlier engine included."""
        return self.used + len(self.attempts) - 1

    def summary(self) -> RetrySummary:
        """The same as a record."""
        return RetrySummary(
            success=self.failed is None,
            final_error=self.failed.error.message if self.failed else None,
            attempts=list(self.attempts),
            total_duration_ms=self.total_duration_ms,
            retried_count=self.retried_count,
        )


def backoff_ms(policy: RetryPolicy, n: int, *, jitter: Callable[[], float]) -> int:
    """The wait before retry `n` (counted from 0), in ms. `jitter` gives a number in [0, 1).

    Jitter comes after the cap, so a wait can be a quarter longer than `max_backoff_ms`: many runs that hit the cap
    together would else all come back together.
    """
    wait = _capped(policy, n)
    return wait + int(wait * JITTER * jitter()) if policy.jitter else wait


def _capped(policy: RetryPolicy, n: int) -> int:
    """`min(initial * multiplier ** n, max)`, by logarithms where the power would not fit a float."""
    initial, factor, most = policy.initial_backoff_ms, policy.backoff_multiplier, policy.max_backoff_ms
    if initial == 0 or initial >= most:
        return min(initial, most)
    if n * math.log(factor) >= math.log(most / initial) + 1:
        return most
    return min(round(initial * factor**n), most)


def is_retryable(policy: RetryPolicy, error: BuildError) -> bool:
    """Whether the policy makes a call again that ended with `error`.

    An outage of the model (429, overload, an end without a result) is worth it under any policy that retries at all;
    wrong credentials and used-up limits are not under any.
    """
    if policy.max_attempts == 0 or is_final(error):
        return False
    outcome = error.context.get("outcome")
    if outcome in _PERMANENT:
        return False
    if outcome in _OUTAGES:
        return True
    if error.type is BuildErrorType.AGENT_TIMEOUT and not policy.retry_on_timeout:
        return False
    return error.type in policy.retryable_errors


def is_final(error: BuildError) -> bool:
    """An end that no policy and no hook goes behind: the operator's cancel, and the run's own time limit."""
    if error.context.get("outcome") == AgentOutcome.CANCELED:
        return True
    return not error.retryable and "limitSeconds" in error.context


class RetryExecutor:
    """Makes a call, and again after a wait, as often as its policy says.

    `sleep` gets seconds, and may raise to end the wait (a cancel). `on_retry` hears of each wait before it begins; its
    record says how long it will be. The number of calls is bounded by the policy whatever `is_retryable` says.
    """

    def __init__(
        self,
        policy: RetryPolicy,
        *,
        clock: Clock,
        sleep: Sleep,
        jitter: Callable[[], float] = random.random,
        is_retryable: Hook | None = None,
        on_retry: Callable[[RetryAttempt], Awaitable[None]] | None = None,
    ) -> None:
        self._policy = policy
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter
        self._hook = is_retryable
        self._on_retry = on_retry

    async def run(self, call: Callable[[int], Awaitable[T | Failed]], *, used: int = 0) -> Retried[T]:
        """Call until it works or must not be called again.

        `call` gets the number of the call, counted from 0 over all engines: `used` is how many retries are used up
        already, and numbers and waits go on from there. What `call` raises passes through, and ends everything.
        """
        series: _Series[T] = _Series(self._clock, call, used)

        async def again(state: RetryCallState) -> None:
            record = series.record(will_retry=True, next_ms=round(state.upcoming_sleep * 1000))
            if self._on_retry is not None:
                await self._on_retry(record)

        retrying = AsyncRetrying(
            sleep=self._sleep,
            retry=lambda state: not _raised(state) and self._worth_another(series.last),
            stop=lambda _: series.number >= self._policy.max_attempts,
            wait=lambda _: self._wait_s(series),
            before_sleep=again,
            retry_error_callback=lambda _: series.last,
        )
        outcome: T | Failed = await retrying(series.next_call)
        series.record(will_retry=False, next_ms=None)
        return Retried(outcome, tuple(series.attempts), used, series.elapsed_ms)

    def _worth_another(self, failed: Failed | None) -> bool:
        if failed is None or is_final(failed.error):
            return False
        error = failed.error
        own = self._hook(error) if self._hook is not None else None
        return is_retryable(self._policy, error) if own is None else own

    def _wait_s(self, series: _Series[T]) -> float:
        """The backoff, or what the other side asked for when that is longer; to the ms, as it is recorded."""
        wait = backoff_ms(self._policy, series.number, jitter=self._jitter) / 1000
        asked = series.last.retry_after_s if series.last is not None else None
        if asked is not None and math.isfinite(asked) and asked > wait:
            return math.ceil(asked * 1000) / 1000
        return wait


def _raised(state: RetryCallState) -> bool:
    """Whether the call raised: that ends everything, and is not taken for the failure of the call before."""
    return state.outcome is not None and state.outcome.failed


@dataclass(slots=True)
class _Series(Generic[T]):
    """The calls of one `run`: which one it is, how the last one ended, and the record of each."""

    clock: Clock
    call: Callable[[int], Awaitable[T | Failed]]
    used: int
    attempts: list[RetryAttempt] = field(default_factory=list[RetryAttempt])
    last: Failed | None = None
    number: int = 0
    started: float = 0.0
    began: float = 0.0
    took_ms: int = 0

    def __post_init__(self) -> None:
        self.started = self.clock.monotonic()

    async def next_call(self) -> T | Failed:
        self.number = self.used + len(self.attempts)
        self.last = None
        self.began = self.clock.monotonic()
        outcome = await self.call(self.number)
        self.took_ms = round((self.clock.monotonic() - self.began) * 1000)
        self.last = outcome if isinstance(outcome, Failed) else None
        return outcome

    def record(self, *, will_retry: bool, next_ms: int | None) -> RetryAttempt:
        record = RetryAttempt(
            attempt=self.number,
            success=self.last is None,
            error_type=self.last.error.type if self.last else None,
            error=self.last.error.message if self.last else None,
            duration_ms=self.took_ms,
            will_retry=will_retry,
            next_retry_ms=next_ms,
        )
        self.attempts.append(record)
        return record

    @property
    def elapsed_ms(self) -> int:
        return round((self.clock.monotonic() - self.started) * 1000)
