"""Asking a strategy: the limits over it, and what becomes of one that misbehaves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import pytest

from agentgate_engine.error_builder import error_of_system
from agentgate_engine.models.strategy import Decision, IterationEvent
from agentgate_engine.strategies import strategy as strategy_module
from agentgate_engine.strategies.strategy import StrategyError, decide, end_loop

from .support import PASS, It, Scripted, event

GO = Decision(go_on=True, reason="because")
STOP = Decision(go_on=False, reason="enough")


async def test_a_strategy_is_one_function_and_its_reason_comes_through() -> None:
    """upstream.md 9.1: one callback from event to decision, with reason, feedback and metadata."""
    told = Decision(go_on=True, reason="one more", feedback="look at b.py", metadata={"n": 1})
    assert await decide(Scripted(told), event(It())) == told


async def test_an_asynchronous_strategy_is_awaited() -> None:
    """upstream.md 9.1."""

    class Slow(Scripted):
        async def on_iteration_complete(self, event: IterationEvent) -> Decision:  # type: ignore[override]
            await asyncio.sleep(0)
            return GO

    assert await decide(Slow(), event(It())) == GO


@pytest.mark.parametrize(
    ("answer", "iteration", "limits", "expected"),
    [
        pytest.param(GO, [It()], {"bound": 2}, (True, None), id="goes on"),
        pytest.param(GO, [It(), It()], {"bound": 2}, (False, "max_iterations"), id="the bound wins"),
        pytest.param(GO, [It(), PASS], {"bound": 2}, (False, "success"), id="a pass at the bound"),
        pytest.param(GO, [It()], {"max_time_ms": 1000, "elapsed_ms": 1000}, (False, "timeout"), id="time is up"),
        pytest.param(GO, [PASS], {"max_time_ms": 1000, "elapsed_ms": 9000}, (False, "success"), id="a pass at the end"),
        pytest.param(GO, [PASS], {}, (True, None), id="on after a pass"),
        pytest.param(STOP, [PASS], {}, (False, "success"), id="passed"),
        pytest.param(STOP, [It()], {}, (False, "strategy_stop"), id="the strategy's own stop"),
        pytest.param(STOP, [It()], {"bound": 1}, (False, "max_iterations"), id="a stop at the bound"),
        pytest.param(STOP, [It()], {"max_time_ms": 5, "elapsed_ms": 6}, (False, "timeout"), id="a stop out of time"),
        pytest.param(
            Decision(go_on=False, reason="r", result="timeout"), [It()], {}, (False, "timeout"), id="its own result"
        ),
        pytest.param(
            Decision(go_on=True, reason="r", result="timeout"),
            [It()],
            {},
            (True, None),
            id="no result while it goes on",
        ),
    ],
)
async def test_the_limits_stand_over_every_strategy(
    answer: Decision, iteration: list[It], limits: dict[str, int], expected: tuple[bool, str | None]
) -> None:
    """upstream.md 9.3, 9.4: success, max_iterations, timeout, strategy_stop are reached; the bound always wins."""
    decision = await decide(Scripted(answer), event(*iteration, **limits))  # type: ignore[arg-type]
    assert (decision.go_on, decision.result) == expected


async def test_the_history_leaves_the_present_iteration_out_and_grows() -> None:
    """upstream.md 9.2: previousIterations excludes the current one and grows by one."""
    strategy = Scripted(GO)
    iterations = [It("x"), It("+x"), It("++x")]
    for last in range(1, 4):
        await decide(strategy, event(*iterations[:last]))
    assert [[each.iteration for each in asked.previous_iterations] for asked in strategy.asked] == [[], [1], [1, 2]]
    assert [asked.current.iteration for asked in strategy.asked] == [1, 2, 3]
    document = strategy.asked[-1].model_dump(by_alias=True)
    assert {
        "iteration",
        "elapsedMs",
        "agentSuccess",
        "verificationPassed",
        "previousIterations",
        "maxIterations",
        "maxTimeMs",
        "runId",
        "workOrderId",
    } <= document.keys()
    assert {"iteration", "agentSuccess", "verificationPassed", "durationMs", "tokensUsed"} <= document[
        "previousIterations"
    ][0].keys()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (ValueError("no idea"), "strategy mine raised ValueError on iteration 1: no idea"),
        (SystemExit(3), "strategy mine raised SystemExit on iteration 1: 3"),
        (None, "strategy mine returned NoneType on iteration 1; it must return a Decision"),
        (True, "strategy mine returned bool on iteration 1"),
        ({"go_on": True, "reason": "x"}, "strategy mine returned dict on iteration 1"),
        (Decision(go_on=False, reason="r", result="success"), "strategy mine called iteration 1 a success, but its"),
    ],
)
async def test_a_strategy_that_misbehaves_is_named(answer: object, words: str) -> None:
    """upstream.md 9.5: a raising strategy fails the run as system_error and is named."""
    with pytest.raises(StrategyError) as raised:
        await decide(Scripted(answer), event(It()))
    assert str(raised.value).startswith(words)
    error = error_of_system(raised.value, phase="verifying", failed_at="2026-01-01T00:00:00.000Z")
    assert error.type == "system_error"
    assert "strategy mine" in error.message


class Hanging(Scripted):
    async def on_iteration_complete(self, event: IterationEvent) -> Decision:  # type: ignore[override]
        await asyncio.Event().wait()
        raise AssertionError

    def on_loop_end(self, result: object) -> Awaitable[object]:  # type: ignore[override]
        return asyncio.Event().wait()


async def test_a_strategy_that_never_answers_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """upstream.md 9.5."""
    monkeypatch.setattr(strategy_module, "MOST_SECONDS", 0.01)
    with pytest.raises(StrategyError, match=r"strategy mine did not answer on iteration 1 within 0\.01 s"):
        await decide(Hanging(), event(It()))
    with pytest.raises(StrategyError, match="strategy mine did not answer at the end of the loop"):
        await end_loop(Hanging(), "error")


async def test_a_cancel_goes_through_a_strategy() -> None:
    asking = asyncio.ensure_future(decide(Hanging(), event(It())))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_the_end_of_the_loop_is_told_to_those_who_want_to_know() -> None:
    """upstream.md 9.1, 9.3: onLoopEnd is optional and hears each result."""
    strategy = Scripted(STOP)
    results = ("success", "max_iterations", "timeout", "strategy_stop", "error")
    for result in results:
        await end_loop(strategy, result)
    assert strategy.ended == list(results)

    class Deaf:
        name = "deaf"

        def on_iteration_complete(self, event: IterationEvent) -> Decision:
            return STOP

    await end_loop(Deaf(), "success")


async def test_what_is_raised_at_the_end_of_the_loop_names_the_strategy() -> None:
    """upstream.md 9.5."""

    class Sulking(Scripted):
        def on_loop_end(self, result: object) -> None:
            raise KeyError("later")

    with pytest.raises(StrategyError, match="strategy mine raised KeyError at the end of the loop: 'later'"):
        await end_loop(Sulking(), "success")
