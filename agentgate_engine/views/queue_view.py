"""The queue: every run as one line, and what the engines are doing. From index rows alone, so that it opens fast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agentgate_engine.store.index import RunRow
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


def queue_view(rows: Sequence[RunRow], *, unreadable: Sequence[tuple[str, str]], engines: int, now: float) -> QueueView:
    """The queue from its rows. `now` is epoch seconds; `unreadable` are (run id, reason)."""
    lines = tuple(queue_line(row, now) for row in rows)
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


def queue_line(row: RunRow, now: float) -> QueueLine:
    """One row as a line."""
    return QueueLine(
        run_id=row.id,
        order_id=row.order_id,
        state=row.state,
        shown=wording.of_run(row.state),
        title=sanitize(row.title),
        iterations=f"{row.iteration}/{row.max_iterations}" if row.iteration else "-",
        levels=row.levels,
        now=sanitize(_now(row)),
        age=wording.age(row.completed_at or row.started_at or row.queued_at, now),
        cost=wording.cost(row.cost_usd) if row.iteration else "-",
        tokens=wording.tokens(row.tokens) if row.iteration else "-",
        agent=sanitize(row.agent),
        repository=sanitize(row.repository),
        position=row.position,
        warnings=row.warnings,
        error_type=row.error_type,
        error=sanitize(row.error or ""),
    )


def _now(row: RunRow) -> str:
    if row.waiting:
        return f"waits: {row.waiting}"
    if row.state == "queued":
        return f"queued #{row.position}" if row.position else "queued"
    return row.now


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
