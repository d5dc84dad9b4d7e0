"""Entering a run: its directory with its first event, then its queue row. A submit does it, and a requeue."""

from __future__ import annotations

import contextlib
import shutil

from agentgate_engine.clock import Clock
from agentgate_engine.errors import LockHeld, StoreError, UsageError
from agentgate_engine.event_bus import Emission
from agentgate_engine.models.events import RunQueued
from agentgate_engine.models.gate_plan import GatePlan
from agentgate_engine.models.ids import RunId
from agentgate_engine.models.queue import QueuePlace
from agentgate_engine.models.work_order import ResolvedProfile, WorkOrder
from agentgate_engine.result_persister import ResultPersister
from agentgate_engine.store.atomic import make_directory
from agentgate_engine.store.index import Index
from agentgate_engine.store.locks import FileLock
from agentgate_engine.store.queue_reader import read_place
from agentgate_engine.store.store import Store
from agentgate_engine.work_order_queue import WorkOrderQueue


class RunExists(UsageError):
    """There is such a run already; nothing of it was touched."""


def enter_run(
    store: Store,
    index: Index,
    run_id: RunId,
    order: WorkOrder,
    *,
    plan: GatePlan,
    profile: ResolvedProfile,
    notes: list[str],
    clock: Clock,
) -> QueuePlace:
    """Run directory with first event and `run.json`, then the queue row; returns the place in the queue.

    `run.lock` is held from the first file of the run to the row: whoever finds a run without events can tell a submit
    that is under way from one that was killed, and nobody claims a run before it is acknowledged.

    Raises:
        QueueFull: as many orders wait as may; the files are the caller's to take back.
        RunExists: somebody made this run in the meantime.
        ParkRun, OSError, StoreError: something could not be written.
    """
    layout = store.layout.run(run_id)
    try:
        persister = ResultPersister.open(store, index, clock, run_id, fence=0)
    except LockHeld as fault:
        raise RunExists(f"{run_id} is being made by somebody else") from fault
    try:
        if persister.current is not None:
            raise RunExists(f"there is a run {run_id} already")
        make_directory(layout.processes)
        store.write(layout.gate_plan, plan)
        store.write(layout.profile, profile)
        queued = RunQueued(
            title=order.title,
            agent=order.agent.type,
            repository=order.workspace_source.path,
            branch=f"agentgate/{run_id}",
            base_commit=order.workspace_source.base_commit,
            max_iterations=order.limits.max_iterations,
            priority=order.priority,
            after=order.after,
            left_out=order.workspace_source.left_out,
            warnings=notes,
        )
        persister.write(Emission(queued))
        WorkOrderQueue(index, clock).enqueue(
            persister.run, priority=order.priority, after=order.after, max_wait_s=order.max_wait_seconds
        )
        place = read_place(index, run_id)
        assert place is not None, "it was just put there"
        return place
    finally:
        persister.close()


def take_back_run(store: Store, index: Index, run_id: RunId) -> bool:
    """Remove what an entry wrote that could not be finished, rows last. Best effort: recovery queues what is left.

    Under `run.lock`, so that no engine queues the run at the same moment for one that was killed. False when an engine
    has the run already: it was taken in, and nothing of it is touched.
    """
    layout = store.layout.run(run_id)
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(FileLock.acquire(layout.lock, wait_s=1))
        except LockHeld:
            return False
        except OSError:
            pass  # there is no directory, or none that can be written
        shutil.rmtree(layout.directory, ignore_errors=True)
        with contextlib.suppress(StoreError):
            index.forget(run_id)
    return True
