"""`agentgate engines`, `drain` and `stop`. Listing them imports no pydantic."""

from __future__ import annotations

import argparse
import os
import shutil
import time

from agentgate_engine.cli.output import put, put_json, say, table
from agentgate_engine.store.engine_rows import engine_rows
from agentgate_engine.store.layout import resolve_root
from agentgate_engine.store.root import open_root
from agentgate_engine.views import wording
from agentgate_engine.views.engine_view import EngineLine, engine_lines


def engines(asked: argparse.Namespace) -> int:
    """List the living engines.

    Raises:
        StoreError: there is no readable store.
    """
    lines = engine_lines(engine_rows(open_root(resolve_root(asked.home, os.environ)[0])), time.time())
    if asked.json:
        put_json({"engines": lines})
        return 0
    if not lines:
        put("no engine is alive; `agentgate serve` is one")
        return 0
    width = shutil.get_terminal_size((100, 24)).columns
    header = ("ENGINE", "STATE", "PID", "SLOTS", "RUNNING", "ALIVE", "SILENT", "STARTS NOTHING NEW")
    for text in table(header, map(_cells, lines), flexible=7, width=width):
        put(text)
    for line in lines:
        for run, why in line.parked:
            put(f"{line.id}: {run} waits: {why}")
        if line.next_step:
            say(f"{line.id}: {line.next_step}")
    return 0


def _cells(line: EngineLine) -> tuple[str, ...]:
    pid = str(line.pid) if line.pid is not None else "?"
    return (line.id, line.state, pid, str(line.slots), str(len(line.running)), line.alive, line.silent, line.waits)


def drain(asked: argparse.Namespace) -> int:
    """Have an engine finish what it works, take nothing new, and end.

    Raises:
        UsageError: no such engine, or more than one.
        StoreError: the store cannot be written.
    """
    from agentgate_engine.cli.reading import make_store
    from agentgate_engine.clock import Clock
    from agentgate_engine.commands.engines import drain_engine

    engine = drain_engine(make_store(asked), asked.engine, Clock())
    if asked.json:
        put_json({"engine": engine.id, "running": list(engine.running)})
    else:
        left = wording.plural(len(engine.running), "run")
        put(f"{engine.id} takes nothing new and ends when its {left} ended; `agentgate engines` tells")
    return 0


def stop(asked: argparse.Namespace) -> int:
    """End an engine; its agents go on for the next one. Exit 1 when it did not end.

    Raises:
        UsageError: no such engine, or more than one.
        StoreError: the store cannot be written.
    """
    from agentgate_engine.cli.reading import make_store
    from agentgate_engine.clock import Clock
    from agentgate_engine.commands.engines import stop_engine

    done = stop_engine(make_store(asked), asked.engine, Clock(), force=asked.force)
    if asked.json:
        put_json(done)
    elif done.outcome == "asked":
        put(f"{done.engine} was told to end and is still alive; `agentgate stop {done.engine} --force` kills it")
    else:
        left = f"; {wording.plural(len(done.running), 'run')} of it left for the next engine" if done.running else ""
        put(f"{done.engine} {'was killed' if done.outcome == 'killed' else 'ended'}{left}")
    return 1 if done.outcome == "asked" else 0
