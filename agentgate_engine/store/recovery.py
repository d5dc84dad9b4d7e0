"""Making `index.db` again from the files, and queueing what a crash left between its files and its row."""

from __future__ import annotations

from dataclasses import dataclass

from agentgate_engine.errors import AgentGateError
from agentgate_engine.models.events import RunQueued, parse_payload
from agentgate_engine.models.ids import RunId
from agentgate_engine.models.run import Run
from agentgate_engine.store.event_log import read_events
from agentgate_engine.store.index import Index, delete_index, put_run
from agentgate_engine.store.locks import FileLock, is_held
from agentgate_engine.store.run_reducer import replay
from agentgate_engine.store.store import Store


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
    """Index runs that have files but no row: a submit that was killed before its acknowledgement."""
    known = {row.id for row in index.rows()}
    return _fill(store, index, [run for run in store.run_ids() if run not in known])


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
