"""Where a run that has not ended stands: its place in the queue, or what holds it up. As the index knows it."""

from __future__ import annotations

from dataclasses import dataclass

from agentgate_engine.errors import StoreError
from agentgate_engine.models.queue import QueuePlace
from agentgate_engine.models.run import Run
from agentgate_engine.store.engine_rows import living_ids
from agentgate_engine.store.index import Index
from agentgate_engine.store.layout import StoreLayout
from agentgate_engine.store.queue_reader import read_place
from agentgate_engine.views import wording
from agentgate_engine.views.safe_text import SafeText, sanitize


@dataclass(frozen=True, slots=True)
class Standing:
    """`place` is None for a run that has ended, or that no index knows. `lines` are (what, words)."""

    place: QueuePlace | None
    lines: tuple[tuple[str, SafeText], ...]


def standing(layout: StoreLayout, run: Run) -> Standing:
    """Where `run` stands. An index that cannot be read is told in the lines: the run still shows."""
    if run.state.terminal or not layout.index.exists():
        return Standing(None, ())
    try:
        index = Index.open_readonly(layout)
        try:
            place = read_place(index, run.id)
        finally:
            index.close()
    except StoreError as fault:
        return Standing(None, (("queue", sanitize(f"its place cannot be told: {fault}")),))
    if place is None or place.state == "ended":
        return Standing(place, ())
    lines: list[tuple[str, str]] = []
    if place.state == "waiting" and place.position is not None:
        wait = place.estimated_wait_ms
        soon = "" if wait is None else f", starts in about {wording.duration(wait)}"
        lines.append(("queue", f"number {place.position}{soon}"))
    known = f"{run.waiting_for.kind}: {run.waiting_for.reason}" if run.waiting_for else None
    if place.waiting and place.waiting != known:
        lines.append(("waits for", place.waiting))
    if not living_ids(layout):
        lines.append(("engine", "none is alive: start one with `agentgate serve`"))
    return Standing(place, tuple((what, sanitize(words)) for what, words in lines))
