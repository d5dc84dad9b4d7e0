"""The engines as people read them. Pure: from their rows and a clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agentgate_engine.store.engine_rows import EngineRow
from agentgate_engine.views import wording
from agentgate_engine.views.safe_text import SafeText, sanitize


@dataclass(frozen=True, slots=True)
class EngineLine:
    """One engine. `state` is `working`, `idle`, `draining` or `hung`; `next_step` is set where something should be
    done. Ids of runs in `running` and `parked` are ours."""

    id: str
    state: str
    pid: int | None
    slots: int
    running: tuple[str, ...]
    parked: tuple[tuple[str, SafeText], ...]
    alive: str
    silent: str
    waits: SafeText
    next_step: str | None


def engine_lines(engines: Sequence[EngineRow], now: float) -> tuple[EngineLine, ...]:
    """The engines. `now` is epoch seconds."""
    return tuple(_line(engine, now) for engine in engines)


def _line(engine: EngineRow, now: float) -> EngineLine:
    silent = engine.silent_s(now)
    if engine.hangs(now):
        state, step = "hung", f"it answers no more: `agentgate stop {engine.id} --force` ends it, its agents go on"
    else:
        state = "draining" if engine.draining else "working" if engine.running else "idle"
        step = None
    return EngineLine(
        id=engine.id,
        state=state,
        pid=engine.identity[0] if engine.identity else None,
        slots=engine.slots,
        running=engine.running,
        parked=tuple((run, sanitize(why)) for run, why in engine.parked),
        alive=wording.age(engine.started_at or None, now),
        silent="-" if silent is None else f"{silent:.0f}s",
        waits=sanitize(engine.waits or ""),
        next_step=step,
    )
