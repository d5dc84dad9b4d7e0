"""The figures of the queue: how long a wait will be, and whether the queue can take what comes."""

from __future__ import annotations

import pytest

from agentgate_engine.models.queue import Pause, QueueStats, estimated_wait_ms, health_of


@pytest.mark.parametrize(
    ("ahead", "slots", "free", "mean", "expected"),
    [
        (0, 2, 1, None, 0),
        (0, 2, 2, 60_000.0, 0),
        (1, 2, 2, 60_000.0, 0),
        (0, 2, 0, 60_000.0, 60_000),
        (1, 2, 0, 60_000.0, 60_000),
        (2, 2, 0, 60_000.0, 120_000),
        (4, 2, 1, 60_000.0, 180_000),
        (9, 1, 0, 100.0, 1000),
        (0, 2, 0, None, None),
        (3, 2, 1, None, None),
        (0, 0, 0, 60_000.0, None),
    ],
)
def test_the_wait_is_whole_rounds_of_the_slots(
    ahead: int, slots: int, free: int, mean: float | None, expected: int | None
) -> None:
    """upstream.md 7.3 and 7.4: ceil((ahead + 1) / slots) times the mean duration of a run; 0 for the head with a free
    slot, null without history."""
    assert estimated_wait_ms(ahead, slots=slots, free=free, mean_run_ms=mean) == expected


def stats(waiting: int, *, capacity: int = 100, slots: int = 2, pause: Pause | None = None) -> QueueStats:
    return QueueStats(waiting, 0, slots, None, None, capacity, accepting=waiting < capacity, pause=pause)


@pytest.mark.parametrize(
    ("waiting", "capacity", "state"),
    [(0, 100, "healthy"), (80, 100, "healthy"), (81, 100, "degraded"), (99, 100, "degraded"), (100, 100, "unhealthy")],
)
def test_health_is_told_by_how_full_the_queue_is(waiting: int, capacity: int, state: str) -> None:
    """upstream.md 7.9: healthy; degraded above 80 % full; unhealthy when not accepting."""
    found = health_of(stats(waiting, capacity=capacity))
    assert found.state == state
    assert f"{waiting} of {capacity}" in found.reason


def test_health_notes_a_pause_and_that_nobody_works() -> None:
    found = health_of(stats(1, slots=0, pause=Pause("freeze", "olga@here", "2026-01-01T00:00:00.000Z")))
    assert found.notes[0] == "the queue is paused by olga@here: freeze"
    assert "agentgate serve" in found.notes[1]


def test_a_queue_over_its_new_capacity_has_no_room_and_no_negative_slots() -> None:
    assert health_of(stats(7, capacity=3)).state == "unhealthy"
    assert QueueStats(0, 5, 2, None, None, 100, accepting=True).free_slots == 0
