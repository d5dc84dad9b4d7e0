"""`purge`: one order and all that there is of it."""

from __future__ import annotations

import os
from collections.abc import Container
from dataclasses import dataclass

from agentgate_engine.commands.clean import only_one
from agentgate_engine.commands.removal import delete_entry, discard_order, finish_trash, remove_run
from agentgate_engine.errors import StoreError, UsageError
from agentgate_engine.models.ids import OrderId, RunId, is_order_id, order_of, split_asked
from agentgate_engine.store.annotations import Annotations
from agentgate_engine.store.footprint import footprint
from agentgate_engine.store.index import Index
from agentgate_engine.store.retention_survey import Survey
from agentgate_engine.store.store import Store
from agentgate_engine.store.trash import TrashEntry, discard


@dataclass(frozen=True, slots=True)
class Purge:
    """What there is of an order: its runs, the bytes that go, and the runs whose work was never delivered."""

    order_id: OrderId
    runs: tuple[RunId, ...]
    size: int
    undelivered: tuple[RunId, ...]


@dataclass(frozen=True, slots=True)
class Purged:
    """What went; `faults` could not be deleted, and wait in the trash for the next clean."""

    order_id: OrderId
    runs: tuple[RunId, ...]
    freed: int
    faults: tuple[str, ...]


def find_order(store: Store, asked: str) -> OrderId:
    """The order that an id or a unique beginning of one names.

    Raises:
        UsageError: none or several do, or it names a run.
    """
    prefix, run, iteration = split_asked(asked)
    if run is not None or iteration is not None:
        raise UsageError(f"purge takes a whole order with all its runs: give {prefix} instead of {asked}")
    names: set[str] = {order_of(found) for found in store.run_ids()}
    for directory in (store.layout.work_orders, store.layout.quarantine):
        names |= {name.partition(".")[0] for name in os.listdir(directory)} if directory.is_dir() else set()
    found = sorted(name for name in names if is_order_id(name) and name.startswith(prefix))
    if not found:
        raise UsageError(f"no order's id begins with {prefix!r}; `agentgate status` lists them")
    if len(found) > 1:
        raise UsageError(f"{prefix!r} could be any of {', '.join(found[:8])}; give more letters")
    return OrderId(found[0])


def plan_purge(store: Store, order: OrderId) -> Purge:
    """What purging an order would remove.

    Raises:
        UsageError: a run of it has not ended or is pinned; says what to do.
        StoreError: the index cannot be read.
    """
    return _plan(store, _survey(store), Annotations.read(store.layout).pins, order)


def plan_purge_of(store: Store, ended: str) -> tuple[list[Purge], list[str]]:
    """What purging every order whose newest run `ended` so (a state of runs) would remove, and why others of them stay.

    Raises:
        StoreError: the index cannot be read.
    """
    index = Index.open_readonly(store.layout)
    try:
        rows = index.rows()
    finally:
        index.close()
    newest = {order_of(RunId(row.id)): row for row in sorted(rows, key=lambda row: int(row.id.partition(".")[2]))}
    survey, pins = _survey(store), Annotations.read(store.layout).pins
    plans, left = list[Purge](), list[str]()
    for order in sorted(order for order, row in newest.items() if row.state == ended):
        try:
            plans.append(_plan(store, survey, pins, order))
        except UsageError as fault:
            left.append(str(fault))
    return plans, left


def _survey(store: Store) -> Survey:
    index = Index.open_readonly(store.layout)
    try:
        return Survey.take(store, index)
    finally:
        index.close()


def _plan(store: Store, survey: Survey, pins: Container[str], order: OrderId) -> Purge:
    runs = sorted((run for run in survey.runs if order_of(run) == order), key=lambda run: int(run.partition(".")[2]))
    for run in runs:
        why = survey.obstacle(run)
        if why is not None and not why.startswith("cannot be read"):
            raise UsageError(f"{run} {why}; `agentgate cancel {run}` ends it")
        if run in pins:
            raise UsageError(f"{run} is pinned; `agentgate unpin {run}` first")
    if order in survey.needed:
        raise UsageError(f"another order waits for {order} (--after); cancel that one first")
    moved = [store.layout.quarantine / name for name in survey.quarantined if name.startswith(f"{order}.")]
    places = [store.layout.run(run).directory for run in runs] + [survey.workspace(run) for run in runs] + moved
    held = tuple(run for run in runs if run in survey.workspaces and survey.holds_work(run))
    return Purge(order, tuple(runs), footprint(*places, *survey.order_files(order)).freed, held)


def purge(store: Store, plan: Purge) -> Purged:
    """Remove an order with its runs, their workspaces with every snapshot, and their leases.

    Raises:
        UsageError: a run of it has changed since, and stays.
        StoreError: the index cannot be written.
    """
    order, entries, faults = plan.order_id, list[TrashEntry](), list[str]()
    with only_one(store):
        index = Index.open_writable(store.layout)
        try:
            faults += finish_trash(store, index)
            for run in plan.runs:
                removed = remove_run(store, index, run, unreadable_too=True)
                if removed.why_not is not None:
                    raise UsageError(f"{run} {removed.why_not}, and stays; the runs before it are gone")
                faults += removed.faults
            try:
                for path in sorted(store.layout.quarantine.glob(f"{order}.*")):
                    entry = discard(store.layout, path, "quarantine")
                    entries += [entry] if entry is not None else []
                discard_order(store.layout, order, entries)
            except OSError as fault:
                raise StoreError(f"cannot move {order} to the trash: {fault.strerror}") from fault
            faults += [fault for entry in entries for fault in delete_entry(entry)]
        finally:
            index.close()
    return Purged(order, plan.runs, plan.size, tuple(faults))
