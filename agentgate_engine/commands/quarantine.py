"""Moving what cannot be read out of the way, to `quarantine/`; never deleting it.

A run whose `run.json` is broken but whose events can be read is mended from them instead: nothing of it is lost.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agentgate_engine.clock import Clock
from agentgate_engine.errors import AgentGateError, LockHeld, StoreError
from agentgate_engine.models.ids import RunId
from agentgate_engine.result_persister import ResultPersister
from agentgate_engine.store.atomic import make_directory, sync_directory
from agentgate_engine.store.event_log import read_events
from agentgate_engine.store.examination import order_fault, order_ids
from agentgate_engine.store.health import summary_fault
from agentgate_engine.store.index import Index
from agentgate_engine.store.locks import FileLock
from agentgate_engine.store.recovery import UNBORN_S
from agentgate_engine.store.run_reducer import replay
from agentgate_engine.store.store import Store


@dataclass(frozen=True, slots=True)
class Treated:
    """`moved` to `where`, `mended` from its events, or `left` as it is; `reason` says what was wrong or why not."""

    what: str
    outcome: Literal["moved", "mended", "left"]
    reason: str
    where: Path | None = None


def quarantine_unreadable(store: Store, clock: Clock) -> list[Treated]:
    """Treat every run and order that cannot be read.

    Raises:
        StoreError: the store cannot be written.
    """
    index = Index.open_writable(store.layout)
    try:
        treated = [found for run in store.run_ids() if (found := _treat_run(store, index, run, clock)) is not None]
    finally:
        index.close()
    for order in order_ids(store.layout):
        reason = order_fault(store.layout, order)
        if reason is not None:
            where = _move(store, store.layout.work_order(order))
            treated.append(Treated(order, "moved", reason, where))
    return treated


def _treat_run(store: Store, index: Index, run: RunId, clock: Clock) -> Treated | None:
    layout = store.layout.run(run)
    summary, events = summary_fault(layout.summary), _events_fault(store, run)
    if (events is None and summary is None) or _is_young(layout.directory):
        return None
    reason = events or summary or ""
    try:
        if events is None:
            ResultPersister.open(store, index, clock, run, fence=0, wait_s=0).close()
            return Treated(run, "mended", reason)
        with FileLock.acquire(layout.lock):
            where = _move(store, layout.directory)
        index.forget(run)
        return Treated(run, "moved", reason, where)
    except LockHeld:
        return Treated(run, "left", f"{reason}; it is being written at the moment")
    except FileNotFoundError:
        return None


def _is_young(directory: Path) -> bool:
    """Whether a submit may be about to take its lock."""
    try:
        return time.time() - directory.stat().st_mtime < UNBORN_S and not any(directory.glob("*.json*"))
    except FileNotFoundError:
        return True


def _events_fault(store: Store, run: RunId) -> str | None:
    """Why the events of a run tell of none, or None when they do."""
    path = store.layout.run(run).events
    try:
        return None if replay(read_events(path)) is not None else f"{path} holds no event"
    except (AgentGateError, OSError, ValueError) as fault:
        return str(fault)


def _move(store: Store, path: Path) -> Path:
    """Move a file or directory to quarantine, under a name that is free there."""
    make_directory(store.layout.quarantine)
    for number in range(1, 10_000):
        where = store.layout.quarantine / (path.name if number == 1 else f"{path.name}-{number}")
        if where.exists() or where.is_symlink():
            continue
        try:
            path.rename(where)
        except OSError as fault:
            raise StoreError(f"cannot move {path} to {where}: {fault}") from fault
        sync_directory(path.parent)
        sync_directory(store.layout.quarantine)
        return where
    raise StoreError(f"no name is free for {path.name} in {store.layout.quarantine}")
