"""Retries: the waits, what is worth another call, and every call on record."""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgate_engine.clock import Clock
from agentgate_engine.error_builder import error_of_timeout
from agentgate_engine.models.agent_result import AgentOutcome
from agentgate_engine.models.build_error import BuildError, BuildErrorType
from agentgate_engine.models.retry import AGGRESSIVE, DEFAULT, NO_RETRY, POLICIES, RetryAttempt, RetryPolicy
from agentgate_engine.retry_executor import Failed, Retried, RetryExecutor, backoff_ms, is_retryable

NOW = "2026-01-01T00:00:00.000Z"
ANY = list(BuildErrorType)


def error(kind: str, outcome: AgentOutcome | None = None, message: str = "it broke") -> BuildError:
    context = {"outcome": outcome.value} if outcome else {}
    return BuildError(type=BuildErrorType(kind), message=message, phase="building", failed_at=NOW, context=context)


def of_agent(outcome: AgentOutcome) -> BuildError:
    return error(outcome.error_type, outcome)


@dataclass(frozen=True)
class Hours(Clock):
    """A clock that only a sleep or a call moves."""

    passed: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return 1000.0 + sum(self.passed)


class Bench:
    """An executor whose waits take no time and are written down, and a call that answers by a script."""

    def __init__(
        self,
        policy: RetryPolicy,
        *answers: str | Failed,
        hook: Callable[[BuildError], bool | None] | None = None,
        jitter: float = 0.0,
    ) -> None:
        self.clock = Hours()
        self.answers = iter(answers)
        self.calls: list[int] = []
        self.log: list[str] = []
        self.told: list[RetryAttempt] = []
        self.executor = RetryExecutor(
            policy,
            clock=self.clock,
            sleep=self.sleep,
            jitter=lambda: jitter,
            is_retryable=hook,
            on_retry=self.on_retry,
        )

    async def sleep(self, seconds: float) -> None:
        self.log.append(f"sleep {seconds:g}")
        self.clock.passed.append(seconds)

    async def on_retry(self, record: RetryAttempt) -> None:
        self.log.append(f"told {record.next_retry_ms}")
        self.told.append(record)

    async def call(self, attempt: int) -> str | Failed:
        self.calls.append(attempt)
        self.clock.passed.append(2.5)
        return next(self.answers)

    async def run(self, used: int = 0) -> Retried[str]:
        return await self.executor.run(self.call, used=used)


BROKEN = Failed(error("system_error"))


def plain(retries: int, **settings: object) -> RetryPolicy:
    return RetryPolicy.model_validate(
        {"max_attempts": retries, "initial_backoff_ms": 1000, "jitter": False, **settings}
    )


def test_the_default_policy_has_the_numbers_of_the_specification() -> None:
    """upstream.md 5.2: DEFAULT is 2 / 5000 / x2 / 30000, three error types, timeouts and jitter yes."""
    expected = RetryPolicy(
        max_attempts=2,
        initial_backoff_ms=5000,
        backoff_multiplier=2,
        max_backoff_ms=30000,
        retryable_errors=[
            BuildErrorType.AGENT_TIMEOUT,
            BuildErrorType.SYSTEM_ERROR,
            BuildErrorType.GITHUB_ERROR,
        ],
        retry_on_timeout=True,
        jitter=True,
    )
    assert expected == DEFAULT == RetryPolicy() == POLICIES["default"]


def test_the_aggressive_policy_and_none_have_the_numbers_of_the_specification() -> None:
    """upstream.md 5.3: AGGRESSIVE is 5 / 1000 / x1.5 / 60000 with crashes and workspaces; NO_RETRY is all off."""
    assert (
        RetryPolicy(
            max_attempts=5,
            initial_backoff_ms=1000,
            backoff_multiplier=1.5,
            max_backoff_ms=60000,
            retryable_errors=[
                BuildErrorType.AGENT_TIMEOUT,
                BuildErrorType.SYSTEM_ERROR,
                BuildErrorType.GITHUB_ERROR,
                BuildErrorType.AGENT_CRASH,
                BuildErrorType.WORKSPACE_ERROR,
            ],
            retry_on_timeout=True,
            jitter=True,
        )
        == AGGRESSIVE
        == POLICIES["aggressive"]
    )
    assert (
        NO_RETRY.model_dump()
        == POLICIES["none"].model_dump()
        == {
            "max_attempts": 0,
            "initial_backoff_ms": 0,
            "backoff_multiplier": 1.0,
            "max_backoff_ms": 0,
            "retryable_errors": [],
            "retry_on_timeout": False,
            "jitter": False,
        }
    )


