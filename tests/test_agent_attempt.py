"""An attempt is told once, however often its log is replayed, and whatever the agent does to the log."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from agentgate_engine.agents.driver import (
    AgentResult,
    Line,
    Observation,
    Said,
    ToolFinished,
    ToolStarted,
    UsageSeen,
)
from agentgate_engine.clock import Clock
from agentgate_engine.errors import ParkRun
from agentgate_engine.event_bus import Emission, EventBus
from agentgate_engine.models.agent_result import AgentOutcome
from agentgate_engine.models.events import AgentToolFinished, AgentUsage, Event, Payload, RunWarned
from agentgate_engine.models.line_kind import LineKind
from agentgate_engine.models.process import ProcessExit
from agentgate_engine.phases.agent_attempt import LOG_REPLACED, AgentAttempt
from agentgate_engine.phases.agent_log import head_and_tail
from agentgate_engine.phases.transcript_writer import TranscriptWriter
from agentgate_engine.phases.workspace_delta import DeltaWatch
from agentgate_engine.process.process_host import ProcessHandle
from agentgate_engine.store.line_reader import read_lines
from agentgate_engine.workspace.workspace import Workspace

NOW = "2026-01-01T00:00:00.000Z"


class WordParser:
    """`start ID`, `end ID`, `cost N`, `say N`; anything else is just a line."""

    def __init__(self) -> None:
        self.rest = b""

    def feed(self, chunk: bytes, arrived_at: float) -> list[Observation]:
        *lines, self.rest = (self.rest + chunk).split(b"\n")
        return [seen for line in lines for seen in self.seen(line.decode(), arrived_at)]

    def feed_stderr(self, chunk: bytes, arrived_at: float) -> list[Observation]:
        return []

    def seen(self, text: str, t: float) -> list[Observation]:
        word, _, rest = text.partition(" ")
        told: list[Observation] = []
        match word:
            case "start":
                told = [ToolStarted(rest, "Edit", "edit", text, NOW)]
            case "end":
                told = [ToolFinished(rest, "edit", is_error=False, ended_at=NOW)]
            case "cost":
                told = [UsageSeen(cost_usd=float(rest))]
            case "say":
                told = [Said(int(rest), "assistant", text)]
            case _:
                pass
        return [*told, Line(LineKind.OUTPUT, text, (0, len(text)), t)]

    def finish(self, end: ProcessExit | None, ended_at: float) -> tuple[list[Observation], AgentResult]:
        return [], AgentResult(AgentOutcome.SUCCESS, "It is over.")


@dataclass
class Bench:
    """Attempts at the one log in `directory`; `tree` is what the workspace holds at the moment."""

    directory: Path
    tree: str = "before"
    told: list[Payload] = field(default_factory=list[Payload])
    compared: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    def tree_now(self) -> str:
        return self.tree

    def changes_between(self, before: str, after: str) -> list[SimpleNamespace]:
        self.compared.append((before, after))
        return [SimpleNamespace(path=f"{after}.txt", hunks=[(1, 1)])]

    async def persist(self, emission: Emission) -> Event:
        self.told.append(emission.payload)
        return cast(Event, emission)

    def attempt(self, before: list[Payload]) -> AgentAttempt:
        bus = EventBus(self.persist, lambda who, fault: None)
        transcript = TranscriptWriter.open(self.directory / "transcript-1.jsonl", "1-agent-1-1", str)
        watch = DeltaWatch(cast(Workspace, self), "before")
        return AgentAttempt(bus, Clock(), 1, self.directory, WordParser(), transcript, watch, before)

    def print(self, *lines: str) -> None:
        with (self.directory / "stdout.log").open("a") as log:
            log.writelines(f"{line}\n" for line in lines)

    async def replay(self) -> list[Payload]:
        """What a new engine tells of the log beyond what was told already."""
        known = len(self.told)
        attempt = self.attempt(list(self.told))
        await attempt.read_to_end(None)
        attempt.transcript.close()
        return self.told[known:]


class Running:
    """A process that ends when told to."""

    def __init__(self) -> None:
        self.over = asyncio.Event()

    async def wait(self) -> None:
        await self.over.wait()

    async def stop(self) -> None:
        self.over.set()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


async def test_a_log_that_is_replayed_tells_nothing_twice(bench: Bench) -> None:
    bench.print("say 0", "start a", "cost 1", "end a", "cost 2", "start b", "end b", "cost 2", "cost 1")
    bench.tree = "after"
    first = await bench.replay()
    assert [p.cost_usd for p in first if isinstance(p, AgentUsage)] == [1, 2, 1]
    assert [p.id for p in first if isinstance(p, AgentToolFinished) and p.delta] == ["a", "b"]
    assert await bench.replay() == []
    assert await bench.replay() == []
    assert len(read_lines(bench.directory / "transcript-1.jsonl")) == 9


async def test_a_call_told_before_the_takeover_gets_nothing_of_what_came_after_it(bench: Bench) -> None:
    """It got the whole delta of the iteration once more, as `shared` with every other call."""
    bench.tree = "one"
    bench.print("start a", "end a")
    await bench.replay()
    bench.tree = "two"
    bench.print("cost 1", "start b", "end b", "cost 2")
    later = await bench.replay()
    deltas = {p.id: p.delta for p in later if isinstance(p, AgentToolFinished) and p.delta}
    assert list(deltas) == ["b"]
    assert (deltas["b"].confidence, deltas["b"].tree_before, deltas["b"].tree_after) == ("certain", "one", "two")
    assert bench.compared == [("before", "one"), ("one", "two")]
    assert [p.cost_usd for p in later if isinstance(p, AgentUsage)] == [1, 2]


async def test_a_call_that_the_engine_died_before_measuring_is_measured_by_the_next(bench: Bench) -> None:
    bench.print("start a", "end a")
    bench.tree = "one"
    await bench.replay()
    bench.told = [p for p in bench.told if not (isinstance(p, AgentToolFinished) and p.delta)]
    (late,) = await bench.replay()
    assert isinstance(late, AgentToolFinished)
    assert late.delta is not None and late.delta.tree_before == "before"


async def test_a_call_that_ended_during_the_last_measurement_told_is_measured_by_the_next(bench: Bench) -> None:
    bench.print("start a", "end a")
    bench.tree = "one"
    await bench.replay()
    *first, delta_of_a = bench.told
    bench.print("start b", "end b")
    await bench.replay()
    bench.told = [*first, *bench.told[len(first) + 1 :], delta_of_a]
    bench.tree = "two"
    (late,) = await bench.replay()
    assert isinstance(late, AgentToolFinished) and late.delta is not None
    assert (late.id, late.delta.tree_before) == ("b", "one")


@pytest.mark.parametrize("name", ["stdout.log", "stderr.log", "stdout.times"])
async def test_a_fifo_in_place_of_a_log_freezes_nobody(bench: Bench, name: str) -> None:
    bench.print("cost 1")
    (bench.directory / name).unlink(missing_ok=True)
    os.mkfifo(bench.directory / name)
    told = await asyncio.wait_for(bench.replay(), 5)
    assert [p.warning for p in told if isinstance(p, RunWarned)] == [LOG_REPLACED]
    assert not [p for p in await bench.replay() if isinstance(p, RunWarned)]
    assert name == "stdout.log" or any(isinstance(p, AgentUsage) for p in told)


def test_head_and_tail_of_a_fifo_say_that_it_is_none(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "stdout.log")
    text, size = head_and_tail(tmp_path / "stdout.log", 1000, str)
    assert (text.startswith("[UNREADABLE"), size) == (True, 0)


async def test_a_measurement_under_way_has_ended_when_a_canceled_follower_is_gone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It went on telling, into an event log that its owner had closed."""
    attempt = bench.attempt([])
    begun, ended = asyncio.Event(), asyncio.Event()

    async def measure() -> list[tuple[str, None]]:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.05)
            ended.set()
        return []

    monkeypatch.setattr(attempt.delta, "measure", measure)
    bench.print("start a", "end a")
    following = asyncio.create_task(attempt.follow(cast(ProcessHandle, Running()), asyncio.Event()))
    await asyncio.wait_for(begun.wait(), 5)
    following.cancel()
    with pytest.raises(asyncio.CancelledError):
        await following
    assert ended.is_set()


async def test_the_fault_of_a_measurement_is_not_lost_when_the_next_one_begins(bench: Bench) -> None:
    attempt = bench.attempt([])

    async def fail() -> None:
        raise ParkRun("the disk is full")

    attempt._measuring = asyncio.create_task(fail())
    await asyncio.wait({attempt._measuring})
    bench.print("start a", "end a")
    with pytest.raises(ParkRun):
        await attempt.read_to_end(None)
