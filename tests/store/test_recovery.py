"""Files are the truth: the index can be lost, broken or behind, and is made again from them."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path

import pytest

from agentgate_engine.clock import Clock
from agentgate_engine.errors import AgentGateError, LockHeld, StoreError
from agentgate_engine.models.build_error import BuildError, BuildErrorType
from agentgate_engine.models.events import RunFailed, RunStarted
from agentgate_engine.models.ids import RunId, order_of
from agentgate_engine.models.run_state import RunResult, Step
from agentgate_engine.result_persister import ResultPersister
from agentgate_engine.store.index import Index, delete_index
from agentgate_engine.store.locks import FileLock
from agentgate_engine.store.recovery import forget_dead_engines, queue_the_stranded, rebuild_index
from agentgate_engine.store.store import Store
from agentgate_engine.work_order_queue import WorkOrderQueue

from .support import open_store, queued, run_id, write_run

WAITING, BEGUN, ENDED = (run_id(n) for n in range(3))
FAILED = RunFailed(
    result=RunResult.FAILED_ERROR,
    step=Step.SYSTEM_ERROR,
    error=BuildError(type=BuildErrorType.SYSTEM_ERROR, message="no", phase="queued", failed_at="2026-01-01T00:00:00Z"),
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """One run that waits with priority 4, one that an engine began under fence 6, one that failed."""
    store, index = open_store(tmp_path / "store")
    write_run(store, index, WAITING, queued(priority=4))
    write_run(store, index, BEGUN, queued(), RunStarted(engine="e-1"), fence=6)
    write_run(store, index, ENDED, queued(), FAILED, fence=2)
    index.close()
    delete_index(store.layout)
    return store


def look(store: Store) -> dict[str, tuple[str, int | None, int]]:
    index = Index.open_writable(store.layout)
    try:
        return {row.id: (row.state, row.position, row.priority) for row in index.rows()}
    finally:
        index.close()


EXPECTED = {WAITING: ("queued", 2, 4), BEGUN: ("queued", 1, 0), ENDED: ("failed", None, 0)}


def test_a_deleted_index_is_made_again_and_again_the_same(store: Store) -> None:
    for _ in range(2):
        rebuilt = rebuild_index(store)
        assert (rebuilt.indexed, rebuilt.queued, rebuilt.unreadable) == (3, 2, [])
        assert look(store) == EXPECTED


def test_every_fence_after_a_rebuild_is_above_any_before(store: Store) -> None:
    rebuild_index(store)
    index = Index.open_writable(store.layout)
    claim = WorkOrderQueue(index).claim("e-2")
    index.close()
    assert claim is not None
    assert (claim.run_id, claim.resumed) == (BEGUN, True)
    assert claim.fence > 6


@pytest.mark.parametrize("damage", [b"", b"no database" * 1000], ids=["emptied", "overwritten"])
def test_a_broken_index_is_made_again(store: Store, damage: bytes) -> None:
    store.layout.index.write_bytes(damage)
    rebuild_index(store)
    assert look(store) == EXPECTED


def test_an_index_of_a_newer_version_is_refused(store: Store) -> None:
    index = Index.open_writable(store.layout)
    with index.transaction() as database:
        database.execute("pragma user_version=99")
    index.close()
    with pytest.raises(StoreError, match="newer"):
        Index.open_writable(store.layout)


def test_the_index_is_not_made_again_under_a_living_engine(store: Store) -> None:
    with (
        FileLock.acquire(store.layout.engine_lock("e-1")),
        pytest.raises(AgentGateError, match="e-1"),
    ):
        rebuild_index(store)


def test_a_run_that_cannot_be_read_keeps_no_other_from_being_indexed(store: Store) -> None:
    store.layout.run(BEGUN).events.write_bytes(b"garbage\n")
    rebuilt = rebuild_index(store)
    assert [run for run, _ in rebuilt.unreadable] == [BEGUN]
    assert look(store).keys() == {WAITING, ENDED}


def test_a_run_whose_row_was_never_written_is_queued(store: Store) -> None:
    index = Index.open_writable(store.layout)
    for run in (WAITING, BEGUN, ENDED):
        index.forget(run)
    for _ in range(2):
        queue_the_stranded(store, index)
    index.close()
    assert look(store) == EXPECTED


def test_a_run_that_has_a_row_but_no_job_is_queued(store: Store) -> None:
    """The first event makes the run's row; a submit that was killed right after it was never worked."""
    rebuild_index(store)
    index = Index.open_writable(store.layout)
    write_run(store, index, run_id(5), queued(priority=9))
    assert queue_the_stranded(store, index).queued == 1
    assert queue_the_stranded(store, index).indexed == 0
    row = index.row(run_id(5))
    index.close()
    assert row is not None
    assert (row.position, row.priority) == (2, 9)


def test_a_run_whose_writer_is_alive_is_not_queued_under_its_hands(store: Store) -> None:
    index = Index.open_writable(store.layout)
    with index.transaction() as database:
        database.execute("delete from job")
    with FileLock.acquire(store.layout.run(WAITING).lock):
        assert queue_the_stranded(store, index).indexed == 2
    assert queue_the_stranded(store, index).indexed == 1
    index.close()


def test_a_rebuild_keeps_the_order_of_arrival(store: Store) -> None:
    """Ids are random: their order is none."""
    index = Index.open_writable(store.layout)
    for number in (9, 8, 7):
        time.sleep(0.002)
        write_run(store, index, run_id(number), queued())
    index.close()
    rebuild_index(store)
    found = look(store)
    assert [found[run_id(number)][1] for number in (9, 8, 7)] == [3, 4, 5]


