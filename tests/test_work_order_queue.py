"""The queue: who is next, that a claim belongs to one, and that whoever lost it is told so."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from agentgate_engine.clock import Clock
from agentgate_engine.commands.queue import set_capacity
from agentgate_engine.models.events import RunStarted
from agentgate_engine.models.ids import RunId
from agentgate_engine.store.index import Index
from agentgate_engine.store.run_reducer import replay
from agentgate_engine.store.store import Store
from agentgate_engine.work_order_queue import Fenced, WorkOrderQueue

from .store.support import open_store, queued, run_id, write_run


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.create_or_open(tmp_path / "store")


def fill(store: Store, *priorities: int) -> list[RunId]:
    """Queue a run for each priority, in this order."""
    index = Index.open_writable(store.layout)
    queue = WorkOrderQueue(index)
    runs: list[RunId] = []
    for number, priority in enumerate(priorities):
        run = write_run(store, index, run_id(number), queued(priority=priority))
        queue.enqueue(run, priority=priority)
        runs.append(run_id(number))
    index.close()
    return runs


def positions(index: Index) -> dict[str, int | None]:
    return {row.id: row.position for row in index.rows()}


def test_higher_priority_goes_first_and_arrival_within(store: Store) -> None:
    """upstream.md 7.2: higher priority first, first in first out within."""
    a, b, c, d = fill(store, 0, 5, 0, 5)
    index = Index.open_writable(store.layout)
    assert positions(index) == {b: 1, d: 2, a: 3, c: 4}
    row = index.row(c)
    assert row is not None
    assert row.position == 4, "asked for alone it has the same place"
    queue = WorkOrderQueue(index)
    assert [claim.run_id for _ in range(4) if (claim := queue.claim("e-1"))] == [b, d, a, c]
    assert queue.claim("e-1") is None
    index.close()


def test_what_a_dead_engine_began_goes_before_everything(store: Store) -> None:
    a, b, c = fill(store, 0, 9, 0)
    index = Index.open_writable(store.layout)
    queue = WorkOrderQueue(index)
    assert [queue.claim("dead"), queue.claim("dead"), queue.claim("alive")]
    write_run(store, index, a, RunStarted(engine="dead"), fence=1)
    assert sorted(queue.requeue_of_the_dead(lambda engine: engine == "alive")) == sorted([b, a])
    first, second = queue.claim("new"), queue.claim("new")
    assert first is not None
    assert second is not None
    assert [(claim.run_id, claim.fence, claim.resumed) for claim in (first, second)] == [(a, 2, True), (b, 2, False)]
    assert queue.unfinished() == 3
    assert c in positions(index)
    index.close()


def test_a_claim_that_was_taken_over_can_end_nothing(store: Store) -> None:
    fill(store, 0)
    index = Index.open_writable(store.layout)
    queue = WorkOrderQueue(index)
    old = queue.claim("zombie")
    assert old is not None
    queue.requeue_of_the_dead(lambda engine: False)
    new = queue.claim("heir")
    assert new is not None
    assert new.fence > old.fence
    with pytest.raises(Fenced):
        queue.complete(old)
    queue.give_back(old)
    assert queue.claim("third") is None, "a zombie cannot give back what is not its own any more"
    queue.complete(new)
    with pytest.raises(Fenced):
        queue.complete(new)
    queue.give_back(new)
    assert queue.unfinished() == 0, "what has ended cannot be given back"
    index.close()


def test_what_others_work_does_not_count_as_ours(store: Store) -> None:
    fill(store, 0, 0, 0)
    index = Index.open_writable(store.layout)
    queue = WorkOrderQueue(index)
    assert [queue.claim("ours"), queue.claim("theirs")]
    assert queue.unfinished() == 3
    assert queue.unfinished(lambda owner: owner == "ours") == 2
    index.close()


def test_queueing_twice_is_no_error_and_changes_no_place(store: Store) -> None:
    (a, b) = fill(store, 0, 0)
    index = Index.open_writable(store.layout)
    queue = WorkOrderQueue(index)
    queue.enqueue(store.read_run(a), priority=0)
    assert positions(index) == {a: 1, b: 2}
    index.close()


WORKER = """\
import json, sys
from pathlib import Path
from agentgate_engine.store.index import Index
from agentgate_engine.store.store import Store
from agentgate_engine.work_order_queue import WorkOrderQueue
index = Index.open_writable(Store.open(Path(sys.argv[1])).layout)
queue = WorkOrderQueue(index)
mine = []
while (claim := queue.claim(sys.argv[2])) is not None:
    mine.append((claim.run_id, claim.fence))
    queue.complete(claim)
print(json.dumps(mine))
"""


def test_four_processes_claim_200_jobs_each_exactly_once(store: Store) -> None:
    """upstream.md 7.10: a claim is atomic across processes."""
    set_capacity(store, Clock(), 200)
    index = Index.open_writable(store.layout)
    born = write_run(store, index, run_id(0), queued())
    queue = WorkOrderQueue(index)
    for number in range(200):
        queue.enqueue(born.model_copy(update={"id": run_id(number)}), priority=number % 3)
    index.close()
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(store.layout.root), f"e-{n}"], stdout=subprocess.PIPE, text=True
        )
        for n in range(4)
    ]
    claims: list[tuple[str, int]] = []
    try:
        for worker in workers:
            out, _ = worker.communicate(timeout=120)
            assert worker.returncode == 0
            claims += [(run, fence) for run, fence in json.loads(out)]
    finally:
        for worker in workers:
            worker.kill()
    assert Counter(run for run, _ in claims) == {run_id(number): 1 for number in range(200)}
    assert {fence for _, fence in claims} == {1}


def test_a_long_queue_tells_its_places_quickly(tmp_path: Path) -> None:
    """Places were counted anew for each row: 3,000 waiting runs took 4.5 million comparisons."""
    store, index = open_store(tmp_path / "store")
    born = write_run(store, index, run_id(0), queued())
    with index.transaction() as database:
        database.execute("insert into job(run_id, state, queued_at) values (?, 'queued', '')", (born.id,))
        for number in range(1, 3000):
            database.execute(
                "insert into run select ?, order_id, state, result, title, repository, agent, iteration, "
                "max_iterations, levels, now, waiting, error_type, error, tool_calls, tokens, cost_usd, queued_at, "
                "started_at, completed_at, updated_at, engine, fence, warnings, waiting_until, retried "
                "from run where id=?",
                (run_id(number), born.id),
            )
            database.execute("insert into job(run_id, state, queued_at) values (?, 'queued', '')", (run_id(number),))
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    index._connection.set_progress_handler(count, 1000)
    assert {row.id: row.position for row in index.rows()} == {run_id(n): n + 1 for n in range(3000)}
    assert steps < 1000, "a million steps of the database"
    index.close()
    assert replay([]) is None
