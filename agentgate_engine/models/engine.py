"""An engine as its record shows it. Whether it lives is asked of its lock, never of this."""

from __future__ import annotations

from agentgate_engine.models.record import Record


class EngineRecord(Record):
    """`engines/{id}.json`, replaced every few seconds.

    `pid`, `pid_start_time` (clock ticks since boot) and `boot_id` are its identity: a pid alone may be another's.
    `parked` maps a run to why it cannot go on; `waits` is why nothing new is started.
    """

    id: str
    pid: int
    pid_start_time: int | None = None
    boot_id: str | None = None
    host: str
    version: str
    slots: int
    started_at: str
    heartbeat_at: str
    running: list[str] = []
    parked: dict[str, str] = {}
    until_idle: bool = False
    draining: bool = False
    waits: str | None = None
    min_memory_mb: int = 0
    min_disk_mb: int = 0
    stagger_s: float = 0.0
