"""`agentgate queue`: what waits, in its order, and the wishes about the whole of it.

Showing it reads index rows alone and imports no pydantic.
"""

from __future__ import annotations

import argparse
import os
import shutil
import time

from agentgate_engine.cli.output import put, put_json, say, table
from agentgate_engine.models.queue import QueuePlace, QueueSettings, QueueStats, health_of
from agentgate_engine.store.index import Index, RunRow
from agentgate_engine.store.layout import StoreLayout, resolve_root
from agentgate_engine.store.queue_reader import QueueFacts, read_queue
from agentgate_engine.store.root import open_root
from agentgate_engine.views import wording
from agentgate_engine.views.queue_view import queue_line
from agentgate_engine.views.safe_text import sanitize

NOTHING = QueueStats(0, 0, 0, None, None, QueueSettings().capacity, accepting=True)


def queue(asked: argparse.Namespace) -> int:
    """Show the queue, or do what was asked of it. `health` exits 1 when no further order is accepted.

    Raises:
        UsageError: a setting that makes no sense.
        StoreError: the store cannot be read or written.
    """
    match asked.wish:
        case "health":
            return _health(asked)
        case "pause" | "resume" | "set":
            return _wish(asked)
        case _:
            return _show(asked)


def _show(asked: argparse.Namespace) -> int:
    now = time.time()
    facts = _facts(open_root(resolve_root(asked.home, os.environ)[0]))
    places = [(row, facts.place(row)) for row in facts.waiting]
    if asked.json:
        orders = [{**place.as_json(), "order": row.order_id, "title": row.title} for row, place in places]
        health = health_of(facts.stats)
        put_json({**facts.stats.as_json(), "health": health.state, "orders": orders})
        return 0
    put(_summary(facts.stats))
    if facts.stats.pause is not None:
        put(sanitize(f"{facts.stats.pause.words}; `agentgate queue resume` starts it again"))
    if places:
        width = shutil.get_terminal_size((100, 24)).columns
        header = ("#", "ID", "TITLE", "PRIO", "WAITS", "STILL", "HELD UP BY")
        for text in table(header, (_cells(row, place, now) for row, place in places), flexible=2, width=width):
            put(text)
    if facts.stats.max_concurrent == 0 and (places or facts.stats.running):
        say("no engine is alive: start one with `agentgate serve`")
    return 0


def _facts(layout: StoreLayout) -> QueueFacts:
    if not layout.index.exists() and not any(layout.runs.iterdir()):
        return QueueFacts(NOTHING, (), ())
    index = Index.open_readonly(layout)
    try:
        return read_queue(index)
    finally:
        index.close()


def _summary(stats: QueueStats) -> str:
    parts = [
        f"{stats.running} running in {wording.plural(stats.max_concurrent, 'slot')}",
        f"{stats.waiting} waiting, room for {max(0, stats.max_queue_size - stats.waiting)} more",
    ]
    if stats.mean_run_ms is not None:
        parts.append(f"a run takes about {wording.duration(stats.mean_run_ms)}")
    if stats.average_wait_ms is not None:
        parts.append(f"runs waited {wording.duration(stats.average_wait_ms)}")
    return "; ".join(parts)


def _cells(row: RunRow, place: QueuePlace, now: float) -> tuple[str, ...]:
    line = queue_line(row, now)
    held = line.now.partition(": ")[2]
    return (
        str(place.position or "-"),
        row.id,
        line.title,
        str(place.priority),
        wording.age(place.enqueued_at, now),
        "?" if place.estimated_wait_ms is None else wording.duration(place.estimated_wait_ms),
        held,
    )


def _health(asked: argparse.Namespace) -> int:
    facts = _facts(open_root(resolve_root(asked.home, os.environ)[0]))
    health = health_of(facts.stats)
    if asked.json:
        put_json(
            {"health": health.state, "reason": health.reason, "notes": list(health.notes), **facts.stats.as_json()}
        )
    else:
        put(f"{health.state}: {health.reason}")
        for note in health.notes:
            put(sanitize(note))
    return 1 if health.state == "unhealthy" else 0


def _wish(asked: argparse.Namespace) -> int:
    from agentgate_engine.cli.reading import make_store
    from agentgate_engine.clock import Clock
    from agentgate_engine.commands.queue import pause_queue, resume_queue, set_capacity
    from agentgate_engine.errors import UsageError

    if asked.wish == "set" and asked.capacity is None:
        raise UsageError("say what to set: `agentgate queue set --capacity N`")
    store = make_store(asked)
    match asked.wish:
        case "pause":
            settings = pause_queue(store, Clock(), reason=asked.reason)
        case "resume":
            settings = resume_queue(store, Clock())
        case _:
            settings = set_capacity(store, Clock(), asked.capacity)
    pause = settings.pause
    if asked.json:
        words = {"reason": pause.reason, "by": pause.by, "since": pause.since} if pause else None
        put_json({"capacity": settings.capacity, "paused": words})
    elif asked.wish == "set":
        put(f"at most {settings.capacity} orders may wait")
    else:
        put(sanitize(f"{pause.words}; what runs goes on") if pause else "the queue goes on")
    return 0
