"""`agentgate status`: the queue. Reads index rows, so it imports neither pydantic nor anything that parses runs."""

from __future__ import annotations

import argparse
import os
import shutil
import time
from collections.abc import Callable, Sequence

from agentgate_engine.cli.output import put, put_json, say, table
from agentgate_engine.errors import UsageError
from agentgate_engine.models.queue import DEFAULT_CAPACITY, QueueStats
from agentgate_engine.store.engine_rows import EngineRow, engine_rows
from agentgate_engine.store.foreign.recognise import recognise
from agentgate_engine.store.health import RunHealth
from agentgate_engine.store.index import Index, RunRow
from agentgate_engine.store.layout import StoreLayout, resolve_root
from agentgate_engine.store.queue_reader import read_stats
from agentgate_engine.store.root import open_root
from agentgate_engine.views import wording
from agentgate_engine.views.queue_view import FILTER_FIELDS, QueueLine, QueueView, filter_fields, queue_view
from agentgate_engine.views.row_filter import parse_filter
from agentgate_engine.views.safe_text import SafeText, clip, sanitize

NOW_WIDTH = 44


def status(asked: argparse.Namespace) -> int:
    """Print the runs that fit, newest first; or one run, as `show` does.

    Raises:
        StoreError: there is no readable store.
        UsageError: the filter or the limit cannot be understood, or no run has that id.
    """
    if asked.id is not None:
        from agentgate_engine.cli.show import show

        if asked.filter or asked.state or asked.offset:
            raise UsageError(f"{asked.id} is one run: leave out -f, -s and -o, which choose among many")
        return show(asked)
    if asked.limit < 0:
        raise UsageError(f"-n {asked.limit} is no number of runs: give 1 or more, or 0 for all")
    if asked.offset < 0:
        raise UsageError(f"--offset {asked.offset} is no number of runs: give 0 or more")
    root = resolve_root(asked.home, os.environ)[0]
    wanted = parse_filter(asked.filter, FILTER_FIELDS)
    in_state = state_test(asked.state)
    if (kind := recognise(root)) is not None:
        from agentgate_engine.cli.foreign_status import foreign_status

        return foreign_status(
            asked, root, kind, lambda line: in_state(line.state) and wanted.matches(filter_fields(line))
        )
    layout = open_root(root)
    rows, stats, engines = read_all(layout)
    unreadable = RunHealth(layout).unreadable(row.id for row in rows)
    view = queue_view(rows, unreadable=unreadable, engines=len(engines), now=time.time(), stats=stats)
    lines = [line for line in view.lines if in_state(line.state) and wanted.matches(filter_fields(line))]
    shown = lines[asked.offset :][: asked.limit or None]
    if asked.json:
        place = {"total": len(lines), "offset": asked.offset}
        put_json({"runs": shown, **place, **_counts(view), "queue": stats.as_json(), "unreadable": _faults(view)})
        return 0
    if not view.lines and not view.unreadable:
        put(f"no runs in {layout.root}; submit one with `agentgate run`, or see `agentgate demo`")
        return 0
    width = shutil.get_terminal_size((100, 24)).columns
    for text in table(
        ("ST", "ID", "TITLE", "IT", "L0123", "NOW", "AGE", "COST"), map(_cells, shown), flexible=2, width=width
    ):
        put(text)
    if not shown and view.lines:
        say(f"{len(lines)} of {wording.plural(len(view.lines), 'run')} fit, none of them from {asked.offset} on")
    if (more := len(lines) - asked.offset - len(shown)) > 0:
        say(f"{more} more; --offset {asked.offset + len(shown)} shows the next, -n 0 lists all")
    for run, reason in view.unreadable:
        put(f"?? {run}  cannot be read: {reason}")
    if view.advice:
        say(view.advice)
    for engine in engines:
        if engine.waits and stats.pause is None:
            say(sanitize(f"{engine.id} starts nothing new: {engine.waits}"))
    return 0


def state_test(asked: str | None) -> Callable[[str], bool]:
    """Which states of runs `--state` means: one by its own name, or a word for several.

    Raises:
        UsageError: there is no such state; lists them.
    """
    if asked is None:
        return lambda state: True
    wanted = _STATES.get(asked.lower())
    if wanted is None:
        raise UsageError(f"there is no state {asked!r}; there are {', '.join(_STATES)}")
    return wanted.__contains__


_AT_WORK = ("leased", "building", "snapshotting", "verifying", "feedback", "pr_created", "ci_polling")
_STATES: dict[str, tuple[str, ...]] = {
    "waiting": ("queued",),
    "running": _AT_WORK,
    "passed": ("succeeded",),
    **{state: (state,) for state in ("queued", *_AT_WORK, "succeeded", "failed", "canceled")},
}


def read_all(layout: StoreLayout) -> tuple[Sequence[RunRow], QueueStats, Sequence[EngineRow]]:
    """All rows, the figures of the queue and the living engines; no rows while nothing was ever submitted.

    Raises:
        StoreError: the index cannot be read.
    """
    engines = engine_rows(layout)
    if not layout.index.exists() and not any(layout.runs.iterdir()):
        slots = sum(engine.slots for engine in engines)
        return (), QueueStats(0, 0, slots, None, None, DEFAULT_CAPACITY, accepting=True), engines
    index = Index.open_readonly(layout)
    try:
        return index.rows(), read_stats(index, engines), engines
    finally:
        index.close()


def _cells(line: QueueLine) -> tuple[str, ...]:
    return (
        line.shown.word,
        line.run_id,
        line.title,
        line.iterations,
        line.levels,
        _now(line),
        line.age,
        line.cost,
    )


def _now(line: QueueLine) -> SafeText:
    """What is going on, with a mark that is never cut off for what the run survived."""
    mark = f" ({wording.plural(line.warnings, 'warning')})" if line.warnings else ""
    return sanitize(clip(line.now, NOW_WIDTH - len(mark)) + mark)


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
