"""The bus: the persister first and awaited, one emission after the other, and a bad subscriber hurts nobody."""

from __future__ import annotations

import asyncio

import pytest

from agentgate_engine.errors import ParkRun
from agentgate_engine.event_bus import Emission, EventBus, Subscriber
from agentgate_engine.models.events import Event, RunWarned


class Persister:
    """Numbers the emissions, slowly, and notes when it is entered twice at a time."""

    def __init__(self) -> None:
        self.written: list[Event] = []
        self.inside = 0
        self.most_inside = 0

    async def __call__(self, emission: Emission) -> Event:
        self.inside += 1
        self.most_inside = max(self.most_inside, self.inside)
        await asyncio.sleep(0)
        event = Event(
            seq=len(self.written),
            t="2026-01-01T00:00:00.000Z",
            type=emission.payload.type,
            run_id="abcd2345.1",
            work_order_id="abcd2345",
            fence=1,
            data=emission.payload.model_dump(mode="json", by_alias=True),
        )
        self.written.append(event)
        self.inside -= 1
        return event


class Bench:
    def __init__(self) -> None:
        self.persister = Persister()
        self.faults: list[tuple[Subscriber, Exception]] = []
        self.bus = EventBus(self.persister, lambda who, fault: self.faults.append((who, fault)))

    async def emit(self, message: str = "something") -> Event:
        return await self.bus.emit(RunWarned(warning="test", message=message))


async def test_subscribers_hear_what_is_written_already() -> None:
    bench = Bench()

    async def listen(event: Event) -> None:
        assert event in bench.persister.written
        heard.append(event.seq)

    heard: list[int] = []
    bench.bus.subscribe(listen)
    await asyncio.gather(*(bench.emit() for _ in range(50)))
    assert heard == list(range(50))
    assert bench.persister.most_inside == 1


async def test_a_subscriber_that_raises_is_reported_and_the_others_hear_everything() -> None:
    bench = Bench()
    heard: list[int] = []

    async def broken(event: Event) -> None:
        raise ValueError(f"no {event.seq}")

    async def sound(event: Event) -> None:
        heard.append(event.seq)

    bench.bus.subscribe(broken)
    bench.bus.subscribe(sound)
    for _ in range(3):
        await bench.emit()
    assert heard == [0, 1, 2]
    assert [(who, str(fault)) for who, fault in bench.faults] == [(broken, f"no {n}") for n in range(3)]


async def test_a_thousand_come_and_go_and_none_is_left() -> None:
    bench = Bench()
    heard: list[int] = []

    async def listen(event: Event) -> None:
        heard.append(event.seq)

    for _ in range(1000):
        bench.bus.subscribe(listen)()
    await bench.emit()
    assert heard == []


async def test_a_subscriber_may_leave_while_it_is_told() -> None:
    bench = Bench()
    heard: list[str] = []

    async def once(event: Event) -> None:
        heard.append("once")
        leave()

    async def always(event: Event) -> None:
        heard.append("always")

    leave = bench.bus.subscribe(once)
    bench.bus.subscribe(always)
    await bench.emit()
    await bench.emit()
    assert heard == ["once", "always", "always"]
    leave()


async def test_what_cannot_be_written_is_told_to_nobody() -> None:
    async def full(emission: Emission) -> Event:
        raise ParkRun("no room")

    heard: list[int] = []

    async def listen(event: Event) -> None:
        heard.append(event.seq)

    bus = EventBus(full, lambda who, fault: None)
    bus.subscribe(listen)
    with pytest.raises(ParkRun):
        await bus.emit(RunWarned(warning="test", message="x"))
    assert heard == []
