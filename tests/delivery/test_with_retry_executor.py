"""A delivery under the engine's own RetryExecutor and the policy for GitHub: no calls but those that can help."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from agentgate_engine.clock import Clock
from agentgate_engine.errors import GitHubError
from agentgate_engine.models.build_error import BuildError, BuildErrorType
from agentgate_engine.models.git_ops import GITHUB_RETRY
from agentgate_engine.retry_executor import Failed, RetryExecutor

from ..tools.github_stub import Fault
from .conftest import Courier

T = TypeVar("T")


class Wired:
    """How the spine makes the calls of a delivery; waits are noted instead of waited."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    async def __call__(self, operation: str, call: Callable[[], Awaitable[T]]) -> tuple[T, int]:
        last: GitHubError | None = None

        async def attempt(_: int) -> T | Failed:
            nonlocal last
            try:
                return await call()
            except GitHubError as fault:
                last = fault
                error = BuildError(
                    type=BuildErrorType.GITHUB_ERROR,
                    message=str(fault),
                    phase="verifying",
                    failed_at="",
                    retryable=fault.retryable,
                )
                return Failed(error, fault.retry_after_s)

        async def sleep(seconds: float) -> None:
            self.waits.append(seconds)

        executor = RetryExecutor(
            GITHUB_RETRY,
            clock=Clock(),
            sleep=sleep,
            jitter=lambda: 0.0,
            is_retryable=lambda error: None if error.retryable else False,
        )
        ended = await executor.run(attempt)
        if isinstance(ended.outcome, Failed):
            assert last is not None
            raise last
        return ended.outcome, ended.retried_count


@pytest.mark.parametrize(
    ("fault", "waits", "retried"),
    [
        (Fault("status", "POST /repos/octo/shop/pulls", times=2, status=502), [2.0, 4.0], 2),
        (Fault("status", "POST /repos/octo/shop/pulls", status=429, retry_after="17"), [17.0], 1),
        (Fault("status", "POST /repos/octo/shop/pulls", status=429, retry_after="1"), [2.0], 1),
        (Fault("drop_after", "POST /repos/octo/shop/pulls"), [2.0], 1),
        (Fault("status", "POST /repos/octo/shop/pulls", times=9, status=404), [], 0),
        (Fault("status", "POST /repos/octo/shop/pulls", times=9, status=502), [2.0, 4.0, 8.0], 3),
    ],
)
async def test_the_policy_of_github(courier: Courier, fault: Fault, waits: list[float], retried: int) -> None:
    """upstream.md 6.4, 6.7: three retries from 2000 ms, Retry-After as a floor, a 404 once."""
    courier.github.faults = [fault]
    delivery = courier.delivery(courier.desk.commit("a.txt", "a\n"))
    delivery.call_with_retries = wired = Wired()
    outcome = await delivery.deliver()
    assert wired.waits == waits and outcome.summary.operations[1].retried == retried
    assert (outcome.fatal is None) == (fault.times == 0)
    assert len(courier.github.repositories["octo/shop"].pulls) == (outcome.fatal is None)
