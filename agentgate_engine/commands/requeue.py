"""Working an order once more: a new run of it, by the same path as a submit."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass

from agentgate_engine.clock import Clock, to_stamp
from agentgate_engine.commands.asked_by import whoami
from agentgate_engine.commands.run_entry import RunExists, enter_run, take_back_run
from agentgate_engine.errors import LockHeld, ParkRun, StoreError, UsageError
from agentgate_engine.models.control import RequeueWish
from agentgate_engine.models.gate_plan import GatePlan
from agentgate_engine.models.ids import OrderId, RunId, is_run_id, order_of
from agentgate_engine.models.queue import QueuePlace
from agentgate_engine.models.record import Record
from agentgate_engine.models.work_order import ResolvedProfile
from agentgate_engine.store.control_log import read_wishes, record_wish
from agentgate_engine.store.index import Index
from agentgate_engine.store.layout import RunLayout
from agentgate_engine.store.locks import FileLock
from agentgate_engine.store.store import Store
from agentgate_engine.work_order_queue import WorkOrderQueue


@dataclass(frozen=True, slots=True)
class Requeued:
    """The new run, the one before it, and where the new one stands."""

    run_id: RunId
    instead_of: RunId | None
    place: QueuePlace


def requeue(store: Store, order_id: OrderId, clock: Clock) -> Requeued:
    """A new run of an order whose newest run has ended, judged by the same plan under the same settings.

    Raises:
        UsageError: its newest run has not ended, or what it needs is gone.
        QueueFull: as many orders wait as may.
        StoreError: the store cannot be written.
    """
    before = _newest(store, order_id)
    with contextlib.ExitStack() as held:
        if before is not None:
            try:  # so that nobody who tidies up takes the order away with its last run meanwhile
                held.enter_context(FileLock.acquire(store.layout.run(before).lock, wait_s=3))
            except LockHeld as fault:
                raise UsageError(f"{before} has not ended, or is being tidied up: {fault}") from fault
            except FileNotFoundError as fault:
                raise UsageError(f"{before} was removed meanwhile") from fault
        return _requeue(store, order_id, before, clock)


def _requeue(store: Store, order_id: OrderId, before: RunId | None, clock: Clock) -> Requeued:
    order = store.read_order(order_id)
    if before is not None:
        run = store.read_run(before)
        if not run.state.terminal:
            raise UsageError(f"{before} has not ended ({run.state}); cancel it first, or wait for it")
    run_id = RunId(f"{order_id}.{_next_number(store, order_id)}")
    plan, profile = _plan_and_profile(store, order_id)
    index = Index.open_writable(store.layout)
    try:
        WorkOrderQueue(index, clock).refuse_if_full()
    except BaseException:
        index.close()
        raise
    try:
        wish = RequeueWish(new_run=run_id)
        record_wish(store.layout, wish, run=before, by=whoami(), t=to_stamp(clock.now()))
        place = enter_run(store, index, run_id, order, plan=plan, profile=profile, notes=[], clock=clock)
    except RunExists as fault:
        raise UsageError(f"{order_id} was requeued by somebody else at the same time: {fault}") from fault
    except BaseException as fault:
        take_back_run(store, index, run_id)
        if isinstance(fault, (OSError, ParkRun, LockHeld)):
            raise StoreError(f"cannot write {run_id} to {store.layout.root}: {fault}; nothing was queued") from fault
        raise
    finally:
        index.close()
    return Requeued(run_id, before, place)


def _runs_of(store: Store, order_id: OrderId) -> list[RunId]:
    """The runs of an order that have a directory, oldest first."""
    return sorted((run for run in store.run_ids() if order_of(run) == order_id), key=_number)


def _newest(store: Store, order_id: OrderId) -> RunId | None:
    runs = _runs_of(store, order_id)
    return runs[-1] if runs else None


def _number(run_id: str) -> int:
    return int(run_id.partition(".")[2])


def _next_number(store: Store, order_id: OrderId) -> int:
    """One more than any number that was given away: to runs that are there, that were moved away, or removed."""
    runs: set[str] = {run for run in store.run_ids() if order_of(run) == order_id}
    for entry in read_wishes(store.layout)[0]:
        wish = entry.wish()
        if isinstance(wish, RequeueWish) and is_run_id(wish.new_run) and order_of(RunId(wish.new_run)) == order_id:
            runs.add(wish.new_run)
        if entry.run_id is not None and is_run_id(entry.run_id) and order_of(RunId(entry.run_id)) == order_id:
            runs.add(entry.run_id)
    return max(map(_number, runs), default=1) + 1


def _plan_and_profile(store: Store, order_id: OrderId) -> tuple[GatePlan, ResolvedProfile]:
    """As the newest run that still has them, which may stand in quarantine by now."""
    places = [store.layout.run(run) for run in reversed(_runs_of(store, order_id))]
    try:
        moved = sorted(name for name in os.listdir(store.layout.quarantine) if name.startswith(f"{order_id}."))
    except FileNotFoundError:
        moved = []
    places += [RunLayout(store.layout.quarantine / name) for name in reversed(moved)]
    for layout in places:
        plan = _read(store, GatePlan, layout)
        profile = _read(store, ResolvedProfile, layout)
        if isinstance(plan, GatePlan) and isinstance(profile, ResolvedProfile):
            return plan, profile
    raise UsageError(f"no run of {order_id} has kept its gate plan and profile; submit the order again")


def _read(store: Store, kind: type[Record], layout: RunLayout) -> Record | None:
    return store.read_if_whole(kind, layout.gate_plan if kind is GatePlan else layout.profile)
