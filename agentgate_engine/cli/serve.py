"""`agentgate serve`: an engine, in the foreground."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import time

from agentgate_engine.cli.output import put_json, say
from agentgate_engine.cli.reading import make_store
from agentgate_engine.errors import UsageError
from agentgate_engine.models.ids import new_engine_id
from agentgate_engine.orchestrator import Orchestrator


def serve(asked: argparse.Namespace) -> int:
    """Work the queue until SIGINT or SIGTERM, or until it is empty. What runs then goes on for the next engine.

    Raises:
        UsageError: a number of slots that makes no sense.
        StoreError: the store cannot be used.
    """
    if not 1 <= asked.slots <= 64:
        raise UsageError(f"--slots must be between 1 and 64, not {asked.slots}")
    store = make_store(asked)
    engine = Orchestrator(
        store,
        dict(os.environ),
        lambda text: say(f"{time.strftime('%H:%M:%S')} {text}"),
        slots=asked.slots,
        until_idle=asked.until_idle,
        engine=asked.engine_id or new_engine_id(),
    )
    say(f"engine {engine.engine} on {store.layout.root}, {asked.slots} slots")
    asyncio.run(_until_stopped(engine))
    if asked.json:
        put_json({"engine": engine.engine, "slots": engine.slots})
    return 0


async def _until_stopped(engine: Orchestrator) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, engine.stop)
    await engine.serve()
