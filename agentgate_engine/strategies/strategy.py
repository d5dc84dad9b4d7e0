"""What a loop strategy is, and how it is asked.

A strategy is one function from an iteration's event to a decision. Whatever it is, the run's limits stand over it, and
one that raises or answers nonsense fails the run by its name.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable
from typing import Protocol, runtime_checkable

from agentgate_engine.errors import AgentGateError
from agentgate_engine.models.strategy import Decision, IterationEvent, LoopResult

MOST_SECONDS = 60.0
"""How long an asynchronous strategy may think. A plain function must not block: it holds the engine."""


class StrategyError(AgentGateError):
    """A strategy raised, took too long, or decided what nobody can act on. The run fails and names it."""


class LoopStrategy(Protocol):
    """Says after each iteration whether there is another one."""

    @property
    def name(self) -> str: ...

    def on_iteration_complete(self, event: IterationEvent) -> Decision | Awaitable[Decision]: ...


def _object(value: object) -> object:
    """What somebody else's code answered, whatever it promised."""
    return value


@runtime_checkable
class HearsEnd(Protocol):
    """A strategy that wants to know how the loop ended."""

    def on_loop_end(self, result: LoopResult) -> Awaitable[None] | None: ...


async def decide(strategy: LoopStrategy, event: IterationEvent) -> Decision:
    """The strategy's decision, within the limits of the run. A stop always carries its `result`.

    Raises:
        StrategyError: it raised, answered something else, or calls an iteration a success whose checks failed.
    """
    decision = await _answer(strategy, event)
    if decision.result == "success" and not decision.go_on and not event.verification_passed:
        raise StrategyError(
            f"strategy {strategy.name} called iteration {event.iteration} a success, but its checks did not pass;"
            " a strategy can end a run and cannot pass it"
        )
    if not decision.go_on:
        return decision.model_copy(update={"result": decision.result or _result_of_stop(event)})
    if (limit := _limit(event)) is None:
        return decision.model_copy(update={"result": None})
    reason, result = limit
    return Decision(go_on=False, reason=reason, result=result, metadata=decision.metadata)


async def end_loop(strategy: LoopStrategy, result: LoopResult) -> None:
    """Tell a strategy that wants to know how the loop ended.

    Raises:
        StrategyError: it raised or took too long.
    """
    if not isinstance(strategy, HearsEnd):
        return
    try:
        told = strategy.on_loop_end(result)
        if told is not None and inspect.isawaitable(told):
            await asyncio.wait_for(told, MOST_SECONDS)
    except (Exception, SystemExit) as fault:
        raise _named(strategy, "at the end of the loop", fault) from fault


async def _answer(strategy: LoopStrategy, event: IterationEvent) -> Decision:
    try:
        answer = _object(strategy.on_iteration_complete(event))
        if inspect.isawaitable(answer):
            answer = _object(await asyncio.wait_for(answer, MOST_SECONDS))
    except (Exception, SystemExit) as fault:
        raise _named(strategy, f"on iteration {event.iteration}", fault) from fault
    if not isinstance(answer, Decision):
        raise StrategyError(
            f"strategy {strategy.name} returned {type(answer).__name__} on iteration {event.iteration};"
            " it must return a Decision (agentgate_engine.models.strategy)"
        )
    return answer


def _named(strategy: LoopStrategy, when: str, fault: BaseException) -> StrategyError:
    if isinstance(fault, TimeoutError) and not str(fault):
        return StrategyError(f"strategy {strategy.name} did not answer {when} within {MOST_SECONDS:g} s")
    return StrategyError(f"strategy {strategy.name} raised {type(fault).__name__} {when}: {fault}")


def _limit(event: IterationEvent) -> tuple[str, LoopResult] | None:
    """What ends the loop over the strategy's head."""
    if event.iteration >= event.max_iterations:
        passed: LoopResult = "success" if event.verification_passed else "max_iterations"
        return limit_reached(event.max_iterations), passed
    if event.max_time_ms is not None and event.elapsed_ms >= event.max_time_ms:
        passed = "success" if event.verification_passed else "timeout"
        return f"the time of {event.max_time_ms / 1000:g} s is used up", passed
    return None


def limit_reached(limit: int) -> str:
    """The reason of a stop when `limit` iterations are used up."""
    return f"the limit of {limit} iteration{'' if limit == 1 else 's'} is reached"


def _result_of_stop(event: IterationEvent) -> LoopResult:
    if event.verification_passed:
        return "success"
    limit = _limit(event)
    return limit[1] if limit is not None else "strategy_stop"
