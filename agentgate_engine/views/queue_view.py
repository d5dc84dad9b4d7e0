"""The queue: every run as one line, and what the engines are doing. From index rows alone, so that it opens fast."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from agentgate_engine.clock import from_stamp
from agentgate_engine.models.queue import QueueStats
from agentgate_engine.store.index import RunRow
from agentgate_engine.store.queue_reader import place_of
from agentgate_engine.views import wording
from agentgate_engine.views.safe_text import SafeText, sanitize


@dataclass(frozen=True, slots=True)
class QueueLine:
    """One run. `levels` is four signs; `now` says what is going on, or how it ended."""

    run_id: str
    order_id: str
    state: str
    shown: wording.Shown
    title: SafeText
    iterations: str
    levels: str
    now: SafeText
    age: str
    cost: str
    tokens: str
    agent: SafeText
    repository: SafeText
    position: int | None
    warnings: int
    error_type: str | None
    error: SafeText
    retried: int = 0
    estimated_wait_ms: int | None = None


@dataclass(frozen=True, slots=True)
class QueueView:
    """All lines, newest submission first, then records that cannot be read. `advice` is what to do, if anything."""

    lines: tuple[QueueLine, ...]
    unreadable: tuple[tuple[SafeText, SafeText], ...]
    running: int
    waiting: int
    failed: int
    passed: int
    engines: int
    cost_usd: float | None
    advice: str | None


def queue_view(
    rows: Sequence[RunRow],
    *,
    unreadable: Sequence[tuple[str, str]],
    engines: int,
    now: float,
    stats: QueueStats | None = None,
) -> QueueView:
    """The queue from its rows. `now` is epoch seconds; `unreadable` are (run id, reason).

    With `stats` a waiting line says about how long it will still wait.
    """
    lines = tuple(queue_line(row, now, stats) for row in rows)
    waiting = sum(1 for row in rows if row.state == "queued")
    ended = ("succeeded", "failed", "canceled")
    running = sum(1 for row in rows if row.state not in (*ended, "queued"))
    known = [row.cost_usd for row in rows if row.cost_usd is not None]
    advice = None
    if engines == 0 and (waiting or running):
        what = (
            wording.plural(waiting, "order") + " waiting" if waiting else wording.plural(running, "run") + " left off"
        )
        advice = f"{what} and no engine is alive: start one with `agentgate serve`"
    elif (pause := next((row.waiting for row in rows if row.state == "queued" and _is_paused(row)), None)) is not None:
        advice = sanitize(f"{_reason(pause)}; `agentgate queue resume` starts it again")
    return QueueView(
        lines,
        tuple((sanitize(run), sanitize(reason)) for run, reason in unreadable),
        running,
        waiting,
        sum(1 for row in rows if row.state == "failed"),
        sum(1 for row in rows if row.state == "succeeded"),
        engines,
        sum(known) if known else None,
        advice,
    )


def queue_line(row: RunRow, now: float, stats: QueueStats | None = None) -> QueueLine:
    """One row as a line."""
    wait = place_of(row, stats, 0).estimated_wait_ms if stats is not None and row.state == "queued" else None
    return QueueLine(
        run_id=row.id,
        order_id=row.order_id,
        state=row.state,
        shown=wording.of_run(row.state),
        title=sanitize(row.title),
        iterations=f"{row.iteration}/{row.max_iterations}" if row.iteration else "-",
        levels=row.levels,
        now=sanitize(_now(row, now, wait)),
        age=wording.age(row.completed_at or row.started_at or row.queued_at, now),
        cost=wording.cost(row.cost_usd) if row.iteration else "-",
        tokens=wording.tokens(row.tokens) if row.iteration else "-",
        agent=sanitize(row.agent),
        repository=sanitize(row.repository),
        position=row.position,
        warnings=row.warnings,
        error_type=row.error_type,
        error=sanitize(row.error or ""),
        retried=row.retried,
        estimated_wait_ms=wait,
    )


def _now(row: RunRow, now: float, wait_ms: int | None) -> str:
    """What is going on. A wait that ends by itself says when, counted from now."""
    left = _left(row.waiting_until, now)
    if row.state == "queued" and row.started_at is None and not (row.waiting or "").startswith("store: "):
        place = f"queued #{row.position}" if row.position else "queued"
        if row.waiting:
            return f"{place}: {row.waiting.removeprefix('operator: ')}" + (f", next in {left}" if left else "")
        return place + (f" ~{wording.duration(wait_ms)}" if wait_ms else "")
    if row.waiting and row.waiting.startswith("backoff: "):
        return f"retry in {left}: {_reason(row.waiting)}" if left else f"about to retry: {_reason(row.waiting)}"
    return f"waits: {row.waiting}" if row.waiting else row.now


def _left(until: str | None, now: float) -> str | None:
    """How long until then, in whole seconds, or None when that is over or unknown."""
    try:
        seconds = math.ceil(from_stamp(until) - now) if until else 0
    except ValueError:
        return None
    if seconds <= 0:
        return None
    return f"{seconds}s" if seconds < 60 else wording.duration(seconds * 1000)


def _reason(waiting: str) -> str:
    return waiting.partition(": ")[2]


def _is_paused(row: RunRow) -> bool:
    return (row.waiting or "").startswith("operator: the queue is paused")


FILTER_FIELDS = ("id", "order", "st", "title", "it", "agent", "repo", "now", "level", "error")
"""The names that a filter can use, in the console as on the command line."""


def filter_fields(line: QueueLine) -> dict[str, str]:
    """A line as the fields that a filter can name; `level` holds the names of the levels that failed."""
    return {
        "id": line.run_id,
        "order": line.order_id,
        "st": f"{line.shown.word} {line.state}",
        "title": line.title,
        "it": line.iterations,
        "agent": line.agent,
        "repo": line.repository,
        "now": line.now,
        "level": " ".join(f"L{n}" for n, sign in enumerate(line.levels) if sign == "x"),
        "error": f"{line.error_type or ''} {line.error}",
    }