async def test_the_policy_counts_retries_and_not_calls() -> None:
    """upstream.md 5.4: an operation that always fails is called 3 times under maxAttempts 2."""
    bench = Bench(plain(2), BROKEN, BROKEN, BROKEN)
    retried = await bench.run()
    assert bench.calls == [0, 1, 2]
    assert retried.failed is BROKEN
    assert retried.retried_count == 2
    assert bench.log == ["told 1000", "sleep 1", "told 2000", "sleep 2"]


def test_the_wait_doubles_up_to_its_cap() -> None:
    """upstream.md 5.5: 1000, 2000, 4000, 8000 without jitter, and never beyond the maximum."""
    policy = plain(9, max_backoff_ms=10_000)
    assert [backoff_ms(policy, n, jitter=lambda: 0.9) for n in range(6)] == [1000, 2000, 4000, 8000, 10_000, 10_000]


@pytest.mark.parametrize(
    ("initial", "factor", "most", "n", "expected"),
    [
        pytest.param(5000, 2.0, 30_000, 10**6, 30_000, id="a power beyond any float"),
        pytest.param(1, 100.0, 30_000, sys.maxsize, 30_000, id="the largest number there is"),
        pytest.param(5000, 1.0, 30_000, 10**6, 5000, id="a multiplier of one stays"),
        pytest.param(0, 2.0, 30_000, 10**6, 0, id="nothing stays nothing"),
        pytest.param(5000, 2.0, 0, 3, 0, id="a cap of zero"),
        pytest.param(50_000, 2.0, 30_000, 0, 30_000, id="a beginning beyond the cap"),
        pytest.param(1000, 1.5, 60_000, 2, 2250, id="aggressive"),
        pytest.param(1000, 1.5, 60_000, 11, 60_000, id="aggressive at its cap"),
    ],
)
def test_no_number_of_retries_overflows(initial: int, factor: float, most: int, n: int, expected: int) -> None:
    policy = plain(2, initial_backoff_ms=initial, backoff_multiplier=factor, max_backoff_ms=most)
    assert backoff_ms(policy, n, jitter=lambda: 0) == expected


@given(
    st.integers(0, 10**6),
    st.floats(1, 100),
    st.integers(0, 10**7),
    st.integers(0, 10**9),
    st.floats(0, 1, exclude_max=True),
)
def test_jitter_adds_up_to_a_quarter_after_the_cap(initial: int, factor: float, most: int, n: int, dice: float) -> None:
    """upstream.md 5.5: with jitter the wait lies in [b, 1.25 b], where b has been capped."""
    settings = {"initial_backoff_ms": initial, "backoff_multiplier": factor, "max_backoff_ms": most}
    bare = backoff_ms(plain(2, **settings), n, jitter=lambda: dice)
    assert 0 <= bare <= most
    assert bare <= backoff_ms(plain(2, **settings, jitter=True), n, jitter=lambda: dice) <= 1.25 * bare


def test_jitter_is_used_when_the_policy_wants_it() -> None:
    assert backoff_ms(DEFAULT, 0, jitter=lambda: 0.5) == 5625
    assert backoff_ms(DEFAULT, 9, jitter=lambda: 0.999999) == 37_499


async def test_an_error_that_no_wait_mends_is_not_repeated() -> None:
    """upstream.md 5.6: typecheck_failed with 3 retries is called once, and nobody waits."""
    bench = Bench(plain(3), Failed(error("typecheck_failed")))
    retried = await bench.run()
    assert bench.calls == [0]
    assert bench.log == []
    assert retried.retried_count == 0
    assert [each.will_retry for each in retried.attempts] == [False]


