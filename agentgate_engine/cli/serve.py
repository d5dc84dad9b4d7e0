"""`agentgate serve`: an engine, in the foreground."""

from __future__ import annotations

import argparse
import asyncio
import math
import os
import signal
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from agentgate_engine.cli.output import put_json, say
from agentgate_engine.cli.reading import make_store
from agentgate_engine.errors import UsageError
from agentgate_engine.models.ids import new_engine_id
from agentgate_engine.orchestrator import Orchestrator
from agentgate_engine.slots.headroom import MIN_DISK_MB, Floor, default_memory_floor, measure
from agentgate_engine.views.wording import plural

N = TypeVar("N", int, float)


def serve(asked: argparse.Namespace) -> int:
    """Work the queue until SIGINT or SIGTERM, until drained, or until it is empty. What runs then goes on for the next
    engine.

    Raises:
        UsageError: a number that makes no sense.
        StoreError: the store cannot be used.
    """
    slots = _setting(asked.slots, "--slots", "AGENTGATE_SLOTS", os.environ, int, 1, 64, 2)
    stagger = _setting(asked.stagger, "--stagger", "AGENTGATE_STAGGER", os.environ, float, 0.0, 86400.0, 0.0)
    store = make_store(asked)
    most = default_memory_floor(measure(store.layout.root).total_memory_mb)
    memory = _setting(asked.min_memory, "--min-memory", "AGENTGATE_MIN_MEMORY", os.environ, int, 0, 1 << 30, most)
    disk = _setting(asked.min_disk, "--min-disk", "AGENTGATE_MIN_DISK", os.environ, int, 0, 1 << 40, MIN_DISK_MB)
    engine = Orchestrator(
        store,
        dict(os.environ),
        lambda text: say(f"{time.strftime('%H:%M:%S')} {text}"),
        slots=slots,
        until_idle=asked.until_idle,
        engine=asked.engine_id or new_engine_id(),
        floor=Floor(memory, disk),
        stagger_s=stagger,
    )
    say(
        f"engine {engine.engine} on {store.layout.root}, {plural(slots, 'slot')}; starts with at least {memory} MB of"
        f" memory and {disk} MB of disk free" + (f", {stagger:g} s apart" if stagger else "")
    )
    asyncio.run(_until_stopped(engine))
    if asked.json:
        put_json({"engine": engine.engine, "slots": engine.slots})
    return 0


def _setting(
    given: N | None,
    option: str,
    variable: str,
    environment: Mapping[str, str],
    kind: Callable[[str], N],
    low: N,
    high: N,
    default: N,
) -> N:
    """A number from the command line, else from the environment, else the default.

    Raises:
        UsageError: it is none, or out of bounds; names where it stands.
    """
    where, value = option, given
    if value is None and environment.get(variable):
        where = variable
        try:
            value = kind(environment[variable])
        except ValueError:
            raise UsageError(f"{variable} is no number: {environment[variable]!r}") from None
    if value is None:
        return default
    if not math.isfinite(value) or not low <= value <= high:
        raise UsageError(f"{where} must be between {low:g} and {high:g}, not {value:g}")
    return value


async def _until_stopped(engine: Orchestrator) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, engine.stop)
    await engine.serve()
