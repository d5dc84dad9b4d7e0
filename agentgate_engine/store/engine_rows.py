"""The engines of a store, from their locks and records. Plain JSON, so that reading them needs no pydantic."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import cast

from agentgate_engine.clock import from_stamp
from agentgate_engine.errors import StoreError
from agentgate_engine.store.atomic import read_regular
from agentgate_engine.store.layout import StoreLayout
from agentgate_engine.store.locks import is_held

HUNG_S = 30.0
"""How old the heartbeat of a living engine may be before it is said to hang. It beats every two seconds."""


@dataclass(frozen=True, slots=True)
class EngineRow:
    """A living engine. What its record does not tell (it comes a moment after the lock) is empty.

    `waits` is why it starts nothing new; `identity` is (pid, start time in ticks, boot id).
    """

    id: str
    slots: int = 0
    identity: tuple[int, int, str] | None = None
    host: str = ""
    version: str = ""
    started_at: str = ""
    heartbeat_at: str | None = None
    running: tuple[str, ...] = ()
    parked: tuple[tuple[str, str], ...] = ()
    draining: bool = False
    until_idle: bool = False
    waits: str | None = None

    def silent_s(self, now: float) -> float | None:
        """Seconds since its last heartbeat; None when it never wrote one. `now` is epoch seconds."""
        if self.heartbeat_at is None:
            return None
        try:
            return max(0.0, now - from_stamp(self.heartbeat_at))
        except ValueError:
            return None

    def hangs(self, now: float) -> bool:
        """Whether it holds its lock, and has not written for longer than an engine at work ever does."""
        silent = self.silent_s(now)
        return silent is not None and silent > HUNG_S


def living_ids(layout: StoreLayout) -> list[str]:
    """Ids of the engines that hold their lock."""
    return sorted(lock.stem for lock in layout.engines.glob("*.lock") if is_held(lock))


def engine_rows(layout: StoreLayout) -> list[EngineRow]:
    """The living engines, by id."""
    return [engine_row(layout, engine) for engine in living_ids(layout)]


def engine_row(layout: StoreLayout, engine: str) -> EngineRow:
    """One engine as its record shows it."""
    try:
        found: object = json.loads(read_regular(layout.engine_record(engine)))
    except (OSError, StoreError, ValueError):
        return EngineRow(engine)
    if not isinstance(found, dict):
        return EngineRow(engine)
    record = cast("dict[str, object]", found)
    pid, start, boot = record.get("pid"), record.get("pidStartTime"), record.get("bootId")
    running, parked = record.get("running"), record.get("parked")
    slots = record.get("slots")
    return EngineRow(
        id=engine,
        slots=slots if isinstance(slots, int) else 0,
        identity=(pid, start, boot)
        if isinstance(pid, int) and isinstance(start, int) and isinstance(boot, str)
        else None,
        host=_text(record, "host"),
        version=_text(record, "version"),
        started_at=_text(record, "startedAt"),
        heartbeat_at=_text(record, "heartbeatAt") or None,
        running=tuple(map(str, cast("list[object]", running))) if isinstance(running, list) else (),
        parked=tuple((str(run), str(why)) for run, why in cast("dict[str, object]", parked).items())
        if isinstance(parked, dict)
        else (),
        draining=record.get("draining") is True,
        until_idle=record.get("untilIdle") is True,
        waits=_text(record, "waits") or None,
    )


def _text(record: dict[str, object], name: str) -> str:
    value = record.get(name)
    return value if isinstance(value, str) else ""