async def test_every_call_is_on_record() -> None:
    """upstream.md 5.7: two failures, then success: retriedCount 2 and 3 records, with times, reasons and waits."""
    bench = Bench(plain(3), BROKEN, Failed(error("agent_timeout", message="too slow")), "done")
    retried = await bench.run()
    assert (retried.outcome, retried.failed) == ("done", None)
    summary = retried.summary()
    assert (summary.success, summary.final_error, summary.retried_count) == (True, None, 2)
    assert summary.total_duration_ms == 3 * 2500 + 1000 + 2000
    assert [each.model_dump() for each in summary.attempts] == [
        {
            "attempt": 0,
            "success": False,
            "error_type": "system_error",
            "error": "it broke",
            "duration_ms": 2500,
            "will_retry": True,
            "next_retry_ms": 1000,
        },
        {
            "attempt": 1,
            "success": False,
            "error_type": "agent_timeout",
            "error": "too slow",
            "duration_ms": 2500,
            "will_retry": True,
            "next_retry_ms": 2000,
        },
        {
            "attempt": 2,
            "success": True,
            "error_type": None,
            "error": None,
            "duration_ms": 2500,
            "will_retry": False,
            "next_retry_ms": None,
        },
    ]
    assert [each.attempt for each in bench.told] == [0, 1]


async def test_the_summary_of_a_failure_names_the_last_error() -> None:
    """upstream.md 5.7: finalError is the error that ended it."""
    bench = Bench(plain(1), BROKEN, Failed(error("system_error", message="and again")))
    summary = (await bench.run()).summary()
    assert (summary.success, summary.final_error, summary.retried_count) == (False, "and again", 1)


async def test_a_hook_forces_a_retry_that_the_policy_would_not_make() -> None:
    """upstream.md 5.8: a hook that returns true forces a retry, within the number of retries."""
    wrong = Failed(of_agent(AgentOutcome.AUTH))
    bench = Bench(plain(2), wrong, wrong, wrong, hook=lambda fault: fault.type is wrong.error.type)
    await bench.run()
    assert bench.calls == [0, 1, 2]


async def test_a_hook_may_forbid_a_retry_or_leave_it_to_the_policy() -> None:
    """upstream.md 5.8."""
    bench = Bench(plain(2), BROKEN, hook=lambda _: False)
    await bench.run()
    assert bench.calls == [0]
    bench = Bench(plain(1), BROKEN, BROKEN, hook=lambda _: None)
    await bench.run()
    assert bench.calls == [0, 1]


async def test_no_hook_goes_behind_a_cancel_or_the_end_of_the_time() -> None:
    run_over = error_of_timeout(60, phase="building", failed_at=NOW, stopped=of_agent(AgentOutcome.TIMEOUT))
    for final in (of_agent(AgentOutcome.CANCELED), run_over):
        bench = Bench(plain(3, retryable_errors=ANY), Failed(final), hook=lambda _: True)
        await bench.run()
        assert bench.calls == [0]


async def test_a_wait_that_is_canceled_ends_at_once_and_nothing_is_called_again() -> None:
    """upstream.md 5.9: a cancel during a 30 s wait is heard; what the sleep raises passes through."""
    waiting = asyncio.Event()

    async def sleep(seconds: float) -> None:
        assert seconds == 30
        waiting.set()
        await asyncio.sleep(seconds)

    calls: list[int] = []

    async def call(attempt: int) -> str | Failed:
        calls.append(attempt)
        return BROKEN

    executor = RetryExecutor(plain(2, initial_backoff_ms=30_000), clock=Clock(), sleep=sleep)
    running = asyncio.ensure_future(executor.run(call))
    await waiting.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert calls == [0]


async def test_what_a_call_a_listener_or_a_sleep_raises_passes_through_untouched() -> None:
    fault = KeyError("mine")

    async def raising(*_: object) -> str:
        raise fault

    async def failing(_: int) -> str | Failed:
        return BROKEN

    async def no_sleep(_: float) -> None: ...

    calls: list[tuple[Callable[[int], Awaitable[str | Failed]], dict[str, object]]] = [
        (raising, {"sleep": no_sleep}),
        (failing, {"sleep": raising}),
        (failing, {"sleep": no_sleep, "on_retry": raising}),
    ]
    for call, settings in calls:
        executor = RetryExecutor(plain(2), clock=Clock(), **settings)  # type: ignore[arg-type]
        with pytest.raises(KeyError) as raised:
            await executor.run(call)
        assert raised.value is fault


