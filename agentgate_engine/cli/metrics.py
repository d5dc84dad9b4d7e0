"""`agentgate metrics`: where time, tokens and money went, for one run or for all."""

from __future__ import annotations

import argparse
import os
import shutil
import time

from agentgate_engine.cli.output import put, put_json, record_json, say, table
from agentgate_engine.errors import StoreError
from agentgate_engine.models.ids import RunId
from agentgate_engine.models.metrics import RunMetrics
from agentgate_engine.store.foreign.foreign_store import ForeignStore
from agentgate_engine.store.foreign.metrics import foreign_metrics
from agentgate_engine.store.layout import resolve_root
from agentgate_engine.store.store_view import OwnView, open_view
from agentgate_engine.subscribers.metrics import read_metrics
from agentgate_engine.views.metrics_view import (
    StoreMetrics,
    agent_rows,
    result_line,
    run_lines,
    store_metrics,
    time_rows,
    used_line,
)
from agentgate_engine.views.safe_text import sanitize


def metrics(asked: argparse.Namespace) -> int:
    """Print the metrics of a run, or of all runs together.

    Raises:
        UsageError: no such run.
        StoreError: the store, or the run that was asked for, cannot be read.
    """
    view_of_store = open_view(resolve_root(asked.home, os.environ)[0])
    if asked.id is not None:
        _put_run(_read(view_of_store, view_of_store.find(asked.id)[0]), as_json=asked.json)
        return 0
    found, unreadable = _read_all(view_of_store)
    view = store_metrics(found)
    if asked.json:
        put_json({"metrics": view, "unreadable": unreadable})
        return 0
    for run, reason in unreadable.items():
        say(sanitize(f"{run} is left out: {reason}"))
    if not found:
        put(f"no runs in {sanitize(str(view_of_store.layout.root))}")
        return 0
    _put_all(view)
    return 0


def _read(store: OwnView | ForeignStore, run: RunId) -> RunMetrics:
    if isinstance(store, ForeignStore):
        return foreign_metrics(store.follow(run).read())
    found = read_metrics(store.store, store.layout.run(run), time.time())
    if found is None:
        raise StoreError(f"run {run} has no events, so there is nothing to add up")
    return found


def _read_all(store: OwnView | ForeignStore) -> tuple[list[RunMetrics], dict[str, str]]:
    """Every run's metrics, and why some have none."""
    found: list[RunMetrics] = []
    unreadable: dict[str, str] = {}
    runs = store.run_ids()
    if isinstance(store, ForeignStore):
        listed = store.listed()
        runs = [RunId(row.id) for row in listed.rows if row.iteration]  # an order without a run has used nothing
        unreadable.update(listed.unreadable)
    for run in runs:
        try:
            found.append(_read(store, run))
        except (StoreError, OSError) as fault:
            unreadable[run] = str(fault)
    return found, unreadable


def _put_run(run: RunMetrics, *, as_json: bool) -> None:
    if as_json:
        put_json({"metrics": record_json(run)})
        return
    for line in run_lines(run):
        put(line)


def _put_all(view: StoreMetrics) -> None:
    width = shutil.get_terminal_size((100, 24)).columns
    put(result_line(view))
    put("")
    for line in table(("TIME", "RUNS", "MEAN", "MEDIAN", "MAX"), time_rows(view), flexible=0, width=width):
        put(line)
    put("")
    for line in table(("AGENT", "RUNS", "PASSED", "TOKENS", "COST"), agent_rows(view), flexible=0, width=width):
        put(line)
    put("")
    put(used_line(view))
