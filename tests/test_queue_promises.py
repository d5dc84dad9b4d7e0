"""What the queue promises an operator: how much it holds, who waits for what and how long, and that wishes count."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from agentgate_engine.clock import Clock
from agentgate_engine.commands.queue import hold, pause_queue, release, reprioritise, resume_queue, set_capacity
from agentgate_engine.errors import UsageError
from agentgate_engine.models.events import RunStarted
from agentgate_engine.models.ids import RunId, order_of
from agentgate_engine.models.queue import StartWait
from agentgate_engine.store.index import Index
from agentgate_engine.store.queue_reader import read_place, read_queue, read_stats
from agentgate_engine.store.store import Store
from agentgate_engine.work_order_queue import QueueFull, WorkOrderQueue

from .store.support import queued, run_id, write_run
from .test_work_order_queue import fill, positions


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.create_or_open(tmp_path / "store")


def test_three_priorities_come_out_in_their_order(store: Store) -> None:
    """upstream.md 7.2: 0, 10, 5 -> order 10, 5, 0."""
    a, b, c = fill(store, 0, 10, 5)
    index = Index.open_writable(store.layout)
    queue = WorkOrderQueue(index)
    assert [claim.run_id for _ in range(3) if (claim := queue.claim("e-1"))] == [b, c, a]
    index.close()


def test_the_101st_waiting_order_is_refused_and_named(store: Store) -> None:
    """upstream.md 7.1: the 101st waiting order is refused with QUEUE_FULL text naming the size."""
    index = Index.open_writable(store.layout)
    born = write_run(store, index, run_id(0), queued())
    queue = WorkOrderQueue(index)
    for number in range(100):
        queue.enqueue(born.model_copy(update={"id": run_id(number)}))
    with pytest.raises(QueueFull, match=r"QUEUE_FULL: 100 orders wait and the queue holds 100"):
        queue.enqueue(born.model_copy(update={"id": run_id(100)}))
    assert QueueFull("").exit_code == 2
    assert index.jobs("queued") == 100
    assert index.row(run_id(100)) is None, "nothing is left behind"
    assert not read_stats(index, []).accepting
    assert queue.claim("e-1")
    queue.enqueue(born.model_copy(update={"id": run_id(100)}))
    queue.enqueue(born.model_copy(update={"id": run_id(100)}))
    index.close()


ENQUEUER = """\
import json, sys
from pathlib import Path
from agentgate_engine.models.run import Run
from agentgate_engine.store.index import Index
from agentgate_engine.store.store import Store
from agentgate_engine.work_order_queue import QueueFull, WorkOrderQueue
index = Index.open_writable(Store.open(Path(sys.argv[1])).layout)
taken = 0
for name in sys.argv[3:]:
    times = {"queued_at": "2026-01-01T00:00:00.000Z", "updated_at": ""}
    run = Run(id=name, work_order_id=name[:8], base_commit="", max_iterations=1, **times)
    try:
        WorkOrderQueue(index).enqueue(run)
        taken += 1
    except QueueFull:
        pass
