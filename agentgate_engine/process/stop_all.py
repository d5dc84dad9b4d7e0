"""Ending whatever still runs of a run, before anybody says that it has ended."""

from __future__ import annotations

from pathlib import Path

from agentgate_engine.clock import Clock
from agentgate_engine.errors import CorruptRecord
from agentgate_engine.process.process_host import ProcessHandle, ProcessHost


async def stop_all(processes: Path, clock: Clock) -> None:
    """Stop every supervised process in these folders that is alive, and wait until all of them are gone.

    A folder whose records are damaged tells of nothing that could be stopped, and is passed over.
    """
    host = ProcessHost(clock)
    handles: list[ProcessHandle] = []
    for directory in sorted(processes.iterdir()) if processes.is_dir() else []:
        try:
            found = await host.adopt(directory)
        except CorruptRecord:
            continue
        if isinstance(found, ProcessHandle):
            await found.stop()
            handles.append(found)
    for handle in handles:
        await handle.wait()
