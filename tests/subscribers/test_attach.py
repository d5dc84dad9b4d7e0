"""The subscribers of one run together, on a real bus over a real store."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from agentgate_engine.clock import Clock
from agentgate_engine.event_bus import EventBus
from agentgate_engine.models.event_type import EventType
from agentgate_engine.models.events import RunCanceled, RunStarted
from agentgate_engine.result_persister import ResultPersister
from agentgate_engine.subscribers.attach import attached
from agentgate_engine.subscribers.metrics import metrics_file
from agentgate_engine.subscribers.notification_rules import parse_rules

from ..store.support import open_store, queued, run_id, write_run

CANCELED = RunCanceled(by="o", reason="")


class Bench:
    def __init__(self, root: Path, rules: str) -> None:
        store, self.index = open_store(root)
        write_run(store, self.index, run_id(0), queued("Mend it"))
        self.persister = ResultPersister.open(store, self.index, Clock(), run_id(0), 1)
        self.faults: list[Exception] = []
        self.bus = EventBus(self.persister.persist, lambda who, fault: self.faults.append(fault))
        self.attached = attached(
            self.bus,
            self.persister.layout,
            title=self.persister.run.title,
            rules=parse_rules(rules.encode(), "n.yaml"),
            environment=dict(os.environ),
        )

    def warnings(self) -> list[str]:
        self.persister.close()
        self.index.close()
        assert self.faults == []
        return [each.message for each in self.persister.run.warnings]


async def test_the_end_of_a_run_is_told_and_added_up_before_the_run_is_let_go(tmp_path: Path) -> None:
    """upstream.md 10.4: metrics and notifications beside the persister."""
    told = tmp_path / "told"
    bench = Bench(tmp_path / "store", f"- on: run:canceled\n  command: echo $AGENTGATE_TITLE > {told}\n")
    async with bench.attached:
        await bench.bus.emit(RunStarted(engine="e"))
        await bench.bus.emit(CANCELED)
    assert told.read_text() == "Mend it\n"
    assert metrics_file(bench.persister.layout).exists()
    assert bench.warnings() == []


async def test_a_hook_that_failed_is_in_the_run_s_own_record(tmp_path: Path) -> None:
    """upstream.md 10.4: nothing is swallowed."""
    bench = Bench(tmp_path / "store", "- on: run:canceled\n  command: echo no route >&2; exit 2\n")
    async with bench.attached:
        await bench.bus.emit(RunStarted(engine="e"))
        await bench.bus.emit(CANCELED)
    assert bench.warnings() == ["the notification of n.yaml:1 for run:canceled exited with 2; it said: no route"]
    assert bench.persister.events[-1].type is EventType.RUN_WARNING


async def test_nobody_is_left_on_the_bus(tmp_path: Path) -> None:
    """upstream.md 10.4: no leak."""
    told = tmp_path / "told"
    bench = Bench(tmp_path / "store", f"- on: run:canceled\n  command: echo x > {told}\n")
    async with bench.attached:
        await bench.bus.emit(RunStarted(engine="e"))
    await bench.bus.emit(CANCELED)
    assert not told.exists()
    assert not metrics_file(bench.persister.layout).exists()
    assert bench.warnings() == []


async def test_an_engine_that_stops_waits_for_no_hook_and_says_what_was_not_sent(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    bench = Bench(tmp_path / "store", f"- on: run:canceled\n  command: cat {fifo}\n")

    async def engine() -> None:
        async with bench.attached:
            await bench.bus.emit(RunStarted(engine="e"))
            await bench.bus.emit(CANCELED)
            emitted.set()
            await asyncio.Event().wait()

    emitted = asyncio.Event()
    working = asyncio.ensure_future(engine())
    await emitted.wait()
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert bench.warnings() == ["1 notification not sent, from n.yaml:1 on: the engine was stopped"]


async def test_what_ends_a_run_badly_goes_through(tmp_path: Path) -> None:
    told = tmp_path / "told"
    bench = Bench(tmp_path / "store", f"- on: run:started\n  command: echo x > {told}\n")
    with pytest.raises(ZeroDivisionError):
        async with bench.attached:
            await bench.bus.emit(RunStarted(engine="e"))
            raise ZeroDivisionError
    assert told.exists()
    assert bench.warnings() == []
