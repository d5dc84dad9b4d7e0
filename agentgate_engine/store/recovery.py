"""Making `index.db` again from the files, and queueing what a crash left between its files and its row."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Collection
from dataclasses import dataclass

from agentgate_engine.errors import AgentGateError, LockHeld
from agentgate_engine.models.events import RunQueued, parse_payload
from agentgate_engine.models.ids import RunId, first_run_of, order_of
from agentgate_engine.models.run import Run
from agentgate_engine.models.work_order import WorkOrder
from agentgate_engine.store.atomic import TEMPORARY
from agentgate_engine.store.engine_rows import living_ids
from agentgate_engine.store.event_log import read_events
from agentgate_engine.store.index import Index, delete_index, put_run
from agentgate_engine.store.layout import StoreLayout
from agentgate_engine.store.line_reader import read_lines
from agentgate_engine.store.locks import FileLock, is_held
from agentgate_engine.store.run_reducer import replay
from agentgate_engine.store.store import Store
from agentgate_engine.store.wishes import replay_wishes, replay_wishes_of

UNBORN_S = 60.0
"""How long a run directory without an event is left to the submit that may be about to take its lock."""

KEPT_LOGS = 20
"""How many logs of engines are kept: what a crashed one said last stands there."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild found: runs indexed, runs queued again, and (run, reason) for those that cannot be read."""

    indexed: int
    queued: int
    unreadable: list[tuple[str, str]]


def rebuild_index(store: Store) -> Rebuilt:
    """Drop `index.db` and make it from the run directories. Every fence ends above any that was seen.

    Raises:
        AgentGateError: an engine is alive on this store; stop it first.
    """
    for engine in living_ids(store.layout):
        raise AgentGateError(f"an engine is at work on this store ({engine}); `agentgate stop {engine}`, then rebuild")
    with FileLock.acquire(store.layout.lock, wait_s=10):
        delete_index(store.layout)
    index = Index.open_writable(store.layout)
    try:
        return index.made_anew or Rebuilt(0, 0, [])
    finally:
        index.close()


def fill_index(database: sqlite3.Connection, layout: StoreLayout) -> Rebuilt:
    """Make every row from the files, in a transaction that is under way; then every wish."""
    store = Store(layout)
    found, unreadable = _load_all(store, store.run_ids())
    queued = sum(_enter(database, store, run, priority) for run, priority in found)
    replay_wishes(database, layout)
    return Rebuilt(len(found), queued, unreadable)


def queue_the_stranded(store: Store, index: Index, *, left_alone: Collection[str] = ()) -> Rebuilt:
    """Queue runs that have files but no job: a submit that was killed before its acknowledgement.

    One that was killed before its first event is no run yet, and is removed. One whose lock is held is left to its
    holder, and `left_alone` are those that the caller knows to be unreadable. Cheap when there is nothing to do.
    """
    there = [run for run in store.run_ids() if run not in left_alone]
    known = index.runs_with_a_job() if there else set[str]()
    indexed = queued = 0
    stranded = [run for run in there if run not in known and not _remove_unborn(store, run)]
    found, unreadable = _load_all(store, stranded)
    for run_id in [RunId(run.id) for run, _ in found]:
        try:
            with FileLock.acquire(store.layout.run(run_id).lock):
                if not store.layout.run(run_id).directory.is_dir():
                    continue
                run, priority = load_run(store, run_id)
                with index.transaction() as database:
                    queued += _enter(database, store, run, priority)
                    replay_wishes_of(database, store.layout, [run_id])
                indexed += 1
        except (LockHeld, FileNotFoundError):
            continue  # its submit, or a cancel, is at it, or has just taken it back
    return Rebuilt(indexed, queued, unreadable)


def _remove_unborn(store: Store, run: RunId) -> bool:
    """Remove a run that never got as far as its first event, unless its submit may still be under way.

    Returns whether it is no run: it was removed, or is too young to tell.
    """
    layout = store.layout.run(run)
    before_any_event = {layout.lock, layout.processes, layout.gate_plan, layout.profile, layout.events}

    def unborn() -> bool:
        left = {path for path in layout.directory.iterdir() if not path.name.endswith(TEMPORARY)}
        started = layout.processes.is_dir() and any(layout.processes.iterdir())
        return left <= before_any_event and not started and not read_lines(layout.events)

    try:
        if not unborn():
            return False
        if time.time() - layout.directory.stat().st_mtime < UNBORN_S:
            return True
        with FileLock.acquire(layout.lock):
            if not unborn():
                return False
            shutil.rmtree(layout.directory)
    except (LockHeld, FileNotFoundError):
        return True
    if run == first_run_of(order_of(run)):  # a requeue that was killed leaves its order, which has other runs
        store.layout.work_order(order_of(run)).unlink(missing_ok=True)
        store.layout.uncommitted_patch(order_of(run)).unlink(missing_ok=True)
    return True


def forget_dead_engines(layout: StoreLayout) -> None:
    """Remove what killed engines left in `engines/`. Only where there is a record: it is written once its lock is held,
    so an engine that is just starting is never taken for a dead one."""
    for record in layout.engines.glob("*.json"):
        lock = layout.engine_lock(record.stem)
        if not is_held(lock):
            for left in (lock, record, *layout.engines.glob(f".{record.name}.*{TEMPORARY}")):
                left.unlink(missing_ok=True)
    logs = sorted(layout.engines.glob("*.log"), key=lambda log: log.stat().st_mtime)
    for log in logs[:-KEPT_LOGS]:
        if not is_held(layout.engine_lock(log.stem)):
            log.unlink(missing_ok=True)


def load_run(store: Store, run: RunId) -> tuple[Run, int]:
    """A run from its events (the truth), else from `run.json`; and its priority.

    Raises:
        AgentGateError: neither can be read.
    """
    events = read_events(store.layout.run(run).events)
    found = replay(events)
    if found is None:
        return store.read_run(run), 0
    born = parse_payload(events[0])
    return found, born.priority if isinstance(born, RunQueued) else 0


def _load_all(store: Store, runs: list[RunId]) -> tuple[list[tuple[Run, int]], list[tuple[str, str]]]:
    """What can be read of these runs with their priorities, in the order of their arrival; and what cannot, and why."""
    found, unreadable = list[tuple[Run, int]](), list[tuple[str, str]]()
    for run_id in runs:
        try:
            found.append(load_run(store, run_id))
        except (AgentGateError, OSError, ValueError) as fault:
            unreadable.append((run_id, str(fault)))
    return sorted(found, key=lambda item: (item[0].queued_at, item[0].id)), unreadable


def _enter(database: sqlite3.Connection, store: Store, run: Run, priority: int) -> bool:
    """Make a run's rows unless it has a job by now, whose owner knows better. Returns whether it is queued."""
    state = "done" if run.state.terminal else "queued"
    file = store.layout.work_order(order_of(RunId(run.id)))
    order = None if run.state.terminal else store.read_if_whole(WorkOrder, file)
    made = database.execute(
        "insert into job(run_id, priority, state, queued_at, fence, resumed, max_wait_s) values (?, ?, ?, ?, ?, ?, ?) "
        "on conflict(run_id) do nothing",
        (
            run.id,
            priority,
            state,
            run.queued_at,
            run.fence + 1,
            int(run.started_at is not None),
            order.max_wait_seconds if order else None,
        ),
    ).rowcount
    if made:
        put_run(database, run)
        after = sorted({*order.after}) if order else []
        database.executemany(
            "insert or ignore into dependency(run_id, order_id) values (?, ?)", [(run.id, each) for each in after]
        )
    return bool(made) and state == "queued"
