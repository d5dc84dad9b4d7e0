"""Every operator's wish is in `control.jsonl` before it counts, and an index that is made anew knows them all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentgate_engine.clock import to_stamp
from agentgate_engine.models.build_error import BuildError, BuildErrorType
from agentgate_engine.models.control import (
    WISHES,
    CancelWish,
    CapacityWish,
    ControlEntry,
    HoldWish,
    PauseWish,
    PriorityWish,
    ReleaseWish,
    ResumeWish,
    Wish,
)
from agentgate_engine.models.events import RunFailed, RunStarted, WorkspaceAcquired
from agentgate_engine.models.ids import RunId, order_of
from agentgate_engine.models.run_state import RunResult, Step
from agentgate_engine.models.work_order import AgentRequest, WorkOrder, WorkspaceSource
from agentgate_engine.store.control_log import record_wish
from agentgate_engine.store.index import Index
from agentgate_engine.store.queue_reader import read_settings
from agentgate_engine.store.recovery import queue_the_stranded, rebuild_index
from agentgate_engine.store.store import Store
from agentgate_engine.store.wishes import apply_wishes
from agentgate_engine.work_order_queue import WorkOrderQueue

from .support import open_store, queued, run_id, write_run

T = "2026-01-01T00:00:00.000Z"
FAILED = RunFailed(
    result=RunResult.FAILED_ERROR,
    step=Step.SYSTEM_ERROR,
    error=BuildError(type=BuildErrorType.SYSTEM_ERROR, message="no", phase="queued", failed_at=T),
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store, index = open_store(tmp_path / "store")
    for number in range(3):
        enter(store, index, run_id(number))
    index.close()
    return store


def enter(
    store: Store,
    index: Index,
    run: RunId,
    *,
    priority: int = 0,
    after: tuple[str, ...] = (),
    max_wait: float | None = None,
) -> None:
    """What a submit leaves: the order, the run's first event, the row."""
    order = WorkOrder(
        id=order_of(run),
        title="order",
        task_prompt="do",
        workspace_source=WorkspaceSource(path="/nowhere", base_commit="0" * 40),
        agent=AgentRequest(type="command", command="true"),
        priority=priority,
        after=list(after),
        max_wait_seconds=max_wait,
        created_at=to_stamp(0),
    )
    if not store.layout.work_order(order_of(run)).exists():
        store.write(store.layout.work_order(order_of(run)), order)
    born = write_run(store, index, run, queued(priority=priority))
    WorkOrderQueue(index).enqueue(born, priority=priority, after=after, max_wait_s=max_wait)


def wish(store: Store, wished: Wish, run: RunId | None = None) -> None:
    record_wish(store.layout, wished, run=run, by="olga@here", t=T)


def look(store: Store) -> list[object]:
    """Everything about the queue that an operator can see or an engine goes by."""
    index = Index.open_writable(store.layout)
    try:
        rows = [
            (row.id, row.state, row.result, row.priority, row.position, row.waiting)
            for row in sorted(index.rows(), key=lambda row: row.id)
        ]
        jobs = [
            tuple(row)
            for row in index.read(
                "select run_id, state, resumed, held, cancel, case state when 'queued' then max_wait_s end "
                "from job order by run_id"
            )
        ]
        depends = [tuple(row) for row in index.read("select * from dependency order by 1, 2") if _waits(jobs, row[0])]
        return [rows, jobs, depends, read_settings(index)]
    finally:
        index.close()


def _waits(jobs: list[tuple[object, ...]], run: str) -> bool:
    return any(job[0] == run and job[1] == "queued" for job in jobs)


def test_a_wish_that_was_written_and_not_acted_on_is_acted_on_by_the_next(store: Store) -> None:
    """Killed between `control.jsonl` and the index."""
    wish(store, PriorityWish(priority=9), run_id(2))
    wish(store, PauseWish(reason="freeze"))
    index = Index.open_writable(store.layout)
    assert [entry.action for entry in apply_wishes(index)] == ["priority", "pause"]
    assert apply_wishes(index) == [], "each once"
    row = index.row(run_id(2))
    assert row is not None
    assert (row.priority, row.position) == (9, 1)
    assert read_settings(index).pause is not None
    index.close()


def test_a_wish_about_a_run_whose_row_comes_later_counts_too(store: Store) -> None:
    """The index is older than the run: a submit killed before its row, then a wish, then an engine."""
    index = Index.open_writable(store.layout)
    index.forget(run_id(1))
    wish(store, HoldWish(reason="wait"), run_id(1))
    apply_wishes(index)
    assert queue_the_stranded(store, index).queued == 1
    row = index.row(run_id(1))
    index.close()
    assert row is not None
    assert (row.position, row.waiting) == (None, "operator: held by olga@here: wait")


