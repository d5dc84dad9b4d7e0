"""An engine as its record shows it. Whether it lives is asked of its lock, never of this."""

from __future__ import annotations

from agentgate_engine.models.record import Record


class EngineRecord(Record):
    """`engines/{id}.json`, replaced every few seconds. `parked` maps a run to why it cannot go on."""

    id: str
    pid: int
    host: str
    version: str
    slots: int
    started_at: str
    heartbeat_at: str
    running: list[str] = []
    parked: dict[str, str] = {}
    until_idle: bool = False
