"""Whether the records of a store fit together: orders and runs, runs and their index rows, claims and engines.

Nothing here changes anything. What is being written at the moment is left out: only what stays wrong is told.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, cast

from agentgate_engine.errors import StoreError
from agentgate_engine.models.ids import OrderId, RunId, is_order_id, order_of
from agentgate_engine.store.atomic import read_regular
from agentgate_engine.store.engine_rows import living_ids
from agentgate_engine.store.health import summary_fault
from agentgate_engine.store.index import Index
from agentgate_engine.store.layout import StoreLayout
from agentgate_engine.store.locks import is_held
from agentgate_engine.store.store import Store

Kind = Literal[
    "order without a run",
    "run without an order",
    "unreadable order",
    "order and run disagree",
    "run and index disagree",
    "parked run",
    "claim of a dead engine",
]

_ENDED = ("succeeded", "failed", "canceled")


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that does not fit. `what` is the id of the order, run or engine."""

    kind: Kind
    what: str
    detail: str


def examine(store: Store, index: Index) -> list[Trouble]:
    """Everything that does not fit, grouped by kind."""
    layout = store.layout
    runs = set(store.run_ids())
    return [*_orders(layout, runs), *_runs(layout, runs), *_rows(layout, index, runs), *_claims(layout, index)]


def order_ids(layout: StoreLayout) -> list[OrderId]:
    """The orders that have a file, whether it can be read or not."""
    try:
        names = os.listdir(layout.work_orders)
    except FileNotFoundError:
        return []
    return sorted(OrderId(name[:-5]) for name in names if name.endswith(".json") and is_order_id(name[:-5]))


def order_fault(layout: StoreLayout, order: OrderId) -> str | None:
    """Why the file of an order holds none, or None when it does."""
    try:
        found: object = json.loads(read_regular(layout.work_order(order)))
    except (OSError, StoreError) as fault:
        return str(fault)
    except ValueError as fault:
        return f"it is no JSON: {fault}"
    if not isinstance(found, dict):
        return "it holds no object"
    missing = [key for key in ("id", "taskPrompt", "workspaceSource", "agent", "createdAt") if key not in found]
    return f"it lacks {', '.join(missing)}" if missing else None


def _orders(layout: StoreLayout, runs: set[RunId]) -> Iterator[Trouble]:
    with_a_run = {order_of(run) for run in runs}
    for order in order_ids(layout):
        fault = order_fault(layout, order)
        if fault is not None:
            yield Trouble("unreadable order", order, fault)
        elif order not in with_a_run:
            yield Trouble("order without a run", order, "it was submitted and has no run directory")


def _runs(layout: StoreLayout, runs: set[RunId]) -> Iterator[Trouble]:
    for run in sorted(runs):
        if is_held(layout.run(run).lock):
            continue
        if not layout.work_order(order_of(run)).exists():
            yield Trouble("run without an order", run, f"work-orders/{order_of(run)}.json is missing")
        summary = _summary(layout, run)
        named = summary.get("workOrderId") if summary is not None else None
        if summary is not None and (summary.get("id") != run or named != order_of(run)):
            yield Trouble("order and run disagree", run, f"its run.json is of {summary.get('id')}, order {named}")


def _rows(layout: StoreLayout, index: Index, runs: set[RunId]) -> Iterator[Trouble]:
    found = index.read(
        "select run.id, run.state, job.state, run.waiting from run left join job on job.run_id = run.id order by run.id"
    )
    for run_id, row_state, job_state, waiting in found:
        run = RunId(run_id)
        if run not in runs or is_held(layout.run(run).lock):
            continue
        if str(waiting or "").startswith("store: "):
            yield Trouble("parked run", run, str(waiting).removeprefix("store: "))
        summary = _summary(layout, run)
        if summary is None:
            continue
        state = summary.get("state")
        if state != row_state:
            yield Trouble("run and index disagree", run, f"run.json says {state}, the index {row_state}")
        elif (state in _ENDED) is not (job_state == "done"):
            yield Trouble("run and index disagree", run, f"run.json says {state}, the queue {job_state or 'nothing'}")


def _claims(layout: StoreLayout, index: Index) -> Iterator[Trouble]:
    alive = set(living_ids(layout))
    for owner, count in sorted(index.owners().items()):
        if owner not in alive:
            yield Trouble("claim of a dead engine", owner, f"{count} claimed; the next engine goes on with them")


def _summary(layout: StoreLayout, run: RunId) -> dict[str, object] | None:
    """`run.json` as it is, or None when it cannot be read: that is told elsewhere."""
    path = layout.run(run).summary
    if summary_fault(path) is not None:
        return None
    return cast("dict[str, object]", json.loads(read_regular(path)))