print(taken)
"""


def test_submits_at_the_same_time_never_exceed_the_capacity(store: Store) -> None:
    """upstream.md 7.1: the check is part of the transaction that adds."""
    set_capacity(store, Clock(), 10)
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", ENQUEUER, str(store.layout.root), "x", *(run_id(n * 10 + k) for k in range(8))],
            stdout=subprocess.PIPE,
            text=True,
        )
        for n in range(3)
    ]
    try:
        taken = [int(worker.communicate(timeout=60)[0]) for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
    index = Index.open_readonly(store.layout)
    assert (sum(taken), index.jobs("queued")) == (10, 10)
    index.close()


def test_a_position_says_what_is_ahead_and_how_long_it_will_be(store: Store) -> None:
    """upstream.md 7.3: position (1 = next, 0 running), ahead, estimatedWaitMs, state, enqueuedAt."""
    a, b, c = fill(store, 0, 0, 0)
    index = Index.open_writable(store.layout)
    queue = WorkOrderQueue(index)
    assert queue.claim("e-1")
    write_run(store, index, a, RunStarted(engine="e-1"), fence=1)
    first, last = read_place(index, a), read_place(index, c)
    assert first is not None
    assert last is not None
    assert (first.state, first.position, first.ahead) == ("running", 0, 0)
    assert (last.state, last.position, last.ahead, last.estimated_wait_ms) == ("waiting", 2, 1, None)
    assert last.enqueued_at == store.read_run(c).queued_at
    assert read_place(index, run_id(99)) is None
    assert [row.id for row in read_queue(index).waiting] == [b, c]
    index.close()


def test_the_estimate_is_made_of_the_newest_50_durations_of_runs(store: Store) -> None:
    """upstream.md 7.4: of run durations, not of waits; those that were canceled say nothing."""
    (a,) = fill(store, 0)
    index = Index.open_writable(store.layout)
    insert = (
        "insert into run select ?, order_id, ?, result, title, repository, agent, iteration, max_iterations, levels,"
        " now, waiting, error_type, error, tool_calls, tokens, cost_usd, ?, ?, ?, updated_at, engine, fence, warnings,"
        " waiting_until, retried from run where id=?"
    )
    with index.transaction() as database:
        for number in range(1, 60):
            seconds = 40 if number < 10 else 4
            day = f"2026-01-01T00:{number:02d}"
            ended = "canceled" if number == 59 else "failed" if number % 2 else "succeeded"
            end = f"{day}:{seconds + 10:02d}.500Z" if number < 59 else f"2026-01-01T09:{number}:00.000Z"
            times = (f"{day}:08.500Z", f"{day}:10.500Z", end)
            database.execute(insert, (run_id(number), ended, *times, a))
    stats = read_stats(index, [])
    assert stats.mean_run_ms == round((49 * 4000 + 40_000) / 50)
    assert stats.average_wait_ms == 2000
    index.close()


def test_the_figures_follow_what_happens(store: Store) -> None:
    """upstream.md 7.5: waiting, running, maxConcurrent, averageWaitMs, maxQueueSize, accepting."""
    fill(store, 0, 0, 0)
    set_capacity(store, Clock(), 3)
    index = Index.open_writable(store.layout)
    queue = WorkOrderQueue(index)

    def figures() -> tuple[int, int, bool]:
        stats = read_stats(index, [])
        assert stats.as_json().keys() >= {"maxConcurrent", "averageWaitMs", "maxQueueSize"}
        return stats.waiting, stats.running, stats.accepting

    assert figures() == (3, 0, False)
    claim = queue.claim("e-1")
    assert claim is not None
    assert figures() == (2, 1, True)
    queue.complete(claim)
    assert figures() == (2, 0, True)
    index.close()


def test_freeing_two_slots_starts_two_and_freeing_one_starts_one(store: Store) -> None:
    """upstream.md 7.6: every freed slot is filled, as long as something waits."""
    runs = fill(store, 0, 0, 0, 0, 0)
    index = Index.open_writable(store.layout)
    queue = WorkOrderQueue(index)
    first, second = queue.claim("e-1"), queue.claim("e-1")
    assert first is not None
    assert second is not None
    assert queue.heads(2).runs == runs[2:4]
    queue.complete(first)
    queue.complete(second)
    third, fourth = queue.claim("e-1"), queue.claim("e-1")
    assert third is not None
    assert fourth is not None
    assert (third.run_id, fourth.run_id) == (runs[2], runs[3])
    queue.complete(fourth)
    assert [positions(index)[run] for run in runs] == [None, None, None, None, 1], "places move up"
    index.close()


class Ticking(Clock):
    """A clock that is set by hand, both of its hands apart."""

    wall, steady = 1_000_000.0, 50.0

    def now(self) -> float:
        return Ticking.wall

    def monotonic(self) -> float:
        return Ticking.steady


def test_an_order_is_overdue_by_elapsed_time_and_not_by_the_time_of_day(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """upstream.md 7.7; a clock that jumps a day expires nothing (durability.md 1.1, fault 8)."""
    index = Index.open_writable(store.layout)
    clock = Ticking()
    queue = WorkOrderQueue(index, clock)
    queue.enqueue(write_run(store, index, run_id(0), queued()), max_wait_s=10)
    queue.enqueue(write_run(store, index, run_id(1), queued()), max_wait_s=30)
    queue.enqueue(write_run(store, index, run_id(2), queued()))
    monkeypatch.setattr(Ticking, "wall", 1_000_000.0 + 86_400)
    assert queue.overdue() == []
    monkeypatch.setattr(Ticking, "steady", 61.0)
    (late,) = queue.overdue()
    assert (late.run_id, late.waited_s, late.limit_s) == (run_id(0), 11.0, 10.0)
    monkeypatch.setattr(Ticking, "steady", 100.0)
    assert [each.run_id for each in queue.overdue()] == [run_id(0), run_id(1)]
    claim = queue.take(run_id(0), "e-1")
    assert claim is not None
    assert queue.take(run_id(0), "e-2") is None, "one engine ends it"
    assert [each.run_id for each in queue.overdue()] == [run_id(1)]
    index.close()


def test_an_order_waits_for_those_it_depends_on(store: Store) -> None:
    """It starts when the newest run of each of them has passed; a failed one leaves it waiting, and saying so."""
    index = Index.open_writable(store.layout)
    queue = WorkOrderQueue(index)
    first, second, later = run_id(0), run_id(1), run_id(2)
    for run in (first, second):
        queue.enqueue(write_run(store, index, run, queued()))
    born = write_run(store, index, later, queued(priority=50))
    queue.enqueue(born, priority=50, after=[order_of(first), order_of(second)])
    gone = run_id(7)
    queue.enqueue(write_run(store, index, run_id(3), queued()), after=[order_of(gone)])

    def waits(run: RunId) -> str | None:
        row = index.row(run)
        assert row is not None
        return row.waiting

    assert positions(index)[later] is None
    assert waits(later) == f"dependency: waits for {order_of(first)}, waits for {order_of(second)}"
    assert waits(run_id(3)) == f"dependency: {order_of(gone)} is gone; cancel this order"
    assert index.awaited_orders() == {order_of(first), order_of(second), order_of(gone)}
    with index.transaction() as database:
        database.execute("update run set state='succeeded', result='passed' where id=?", (first,))
        database.execute("update run set state='failed', result='failed_build' where id=?", (second,))
    failed = f"{order_of(second)} failed; requeue it or cancel this order"
    assert waits(later) == f"dependency: {failed}"
    again = RunId(f"{order_of(second)}.10")
    queue.enqueue(write_run(store, index, again, queued()))
    assert waits(later) == f"dependency: waits for {order_of(second)}"
    with index.transaction() as database:
        database.execute("update run set state='succeeded', result='passed' where id=?", (again,))
    assert waits(later) is None
    claim = queue.claim("e-1")
    assert claim is not None
    assert claim.run_id == later
    index.close()


def test_a_paused_queue_says_why_in_every_row_and_starts_again(store: Store) -> None:
    """upstream.md 8: pause the queue, and see why nothing starts."""
    a, b = fill(store, 0, 0)
    pause_queue(store, Clock(), reason="release freeze")
    index = Index.open_writable(store.layout)
    row, place = index.row(a), read_place(index, a)
    assert row is not None
    assert place is not None
    assert (row.waiting or "").startswith("operator: the queue is paused by ")
    assert (row.waiting or "").endswith(": release freeze")
    assert (place.position, place.estimated_wait_ms) == (1, None)
    assert WorkOrderQueue(index).heads(2).pause is not None
    resume_queue(store, Clock())
    assert WorkOrderQueue(index).heads(2).pause is None
    assert {row.waiting for row in index.rows()} == {None}
    index.close()
    assert b


def test_a_held_order_is_passed_over_until_it_is_released(store: Store) -> None:
    a, b = fill(store, 0, 0)
    place = hold(store, a, Clock(), reason="ask Olga first")
    assert place.position is None
    assert (place.waiting or "").endswith(": ask Olga first")
    index = Index.open_writable(store.layout)
    assert positions(index) == {a: None, b: 1}
    assert release(store, a, Clock()).position == 1
    assert positions(index) == {a: 1, b: 2}
    index.close()


def test_another_priority_moves_a_waiting_order_and_only_that(store: Store) -> None:
    """upstream.md 8: change priority."""
    a, b, c = fill(store, 0, 0, 0)
    assert reprioritise(store, c, Clock(), 7).position == 1
    index = Index.open_writable(store.layout)
    assert positions(index) == {c: 1, a: 2, b: 3}
    claim = WorkOrderQueue(index).claim("e-1")
    assert claim is not None
    with pytest.raises(UsageError, match="has begun"):
        reprioritise(store, c, Clock(), 1)
    WorkOrderQueue(index).complete(claim)
    with pytest.raises(UsageError, match="agentgate requeue"):
        hold(store, c, Clock())
    with pytest.raises(UsageError, match="between"):
        reprioritise(store, a, Clock(), 1001)
    index.close()


def test_why_nothing_starts_stands_in_the_rows_of_the_next_and_goes_again(store: Store) -> None:
    """upstream.md L8: the reason is shown."""
    a, b, c = fill(store, 0, 0, 0)
    index = Index.open_writable(store.layout)
    queue = WorkOrderQueue(index)

    def waits() -> list[tuple[str | None, str | None]]:
        rows = {row.id: row for row in index.rows()}
        return [(rows[run].waiting, rows[run].waiting_until) for run in (a, b, c)]

    queue.tell_waiting([a, b], StartWait("memory", "812 MB free, 2048 MB needed"))
    reason = ("memory: 812 MB free, 2048 MB needed", None)
    assert waits() == [reason, reason, (None, None)]
    queue.tell_waiting([b], StartWait("stagger", "starts are 30 s apart", "2026-01-01T00:00:30.000Z"))
    assert waits()[:2] == [(None, None), ("stagger: starts are 30 s apart", "2026-01-01T00:00:30.000Z")]
    assert queue.claim("e-1")
    assert queue.claim("e-1")
    assert waits() == [(None, None)] * 3, "who was claimed waits no more"
    index.close()
