"""Making `index.db` again from the files, and queueing what a crash left between its files and its row."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

from agentgate_engine.errors import AgentGateError, LockHeld
from agentgate_engine.models.events import RunQueued, parse_payload
from agentgate_engine.models.ids import RunId, order_of
from agentgate_engine.models.run import Run
from agentgate_engine.store.atomic import TEMPORARY
from agentgate_engine.store.event_log import read_events
from agentgate_engine.store.index import Index, delete_index, put_run
from agentgate_engine.store.layout import StoreLayout
from agentgate_engine.store.line_reader import read_lines
from agentgate_engine.store.locks import FileLock, is_held
from agentgate_engine.store.run_reducer import replay
from agentgate_engine.store.store import Store

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
        StoreError: an engine is alive on this store; stop it first.
    """
    for lock in store.layout.engines.glob("*.lock"):
        if is_held(lock):
            raise AgentGateError(f"an engine is at work on this store ({lock.stem}); stop it, then rebuild")
    with FileLock.acquire(store.layout.lock, wait_s=10):
        delete_index(store.layout)
    index = Index.open_writable(store.layout)
    try:
        return _fill(store, index, store.run_ids())
    finally:
        index.close()


def queue_the_stranded(store: Store, index: Index) -> Rebuilt:
    """Index runs that have files but no row: a submit that was killed before its acknowledgement.

    One that was killed before its first event is no run yet, and is removed.
    """
    known = {row.id for row in index.rows()}
    stranded = [run for run in store.run_ids() if run not in known]
    return _fill(store, index, [run for run in stranded if not _remove_unborn(store, run)])


def _remove_unborn(store: Store, run: RunId) -> bool:
    """Remove a run that never got as far as its first event, unless its submit is still under way."""
    layout = store.layout.run(run)
    before_any_event = {layout.lock, layout.processes, layout.gate_plan, layout.profile, layout.events}

    def unborn() -> bool:
        left = {path for path in layout.directory.iterdir() if not path.name.endswith(TEMPORARY)}
        started = layout.processes.is_dir() and any(layout.processes.iterdir())
        return left <= before_any_event and not started and not read_lines(layout.events)

    if not unborn():
        return False
    try:
        with FileLock.acquire(layout.lock):
            if not unborn():
                return False
            shutil.rmtree(layout.directory)
    except LockHeld:
        return True
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


def _fill(store: Store, index: Index, runs: list[RunId]) -> Rebuilt:
    indexed, queued, unreadable = 0, 0, list[tuple[str, str]]()
    for run_id in runs:
        try:
            run, priority = load_run(store, run_id)
        except (AgentGateError, ValueError) as fault:
            unreadable.append((run_id, str(fault)))
            continue
        begun = run.started_at is not None
        state = "done" if run.state.terminal else "queued"
        with index.transaction() as database:
            put_run(database, run)
            database.execute(
                "insert or replace into job(run_id, priority, state, queued_at, fence, resumed) "
                "values (?, ?, ?, ?, ?, ?)",
                (run.id, priority, state, run.queued_at, run.fence + 1, int(begun)),
            )
        indexed += 1
        queued += state == "queued"
    return Rebuilt(indexed, queued, unreadable)
