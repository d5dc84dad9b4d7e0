"""What an engine says about itself every few seconds."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence

from agentgate_engine import __version__
from agentgate_engine.models.engine import EngineRecord
from agentgate_engine.process.proc_table import boot_id, start_time
from agentgate_engine.slots.headroom import Floor


def engine_record(
    engine: str,
    *,
    slots: int,
    started_at: str,
    now: str,
    running: Sequence[str],
    parked: Mapping[str, str],
    until_idle: bool,
    draining: bool,
    waits: str | None,
    floor: Floor,
    stagger_s: float,
) -> EngineRecord:
    """The record of this process as an engine. Times are UTC ISO."""
    return EngineRecord(
        id=engine,
        pid=os.getpid(),
        pid_start_time=start_time(os.getpid()),
        boot_id=boot_id(),
        host=socket.gethostname(),
        version=__version__,
        slots=slots,
        started_at=started_at,
        heartbeat_at=now,
        running=list(running),
        parked=dict(parked),
        until_idle=until_idle,
        draining=draining,
        waits=waits,
        min_memory_mb=floor.memory_mb,
        min_disk_mb=floor.disk_mb,
        stagger_s=stagger_s,
    )
