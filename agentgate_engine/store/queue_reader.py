"""The queue as readers see it: settings, figures, the place of a run. From the index and the engines' records alone,
without pydantic, so that it is told at once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

from agentgate_engine.models.queue import (
    DEFAULT_CAPACITY,
    HISTORY,
    Pause,
    QueuePlace,
    QueueSettings,
    QueueStats,
    estimated_wait_ms,
)
from agentgate_engine.store.engine_rows import EngineRow, engine_rows
from agentgate_engine.store.index import Index, RunRow

_MS = "(julianday({end}) - julianday({begin})) * 86400000.0"
_RUN_MS = (
    f"select avg(ms) from (select {_MS.format(end='completed_at', begin='started_at')} as ms from run "
    "where completed_at is not null and started_at is not null and state in ('succeeded', 'failed') "
    "order by completed_at desc limit ?)"
)
_WAIT_MS = (
    f"select avg(ms) from (select {_MS.format(end='started_at', begin='queued_at')} as ms from run "
    "where started_at is not null order by started_at desc limit ?)"
)


@dataclass(frozen=True, slots=True)
class QueueFacts:
    """The queue at one moment: its figures, its engines, and the rows of everything that waits, next first."""

    stats: QueueStats
    engines: tuple[EngineRow, ...]
    waiting: tuple[RunRow, ...]

    def place(self, row: RunRow) -> QueuePlace:
        """Where a run stands."""
        return place_of(row, self.stats, len([each for each in self.waiting if each.position is not None]))


def read_settings(index: Index) -> QueueSettings:
    """What operators set."""
    found = {str(row[0]): str(row[1]) for row in index.read("select name, value from setting")}
    pause = None
    if "pause" in found:
        reason, by, since = cast("list[str]", json.loads(found["pause"]))
        pause = Pause(reason, by, since)
    return QueueSettings(int(found.get("capacity", DEFAULT_CAPACITY)), pause)


def read_stats(index: Index, engines: Sequence[EngineRow]) -> QueueStats:
    """The figures of the queue. `engines` are those that live."""
    settings = read_settings(index)
    waiting = int(index.read("select count(*) from job where state='queued' and not resumed")[0][0])
    return QueueStats(
        waiting=waiting,
        running=index.jobs("claimed"),
        max_concurrent=sum(engine.slots for engine in engines if not engine.draining),
        average_wait_ms=_rounded(index.read(_WAIT_MS, HISTORY)[0][0]),
        mean_run_ms=_rounded(index.read(_RUN_MS, HISTORY)[0][0]),
        max_queue_size=settings.capacity,
        accepting=waiting < settings.capacity,
        pause=settings.pause,
    )


def read_queue(index: Index) -> QueueFacts:
    """Everything about the queue."""
    engines = engine_rows(index.layout)
    rows = index.rows(where="job.state='queued'")
    rows.sort(key=lambda row: (row.position is None, row.position or 0, -row.priority, row.queued_at, row.id))
    return QueueFacts(read_stats(index, engines), tuple(engines), tuple(rows))


def read_place(index: Index, run_id: str) -> QueuePlace | None:
    """Where one run stands; None when the index does not know it."""
    row = index.row(run_id)
    if row is None:
        return None
    startable = int(index.read("select count(*) from startable")[0][0])
    return place_of(row, read_stats(index, engine_rows(index.layout)), startable)


def place_of(row: RunRow, stats: QueueStats, startable: int) -> QueuePlace:
    """Where a run stands, `startable` runs being able to start. One that cannot start has no position."""
    state: Literal["waiting", "running", "ended"]
    if row.state in ("succeeded", "failed", "canceled"):
        state, position, ahead, wait = "ended", None, 0, None
    elif row.position is not None:
        ahead = row.position - 1
        state, position = "waiting", row.position
        paused = stats.pause is not None and row.started_at is None
        wait = estimated_wait_ms(
            ahead, slots=stats.max_concurrent, free=stats.free_slots, mean_run_ms=stats.mean_run_ms
        )
        wait = None if paused else wait
    elif row.state == "queued" and row.waiting is not None:
        state, position, ahead, wait = "waiting", None, startable, None
    else:
        state, position, ahead, wait = "running", 0, 0, 0
    return QueuePlace(row.id, state, position, ahead, wait, row.queued_at, row.priority, row.waiting)


def _rounded(value: float | None) -> int | None:
    return None if value is None else max(0, round(value))
