"""Calls to GitHub made again: the retry executor under the rules of a push or a pull request (upstream.md 6.4)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from agentgate_engine.error_builder import error_of_system
from agentgate_engine.errors import GitHubError
from agentgate_engine.models.build_error import BuildError, BuildErrorType
from agentgate_engine.models.events import RetryScheduled
from agentgate_engine.models.git_ops import GITHUB_RETRY
from agentgate_engine.models.retry import RetryAttempt, RetryPolicy
from agentgate_engine.phases.backoff import Backoff
from agentgate_engine.phases.run_context import CanceledByOperator, RunContext
from agentgate_engine.retry_executor import Failed, RetryExecutor

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class GitHubRetries:
    """Calls one operation until it works or must not be called again. Waits are told, cancelable and survive restarts.

    An order whose own policy retries nothing, or no `github_error`, gets one call. `mask` goes over what is told.
    """

    context: RunContext
    mask: Callable[[str], str]

    async def __call__(self, operation: str, call: Callable[[], Awaitable[T]]) -> tuple[T, int]:
        """The value, and the number of retries, those of an earlier engine included.

        Raises:
            GitHubError: the last call's, when no other would help or is left.
            CanceledByOperator: an operator ended the run during a call or a wait.
        """
        backoff = Backoff(self.context, operation)
        failure: GitHubError | None = None

        async def counted(_: int) -> T | Failed:
            nonlocal failure
            await backoff.begin()
            try:
                return await self._unless_canceled(call)
            except GitHubError as fault:
                failure = fault
                now = backoff.until(0)
                error = error_of_system(fault, phase=self.context.run.state.value, failed_at=now)
                return Failed(error.model_copy(update={"message": self.mask(error.message)}), fault.retry_after_s)

        await backoff.wait()
        executor = RetryExecutor(
            self._policy,
            clock=self.context.clock,
            sleep=lambda _: backoff.wait(),
            is_retryable=lambda error: self._worth_another(error, failure),
            on_retry=lambda attempt: self._announce(backoff, attempt),
        )
        retried = await executor.run(counted, used=backoff.used())
        if isinstance(retried.outcome, Failed):
            assert failure is not None, "only GitHub's errors count here"
            raise failure
        return retried.outcome, retried.retried_count

    def _worth_another(self, error: BuildError, failure: GitHubError | None) -> bool | None:
        """What GitHub would only repeat is not asked again, nor what would have to wait longer than the run may."""
        asked = (failure.retry_after_s or 0.0) if failure is not None else 0.0
        return None if error.retryable and asked < self.context.seconds_left() else False

    async def _announce(self, backoff: Backoff, attempt: RetryAttempt) -> None:
        delay = attempt.next_retry_ms or 0
        await backoff.schedule(
            RetryScheduled(
                attempt=attempt.attempt + 1,
                retry=backoff.used() + 1,
                until=backoff.until(delay),
                delay_ms=delay,
                reason=attempt.error or backoff.operation,
                error_type=attempt.error_type,
                operation=backoff.operation,
            )
        )

    async def _unless_canceled(self, call: Callable[[], Awaitable[T]]) -> T:
        """Make the call; an operator's cancel ends it, for each can be made again."""
        working = asyncio.ensure_future(call())
        stopping = asyncio.create_task(self.context.stop.wait(), name="stop while calling GitHub")
        try:
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                return working.result()
            raise CanceledByOperator
        finally:
            working.cancel()
            stopping.cancel()
            await asyncio.gather(working, stopping, return_exceptions=True)

    @property
    def _policy(self) -> RetryPolicy:
        own = self.context.order.retry
        allowed = own.max_attempts > 0 and BuildErrorType.GITHUB_ERROR in own.retryable_errors
        return GITHUB_RETRY if allowed else GITHUB_RETRY.model_copy(update={"max_attempts": 0})
