"""Strategies of other people's packages, found by entry point.

An entry point in the group `agentgate.strategies` names one of: a function whose first parameter is called `event` (it
is the strategy; `params` are its further arguments), a class or another function (called with `params`, it makes the
strategy), or a ready object. Loading one runs code of an installed package, as any import does.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from pydantic import JsonValue

from agentgate_engine.errors import UsageError
from agentgate_engine.models.strategy import Decision, IterationEvent, LoopResult
from agentgate_engine.strategies.strategy import HearsEnd

GROUP = "agentgate.strategies"

Decide = Callable[[IterationEvent], Decision | Awaitable[Decision]]


@dataclass(frozen=True, slots=True)
class CustomStrategy:
    """A strategy under the name that the operator chose it by."""

    name: str
    decide: Decide
    end: HearsEnd | None = None

    def on_iteration_complete(self, event: IterationEvent) -> Decision | Awaitable[Decision]:
        return self.decide(event)

    def on_loop_end(self, result: LoopResult) -> Awaitable[None] | None:
        return self.end.on_loop_end(result) if self.end is not None else None


def installed() -> list[str]:
    """The names of the strategies that packages bring along, sorted."""
    return sorted({each.name for each in entry_points(group=GROUP)})


def load_custom(name: str, params: Mapping[str, JsonValue]) -> CustomStrategy:
    """The strategy of that name, made with `params`.

    Raises:
        UsageError: none is installed under that name, it cannot be imported, it does not take these params, or it is
            no strategy.
    """
    found = _entry(name)
    try:
        loaded: object = found.load()
    except Exception as fault:
        raise _fault(name, found, f"cannot be loaded: {type(fault).__name__}: {fault}") from fault
    if _is_decision_function(loaded):
        return as_strategy(name, partial(_checked(name, found, loaded, (None,), params), **params))
    if inspect.isclass(loaded) or (callable(loaded) and not hasattr(loaded, "on_iteration_complete")):
        make = _checked(name, found, loaded, (), params)
        try:
            loaded = make(**params)
        except Exception as fault:
            raise _fault(name, found, f"cannot be made: {type(fault).__name__}: {fault}") from fault
    elif params:
        raise _fault(name, found, f"is a ready object and takes no params; remove {', '.join(sorted(params))}")
    try:
        return as_strategy(name, loaded)
    except UsageError as fault:
        raise _fault(name, found, str(fault)) from fault


def as_strategy(name: str, candidate: object) -> CustomStrategy:
    """An object with `on_iteration_complete`, or a plain function of an event, as a strategy.

    Raises:
        UsageError: it is neither.
    """
    own = getattr(candidate, "on_iteration_complete", None)
    if callable(own):
        return CustomStrategy(name, cast(Decide, own), candidate if isinstance(candidate, HearsEnd) else None)
    if callable(candidate):
        return CustomStrategy(name, cast(Decide, candidate))
    raise UsageError(f"gives {type(candidate).__name__}, which has no on_iteration_complete and is no function")


def _entry(name: str) -> EntryPoint:
    for each in entry_points(group=GROUP):
        if each.name == name:
            return each
    known = installed()
    there = f"installed are: {', '.join(known)}" if known else f"no package brings an entry point in {GROUP}"
    raise UsageError(f"no strategy named {name!r} is installed; {there}")


def _is_decision_function(loaded: object) -> bool:
    if not inspect.isroutine(loaded):
        return False
    first = next(iter(inspect.signature(loaded).parameters), None)
    return first == "event"


def _checked(
    name: str, found: EntryPoint, made: object, first: tuple[None, ...], params: Mapping[str, JsonValue]
) -> Callable[..., object]:
    """The callable, once it is known that it takes `params`."""
    assert callable(made), "only callables are asked"
    try:
        inspect.signature(made).bind(*first, **params)
    except TypeError as fault:
        raise _fault(name, found, f"does not take these params: {fault}") from fault
    except ValueError:
        pass  # a callable without a signature (written in C) says so itself when it is called
    return made


def _fault(name: str, found: EntryPoint, what: str) -> UsageError:
    return UsageError(f"strategy {name!r} ({found.value}) {what}")
