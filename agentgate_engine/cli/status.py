"""`agentgate status`: the queue. Reads index rows, so it imports neither pydantic nor anything that parses runs."""

from __future__ import annotations

import argparse
import os
import shutil
import time

from agentgate_engine.cli.output import put, put_json, say, table
from agentgate_engine.errors import UsageError
from agentgate_engine.store.health import RunHealth
from agentgate_engine.store.index import Index, RunRow
from agentgate_engine.store.layout import StoreLayout, resolve_root
from agentgate_engine.store.locks import is_held
from agentgate_engine.store.root import open_root
from agentgate_engine.views.queue_view import FILTER_FIELDS, QueueLine, QueueView, filter_fields, queue_view
from agentgate_engine.views.row_filter import parse_filter


def status(asked: argparse.Namespace) -> int:
    """Print the runs that fit, newest first.

    Raises:
        StoreError: there is no readable store.
        UsageError: the filter or the limit cannot be understood.
    """
    if asked.limit < 0:
        raise UsageError(f"-n {asked.limit} is no number of runs: give 1 or more, or 0 for all")
    layout = open_root(resolve_root(asked.home, os.environ)[0])
    wanted = parse_filter(asked.filter, FILTER_FIELDS)
    rows = read_rows(layout)
    engines = sum(1 for lock in layout.engines.glob("*.lock") if is_held(lock))
    unreadable = RunHealth(layout).unreadable(row.id for row in rows)
    view = queue_view(rows, unreadable=unreadable, engines=engines, now=time.time())
    lines = [line for line in view.lines if wanted.matches(filter_fields(line))]
    shown = lines[: asked.limit] if asked.limit > 0 else lines
    if asked.json:
        put_json({"runs": shown, "total": len(lines), **_counts(view), "unreadable": _faults(view)})
        return 0
    if not view.lines and not view.unreadable:
        put(f"no runs in {layout.root}; submit one with `agentgate run`, or see `agentgate demo`")
        return 0
    width = shutil.get_terminal_size((100, 24)).columns
    for text in table(
        ("ST", "ID", "TITLE", "IT", "L0123", "NOW", "AGE", "COST"), map(_cells, shown), flexible=2, width=width
    ):
        put(text)
    if len(shown) < len(lines):
        say(f"{len(lines) - len(shown)} more; -n 0 lists all")
    for run, reason in view.unreadable:
        put(f"?? {run}  cannot be read: {reason}")
    if view.advice:
        say(view.advice)
    return 0


def read_rows(layout: StoreLayout) -> list[RunRow]:
    """All rows; none while nothing was ever submitted.

    Raises:
        StoreError: the index cannot be read.
    """
    if not layout.index.exists() and not any(layout.runs.iterdir()):
        return []
    index = Index.open_readonly(layout)
    try:
        return index.rows()
    finally:
        index.close()


def _cells(line: QueueLine) -> tuple[str, ...]:
    return (
        line.shown.word,
        line.run_id,
        line.title,
        line.iterations,
        line.levels,
        line.now[:32],
        line.age,
        line.cost,
    )


def _counts(view: QueueView) -> dict[str, object]:
    return {
        "running": view.running,
        "waiting": view.waiting,
        "failed": view.failed,
        "passed": view.passed,
        "engines": view.engines,
        "advice": view.advice,
    }


def _faults(view: QueueView) -> list[dict[str, str]]:
    return [{"run": run, "reason": reason} for run, reason in view.unreadable]