def test_a_wish_of_a_newer_version_or_without_sense_keeps_no_other_from_counting(store: Store) -> None:
    with store.layout.control.open("ab") as log:
        log.write(b'{"seq":0,"t":"","action":"levitate","runId":"x","data":{}}\n')
        log.write(b'{"seq":1,"t":"","action":"priority","runId":"aaaaaaaa.1","data":{"priority":"?"}}\n')
        log.write(b"no wish at all\n")
    wish(store, CapacityWish(capacity=7))
    index = Index.open_writable(store.layout)
    apply_wishes(index)
    assert read_settings(index).capacity == 7
    index.close()


def test_every_kind_of_wish_is_typed() -> None:
    """One class an action, and each action of the log has one."""
    actions = ControlEntry.model_fields["action"].annotation
    assert set(getattr(actions, "__args__", ())) == set(WISHES)


def test_a_torn_wish_counts_once_its_end_was_cut_off(store: Store) -> None:
    with store.layout.control.open("ab") as log:
        log.write(b'{"seq":0,"t":"","action":"pa')
    index = Index.open_writable(store.layout)
    assert apply_wishes(index) == []
    wish(store, PauseWish())
    assert [entry.action for entry in apply_wishes(index)] == ["pause"]
    index.close()


def started(store: Store, index: Index, run: RunId) -> None:
    write_run(store, index, run, RunStarted(engine="e-dead"), fence=1)


RUNS = 6
STEP = st.one_of(
    st.tuples(st.just("priority"), st.integers(0, RUNS - 1), st.integers(-3, 3)),
    st.tuples(st.sampled_from(["hold", "release", "cancel", "claim", "start", "fail"]), st.integers(0, RUNS - 1)),
    st.tuples(st.sampled_from(["pause", "resume"])),
    st.tuples(st.just("capacity"), st.integers(6, 50)),
    st.tuples(st.just("requeue"), st.integers(0, RUNS - 1)),
)


def act(store: Store, index: Index, step: tuple[object, ...]) -> None:
    """One thing that an operator wishes or an engine does."""
    match step:
        case ("priority", int(number), int(value)):
            wish(store, PriorityWish(priority=value), run_id(number))
        case ("hold", int(number)):
            wish(store, HoldWish(reason=str(number)), run_id(number))
        case ("release", int(number)):
            wish(store, ReleaseWish(), run_id(number))
        case ("cancel", int(number)):
            wish(store, CancelWish(), run_id(number))
        case ("pause",):
            wish(store, PauseWish(reason="freeze"))
        case ("resume",):
            wish(store, ResumeWish())
        case ("capacity", int(value)):
            wish(store, CapacityWish(capacity=value))
        case ("claim", int()):
            WorkOrderQueue(index).claim("e-dead")
        case ("start", int(number)):
            run = store.read_run(run_id(number))
            if run.started_at is None and not run.state.terminal:
                started(store, index, run_id(number))
                WorkOrderQueue(index).take(run_id(number), "e-dead")
        case ("fail", int(number)):
            claim = WorkOrderQueue(index).take(run_id(number), "e-dead")
            if claim is not None:
                write_run(store, index, run_id(number), FAILED, fence=claim.fence)
                WorkOrderQueue(index).complete(claim)
        case ("requeue", int(number)):
            again = RunId(f"{order_of(run_id(number))}.2")
            if store.read_run(run_id(number)).state.terminal and not store.layout.run(again).directory.exists():
                enter(store, index, again)
        case _:
            raise AssertionError(step)
    apply_wishes(index)


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp())
    yield directory
    shutil.rmtree(directory)


@settings(max_examples=30, deadline=None, database=None)
@given(steps=st.lists(STEP, max_size=14))
def test_an_index_that_is_made_anew_is_the_same_queue(place: Path, steps: list[tuple[object, ...]]) -> None:
    """upstream.md 7.8; every wish, whatever the runs went through in between, survives the loss of `index.db`."""
    root = place / "store"
    shutil.rmtree(root, ignore_errors=True)
    store, index = open_store(root)
    for number in range(RUNS):
        after = (order_of(run_id(number - 1)),) if number % 3 == 2 else ()
        enter(store, index, run_id(number), priority=number % 2, after=after, max_wait=60.0 if number == 1 else None)
    for step in steps:
        act(store, index, step)
    WorkOrderQueue(index).requeue_of_the_dead(lambda engine: False)
    index.close()
    live = look(store)
    rebuild_index(store)
    assert look(store) == live


def test_the_complete_catalogue_of_ends_is_known_to_a_rebuilt_queue(store: Store) -> None:
    """Runs that passed, failed or were left in the middle are done, done, and first to go on with."""
    index = Index.open_writable(store.layout)
    write_run(
        store,
        index,
        run_id(0),
        RunStarted(engine="e-1"),
        WorkspaceAcquired(path="/x", branch="b", base_commit="0" * 40),
        fence=1,
    )
    write_run(store, index, run_id(1), FAILED, fence=1)
    index.close()
    rebuild_index(store)
    index = Index.open_writable(store.layout)
    claim = WorkOrderQueue(index).claim("e-2")
    index.close()
    assert claim is not None
    assert (claim.run_id, claim.resumed) == (run_id(0), True)
