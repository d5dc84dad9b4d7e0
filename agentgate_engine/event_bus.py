"""The bus: the persister first and awaited, then everybody else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from agentgate_engine.models.events import Event, Payload
from agentgate_engine.models.record import Record
from agentgate_engine.threads import finish_in_thread


@dataclass(frozen=True, slots=True)
class Evidence:
    """A file that an event names: written, durable, before the event is."""

    path: Path
    content: Record | bytes


@dataclass(frozen=True, slots=True)
class Emission:
    """What happened, with the files that prove it."""

    payload: Payload
    iteration: int | None = None
    evidence: Sequence[Evidence] = ()


Persist = Callable[[Emission], Awaitable[Event]]
Subscriber = Callable[[Event], Awaitable[None]]
Report = Callable[[Subscriber, Exception], None]


class EventBus:
    """Emissions of one run, one after the other. A subscriber that raises is reported and hurts nobody."""

    def __init__(self, persist: Persist, report: Report) -> None:
        self._persist = persist
        self._report = report
        self._subscribers: dict[object, Subscriber] = {}
        self._turn = asyncio.Lock()

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Hear every event after it is on the disk. Returns the function that ends it, any number of times."""
        place = object()
        self._subscribers[place] = subscriber

        def leave() -> None:
            self._subscribers.pop(place, None)

        return leave

    async def emit(self, payload: Payload, *, iteration: int | None = None, evidence: Sequence[Evidence] = ()) -> Event:
        """Persist, then tell.

        Raises:
            ParkRun: the evidence or the event could not be written; nobody was told.
        """
        async with self._turn:
            event = await self._persist(Emission(payload, iteration, evidence))
            for subscriber in list(self._subscribers.values()):
                try:
                    await subscriber(event)
                except Exception as fault:
                    self._report(subscriber, fault)
            return event

    async def between_events(self, write: Callable[[], None]) -> None:
        """Let the persister write something else without getting between an event and its files."""
        async with self._turn:
            await finish_in_thread(write)
