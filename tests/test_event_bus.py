"""The bus: the persister first and awaited, one emission after the other, and a bad subscriber hurts nobody."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentgate_engine import result_persister
from agentgate_engine.clock import Clock
from agentgate_engine.errors import ParkRun
from agentgate_engine.event_bus import Emission, EventBus, Evidence, Subscriber
from agentgate_engine.models.events import Event, RunStarted, RunWarned
from agentgate_engine.result_persister import ResultPersister
from agentgate_engine.store.atomic import replace_file
from agentgate_engine.store.event_log import read_events
from agentgate_engine.store.run_reducer import replay

from .store.support import open_store, queued, run_id, write_run


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
    """upstream.md 10.3: persist before notify, one emission at a time."""
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
    """upstream.md 10.4: one raising subscriber affects neither the others nor the run."""
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


class Listener:
    """Something that hears events, and that can be seen to be let go of."""

    def __init__(self) -> None:
        self.heard: list[int] = []

    async def __call__(self, event: Event) -> None:
        self.heard.append(event.seq)


async def test_a_thousand_come_and_go_and_none_is_left() -> None:
    """upstream.md 10.4: 1000 subscribe/unsubscribe cycles leave 0 listeners, and nothing of them in memory."""
    bench = Bench()
    stays = Listener()
    bench.bus.subscribe(stays)
    gone: list[weakref.ref[Listener]] = []
    for _ in range(1000):
        listener = Listener()
        bench.bus.subscribe(listener)()
        gone.append(weakref.ref(listener))
    del listener
    await bench.emit()
    gc.collect()
    assert [each for each in gone if each() is not None] == []
    assert stays.heard == [0]


async def test_who_subscribes_twice_and_leaves_once_still_hears() -> None:
    """upstream.md 10.4: leaving ends one subscription, however often it is called."""
    bench = Bench()
    listener = Listener()
    leave = bench.bus.subscribe(listener)
    bench.bus.subscribe(listener)
    leave()
    leave()
    await bench.emit()
    assert listener.heard == [0]


async def test_a_subscriber_may_leave_while_it_is_told() -> None:
    """upstream.md 10.4: off() works, also in the middle."""
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
    """upstream.md 10.3."""

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


class Real:
    """A bus over a real persister in a real store, with a run that is queued."""

    def __init__(self, root: Path) -> None:
        self.store, self.index = open_store(root)
        self.run = run_id(0)
        write_run(self.store, self.index, self.run, queued())
        self.open()

    def open(self) -> None:
        self.persister = ResultPersister.open(self.store, self.index, Clock(), self.run, 1)
        self.bus = EventBus(self.persister.persist, lambda who, fault: None)

    def close(self) -> None:
        self.persister.close()


@pytest.fixture
def real(tmp_path: Path) -> Iterator[Real]:
    real = Real(tmp_path / "store")
    yield real
    real.close()
    real.index.close()


async def test_a_file_is_there_and_whole_when_its_event_is_heard_and_is_written_once(
    real: Real, monkeypatch: pytest.MonkeyPatch
) -> None:
    """upstream.md 10.3: the file is on the disk when the event is seen, as are the event and run.json; written once."""
    written: list[Path] = []

    def counting(path: Path, content: bytes, *, sync: bool = True) -> None:
        written.append(path)
        replace_file(path, content, sync=sync)

    monkeypatch.setattr(result_persister, "replace_file", counting)
    file = real.persister.layout.diff(1)
    seen: list[tuple[bytes, str, int]] = []

    async def look(event: Event) -> None:
        layout = real.persister.layout
        summary = real.store.read_run(real.run)
        seen.append((file.read_bytes(), read_events(layout.events)[-1].type, summary.last_seq - event.seq))

    real.bus.subscribe(look)
    await real.bus.emit(RunStarted(engine="e"), evidence=[Evidence(file, b"a patch")])
    assert seen == [(b"a patch", "run:started", 0)]
    assert written.count(file) == 1


async def test_a_torn_last_event_is_cut_off_and_the_log_goes_on(real: Real) -> None:
    """upstream.md 10.5: a torn last line is tolerated by readers and writers; replaying rebuilds the run."""
    await real.bus.emit(RunStarted(engine="one"))
    real.close()
    events = real.persister.layout.events
    with events.open("ab") as log:
        log.write(b'{"seq":2,"t":"2026-01-01T00:00:00.000Z","type":"run:wai')
    assert [event.seq for event in read_events(events)] == [0, 1]
    real.open()
    assert real.persister.recovered_bytes > 0
    await real.bus.emit(RunWarned(warning="recovered", message="cut"))
    replayed = replay(read_events(events))
    assert replayed is not None
    assert (replayed.last_seq, replayed.engine, len(replayed.warnings)) == (2, "one", 1)
    assert replayed == real.store.read_run(real.run)