async def test_what_the_other_side_asks_to_wait_replaces_a_shorter_backoff() -> None:
    asked = [Failed(error("github_error"), retry_after_s=wait) for wait in (60, 0.5, float("nan"))]
    bench = Bench(plain(3), *asked, "done")
    await bench.run()
    assert bench.log == ["told 60000", "sleep 60", "told 2000", "sleep 2", "told 4000", "sleep 4"]


async def test_the_wait_that_is_told_is_the_wait_that_is_kept() -> None:
    bench = Bench(DEFAULT, BROKEN, "done", jitter=0.77777)
    await bench.run()
    assert bench.log == ["told 5972", "sleep 5.972"]


async def test_an_engine_that_takes_over_goes_on_counting_and_waiting() -> None:
    """upstream.md 5.4: retries used before a restart count; the waits go on where they were."""
    bench = Bench(plain(3), BROKEN, BROKEN)
    retried = await bench.run(used=2)
    assert bench.calls == [2, 3]
    assert bench.log == ["told 4000", "sleep 4"]
    assert retried.retried_count == 3
    bench = Bench(plain(3), BROKEN)
    assert (await bench.run(used=3)).retried_count == 3
    assert bench.calls == [3]


OUTAGES = (AgentOutcome.RATE_LIMITED, AgentOutcome.OVERLOADED, AgentOutcome.INCOMPLETE)
TYPES = [error(kind) for kind in BuildErrorType]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (DEFAULT, {"timeout", "rate_limited", "overloaded", "incomplete"}),
        (AGGRESSIVE, {"timeout", "rate_limited", "overloaded", "incomplete", "crash"}),
        (NO_RETRY, set[str]()),
        (plain(2, retry_on_timeout=False), {"rate_limited", "overloaded", "incomplete"}),
        (plain(2, retryable_errors=[]), {"rate_limited", "overloaded", "incomplete"}),
        (plain(0, retryable_errors=ANY), set[str]()),
        (plain(2, retryable_errors=ANY), set(AgentOutcome) - {"canceled", "auth", "limit_reached"}),
    ],
    ids=["default", "aggressive", "none", "no timeouts", "no types", "no retries", "all types"],
)
def test_which_ends_of_an_agent_are_worth_another_call(policy: RetryPolicy, expected: set[str]) -> None:
    """upstream.md 5.6 and DESIGN 7: an outage of the model is, wrong credentials are not."""
    assert {outcome.value for outcome in AgentOutcome if is_retryable(policy, of_agent(outcome))} == expected


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (DEFAULT, {"agent_timeout", "system_error", "github_error"}),
        (AGGRESSIVE, {"agent_timeout", "system_error", "github_error", "agent_crash", "workspace_error"}),
        (NO_RETRY, set[str]()),
        (plain(2, retry_on_timeout=False), {"system_error", "github_error"}),
        (plain(1, retryable_errors=ANY), set(BuildErrorType)),
    ],
    ids=["default", "aggressive", "none", "no timeouts", "all types"],
)
def test_which_types_of_error_are_worth_another_call(policy: RetryPolicy, expected: set[str]) -> None:
    """upstream.md 5.1: retryableErrors says which, and agent_timeout needs retryOnTimeout as well."""
    assert {each.type.value for each in TYPES if is_retryable(policy, each)} == expected


def test_the_run_s_own_time_limit_is_final_and_an_agent_s_is_not() -> None:
    final = error_of_timeout(60, phase="building", failed_at=NOW)
    assert final.type is BuildErrorType.AGENT_TIMEOUT
    assert not is_retryable(AGGRESSIVE, final)
    assert is_retryable(AGGRESSIVE, of_agent(AgentOutcome.TIMEOUT))


async def test_any_order_of_failures_keeps_the_number_of_calls_within_the_policy() -> None:
    kinds = [BROKEN, Failed(of_agent(AgentOutcome.AUTH)), "done"]
    for retries, answers in itertools.product(range(3), itertools.product(kinds, repeat=3)):
        bench = Bench(plain(retries), *answers)
        retried = await bench.run()
        first_end = next((n for n, each in enumerate(answers) if each is not BROKEN), 99)
        assert len(bench.calls) == min(first_end, retries) + 1 == len(retried.attempts)
        assert retried.outcome is answers[len(bench.calls) - 1]
