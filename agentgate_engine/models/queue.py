"""The queue in figures: places, waits, health. Plain values, so that reading the queue needs no pydantic."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

DEFAULT_CAPACITY = 100
HISTORY = 50
"""How many of the newest runs an average is taken over."""

FULLISH = 0.8
"""The share of the capacity above which the queue is said to be degraded."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing new starts, by an operator's wish. `since` is UTC ISO."""

    reason: str
    by: str
    since: str

    @property
    def words(self) -> str:
        """One sentence for people."""
        return f"the queue is paused by {self.by}" + (f": {self.reason}" if self.reason else "")


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """What operators set for the whole store."""

    capacity: int = DEFAULT_CAPACITY
    pause: Pause | None = None


@dataclass(frozen=True, slots=True)
class StartWait:
    """Why an engine starts nothing new at the moment. `until` (UTC ISO) is set where the wait ends by itself."""

    kind: Literal["memory", "disk", "stagger"]
    reason: str
    until: str | None = None

    @property
    def words(self) -> str:
        return f"{self.kind}: {self.reason}"


@dataclass(frozen=True, slots=True)
class QueueStats:
    """The whole queue. `max_concurrent` is the sum of the slots of the living engines; means are over the last 50."""

    waiting: int
    running: int
    max_concurrent: int
    average_wait_ms: int | None
    mean_run_ms: int | None
    max_queue_size: int
    accepting: bool
    pause: Pause | None = None

    @property
    def free_slots(self) -> int:
        return max(0, self.max_concurrent - self.running)

    def as_json(self) -> dict[str, object]:
        """The names that upstream's queue used, and ours beside them."""
        return {
            "waiting": self.waiting,
            "running": self.running,
            "maxConcurrent": self.max_concurrent,
            "averageWaitMs": self.average_wait_ms,
            "meanRunMs": self.mean_run_ms,
            "maxQueueSize": self.max_queue_size,
            "accepting": self.accepting,
            "paused": None
            if self.pause is None
            else {"reason": self.pause.reason, "by": self.pause.by, "since": self.pause.since},
        }


@dataclass(frozen=True, slots=True)
class QueuePlace:
    """Where one run stands. `position` is 1 for the next to start, 0 for one that runs, null for one that cannot start.

    `ahead` counts the runs that start before it; `waiting` says what else holds it, as `kind: reason`.
    """

    run_id: str
    state: Literal["waiting", "running", "ended"]
    position: int | None
    ahead: int
    estimated_wait_ms: int | None
    enqueued_at: str
    priority: int
    waiting: str | None

    def as_json(self) -> dict[str, object]:
        return {
            "runId": self.run_id,
            "state": self.state,
            "position": self.position,
            "ahead": self.ahead,
            "estimatedWaitMs": self.estimated_wait_ms,
            "enqueuedAt": self.enqueued_at,
            "priority": self.priority,
            "waiting": self.waiting,
        }


@dataclass(frozen=True, slots=True)
class QueueHealth:
    """`degraded` above 80 % full, `unhealthy` when no further order is accepted. `notes` is what else to know."""

    state: Literal["healthy", "degraded", "unhealthy"]
    reason: str
    notes: tuple[str, ...] = ()


def estimated_wait_ms(ahead: int, *, slots: int, free: int, mean_run_ms: float | None) -> int | None:
    """How long a run with `ahead` runs before it will wait: whole rounds of the slots, each as long as runs took.

    0 where a free slot is left for it; None where nothing is known: no slot at all, or no run that ended.
    """
    if ahead < free:
        return 0
    if slots < 1 or mean_run_ms is None:
        return None
    return round(math.ceil((ahead + 1) / slots) * mean_run_ms)


def health_of(stats: QueueStats) -> QueueHealth:
    """Whether the queue can take what comes."""
    notes: list[str] = []
    if stats.pause is not None:
        notes.append(stats.pause.words)
    if stats.max_concurrent == 0:
        notes.append("no engine is alive: start one with `agentgate serve`")
    full = f"{stats.waiting} of {stats.max_queue_size} places are taken"
    if not stats.accepting:
        return QueueHealth("unhealthy", f"no further order is accepted: {full}", tuple(notes))
    if stats.waiting > FULLISH * stats.max_queue_size:
        return QueueHealth("degraded", full, tuple(notes))
    return QueueHealth("healthy", full, tuple(notes))