def test_the_directory_of_a_submit_that_has_no_lock_yet_is_left_alone(store: Store) -> None:
    """A starting engine removed it between its making and its lock: 40 of 137 submits failed under stress."""
    unborn = store.layout.run(run_id(9))
    unborn.directory.mkdir()
    index = Index.open_writable(store.layout)
    assert queue_the_stranded(store, index).unreadable == []
    assert unborn.directory.exists()
    os.utime(unborn.directory, (0, 0))
    queue_the_stranded(store, index)
    index.close()
    assert not unborn.directory.exists()


def test_a_submit_killed_before_its_first_event_is_removed(store: Store) -> None:
    unborn = store.layout.run(run_id(9))
    order = store.layout.work_order(order_of(run_id(9)))
    unborn.directory.mkdir()
    unborn.processes.mkdir()
    for path in (unborn.lock, unborn.gate_plan, order, unborn.directory / ".profile.json.0a1b.tmp"):
        path.write_bytes(b"{}")
    os.utime(unborn.directory, (0, 0))
    index = Index.open_writable(store.layout)
    with FileLock.acquire(unborn.lock):
        queue_the_stranded(store, index)
        assert unborn.directory.exists(), "its submit is still under way"
    assert queue_the_stranded(store, index).unreadable == []
    index.close()
    assert not unborn.directory.exists()
    assert not order.exists()


@pytest.mark.parametrize("evidence", ["run.json", "agent-1.json", "processes/1-agent-1-1"])
def test_a_run_that_lost_its_events_is_never_removed(store: Store, evidence: str) -> None:
    layout = store.layout.run(run_id(9))
    (layout.directory / evidence).mkdir(parents=True)
    index = Index.open_writable(store.layout)
    queue_the_stranded(store, index)
    index.close()
    assert (layout.directory / evidence).exists()


def test_dead_engines_are_forgotten_and_living_ones_are_not(store: Store) -> None:
    """upstream.md L7: cleanup skips anything with an owner."""
    for name in ("e-dead", "e-alive"):
        store.layout.engine_record(name).write_bytes(b"{}")
        store.layout.engine_lock(name).touch()
    starting = store.layout.engine_lock("e-starting")
    starting.touch()
    with FileLock.acquire(store.layout.engine_lock("e-alive")):
        forget_dead_engines(store.layout)
    left = {path.name for path in store.layout.engines.iterdir()}
    assert left == {"e-alive.json", "e-alive.lock", starting.name}


def test_taking_a_run_over_brings_run_json_and_index_to_its_events(store: Store) -> None:
    """The last writer was killed between its event and what follows from it."""
    layout = store.layout.run(ENDED)
    layout.summary.write_bytes(store.layout.run(WAITING).summary.read_bytes().replace(WAITING.encode(), ENDED.encode()))
    (layout.directory / ".run.json.00ff.tmp").write_bytes(b"half")
    index = Index.open_writable(store.layout)
    ResultPersister.open(store, index, Clock(), ENDED, fence=3).close()
    row = index.row(ENDED)
    index.close()
    assert row is not None
    assert (row.state, row.error_type) == ("failed", "system_error")
    assert store.read_run(ENDED).result == "failed_error"
    assert list(layout.directory.glob(".*")) == []


def test_a_run_has_one_writer(store: Store) -> None:
    index = Index.open_writable(store.layout)
    first = ResultPersister.open(store, index, Clock(), WAITING, fence=1)
    with pytest.raises(LockHeld):
        ResultPersister.open(store, index, Clock(), WAITING, fence=2, wait_s=0)
    first.close()
    ResultPersister.open(store, index, Clock(), WAITING, fence=2, wait_s=0).close()
    index.close()


OLD_SCHEMA = """
create table job(
  seq integer primary key autoincrement, run_id text unique not null, priority integer not null default 0,
  state text not null, resumed integer not null default 0, queued_at text not null, owner text,
  fence integer not null default 0, cancel integer not null default 0);
create table run(id text primary key, order_id text not null);
"""


def old_index(store: Store) -> None:
    """An `index.db` as version 1 of its schema had it."""
    connection = sqlite3.connect(store.layout.index)
    connection.executescript(OLD_SCHEMA)
    connection.execute("insert into run values ('zzzzzzzz.1', 'zzzzzzzz')")
    connection.execute("pragma user_version=1")
    connection.commit()
    connection.close()


def test_an_index_of_an_older_version_is_made_anew_by_who_writes(store: Store) -> None:
    old_index(store)
    with pytest.raises(StoreError, match="older AgentGate"):
        Index.open_readonly(store.layout)
    assert look(store) == EXPECTED
    Index.open_readonly(store.layout).close()


def test_an_index_of_an_older_version_is_left_to_its_living_engine(store: Store) -> None:
    old_index(store)
    with FileLock.acquire(store.layout.engine_lock("e-old")), pytest.raises(StoreError, match="e-old"):
        Index.open_writable(store.layout)
    with pytest.raises(StoreError, match="older AgentGate"):
        Index.open_readonly(store.layout)


def test_a_requeue_that_was_killed_before_its_first_event_leaves_its_order(store: Store) -> None:
    """Only a first run that never was takes its order with it."""
    again = RunId(f"{order_of(ENDED)}.2")
    order = store.layout.work_order(order_of(ENDED))
    order.write_bytes(b"{}")
    store.layout.run(again).directory.mkdir()
    os.utime(store.layout.run(again).directory, (0, 0))
    index = Index.open_writable(store.layout)
    queue_the_stranded(store, index)
    index.close()
    assert not store.layout.run(again).directory.exists()
    assert order.exists()
