"""The list of runs: what each line says is going on."""

from __future__ import annotations

import dataclasses

import pytest

from agentgate_engine.clock import from_stamp
from agentgate_engine.models.queue import Pause, QueueStats
from agentgate_engine.store.engine_rows import EngineRow
from agentgate_engine.store.index import RunRow
from agentgate_engine.views.engine_view import engine_lines
from agentgate_engine.views.queue_view import queue_line, queue_view

T = "2026-01-01T00:00:00.000Z"
NOW = from_stamp(T)
WAITING = RunRow(
    id="abcd2345.1",
    order_id="abcd2345",
    state="queued",
    result=None,
    title="mend",
    repository="/r",
    agent="command",
    iteration=0,
    max_iterations=3,
    levels="....",
    now="queued",
    waiting=None,
    error_type=None,
    error=None,
    tool_calls=0,
    tokens=None,
    cost_usd=None,
    queued_at=T,
    started_at=None,
    completed_at=None,
    updated_at=T,
    engine=None,
    fence=0,
    warnings=0,
    position=3,
)
RUNNING = dataclasses.replace(WAITING, state="building", now="agent at work", started_at=T, position=None, iteration=1)


def stats(*, slots: int = 2, running: int = 2, mean: int | None = 60_000) -> QueueStats:
    return QueueStats(5, running, slots, None, mean, 100, accepting=True)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (WAITING, "queued #3"),
        (dataclasses.replace(WAITING, position=None), "queued"),
        (
            dataclasses.replace(WAITING, position=1, waiting="memory: 812 MB free, 2048 MB needed"),
            "queued #1: memory: 812 MB free, 2048 MB needed",
        ),
        (
            dataclasses.replace(WAITING, position=None, waiting="dependency: waits for zzzz2345"),
            "queued: dependency: waits for zzzz2345",
        ),
        (
            dataclasses.replace(WAITING, waiting="operator: the queue is paused by olga: freeze"),
            "queued #3: the queue is paused by olga: freeze",
        ),
        (
            dataclasses.replace(
                WAITING, waiting="stagger: starts are 30 s apart", waiting_until="2026-01-01T00:00:11.200Z"
            ),
            "queued #3: stagger: starts are 30 s apart, next in 12s",
        ),
        (
            dataclasses.replace(RUNNING, waiting="backoff: overloaded", waiting_until="2026-01-01T00:00:12.000Z"),
            "retry in 12s: overloaded",
        ),
        (
            dataclasses.replace(RUNNING, waiting="backoff: overloaded", waiting_until="2026-01-01T00:02:05.000Z"),
            "retry in 2m05s: overloaded",
        ),
        (
            dataclasses.replace(RUNNING, waiting="backoff: overloaded", waiting_until="2025-12-31T23:59:00.000Z"),
            "about to retry: overloaded",
        ),
        (dataclasses.replace(RUNNING, waiting="store: disk full"), "waits: store: disk full"),
        (dataclasses.replace(WAITING, waiting="store: disk full", position=None), "waits: store: disk full"),
        (RUNNING, "agent at work"),
    ],
)
def test_a_line_says_what_is_going_on_and_what_is_waited_for(row: RunRow, expected: str) -> None:
    """upstream.md 8: see why nothing starts; the wait before a retry is counted down from when it is drawn."""
    assert queue_line(row, NOW).now == expected


@pytest.mark.parametrize(
    ("position", "given", "expected"),
    [
        (3, stats(), "queued #3 ~2m00s"),
        (1, stats(running=1), "queued #1"),
        (3, stats(mean=None), "queued #3"),
        (3, stats(slots=0), "queued #3"),
    ],
)
def test_a_waiting_line_says_about_how_long_it_still_waits(position: int, given: QueueStats, expected: str) -> None:
    """upstream.md 7.3: estimatedWaitMs."""
    assert queue_line(dataclasses.replace(WAITING, position=position), NOW, given).now == expected


def test_a_pause_is_what_the_list_advises_about() -> None:
    pause = Pause("freeze", "olga", T)
    row = dataclasses.replace(WAITING, waiting=f"operator: {pause.words}")
    view = queue_view([row], unreadable=(), engines=1, now=NOW)
    assert view.advice == "the queue is paused by olga: freeze; `agentgate queue resume` starts it again"


def test_what_an_operator_wrote_reaches_no_terminal_as_it_is() -> None:
    row = dataclasses.replace(WAITING, waiting="operator: held by olga: \x1b]0;owned\x07now")
    assert "\x1b" not in queue_line(row, NOW).now


def test_a_run_that_was_retried_tells_how_often() -> None:
    assert queue_line(dataclasses.replace(RUNNING, retried=2), NOW).retried == 2


@pytest.mark.parametrize(
    ("engine", "state"),
    [
        (EngineRow("e-1", slots=2, heartbeat_at=T), "idle"),
        (EngineRow("e-1", slots=2, heartbeat_at=T, running=("abcd2345.1",)), "working"),
        (EngineRow("e-1", slots=2, heartbeat_at=T, draining=True), "draining"),
        (EngineRow("e-1", slots=2, heartbeat_at="2025-12-31T23:59:00.000Z"), "hung"),
        (EngineRow("e-1"), "idle"),
    ],
)
def test_an_engine_is_at_work_idle_draining_or_hung(engine: EngineRow, state: str) -> None:
    (line,) = engine_lines([engine], NOW)
    assert line.state == state
    assert (line.next_step is not None) == (state == "hung")
