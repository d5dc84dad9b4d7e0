"""What `agentgate doctor` finds in a store."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from agentgate_engine.cli.doctor_foreign import examine_default, examine_foreign
from agentgate_engine.cli.finding import Finding
from agentgate_engine.errors import AgentGateError
from agentgate_engine.models.queue import health_of
from agentgate_engine.store.engine_rows import EngineRow, engine_rows
from agentgate_engine.store.examination import examine
from agentgate_engine.store.foreign.foreign_store import ForeignStore
from agentgate_engine.store.health import RunHealth
from agentgate_engine.store.index import Index
from agentgate_engine.store.locks import is_held
from agentgate_engine.store.queue_reader import read_stats
from agentgate_engine.store.store import Store
from agentgate_engine.views import wording
from agentgate_engine.views.engine_view import engine_lines
from agentgate_engine.workspace.lease import LeaseBook
from agentgate_engine.workspace.manager import WorkspaceManager

if TYPE_CHECKING:
    from agentgate_engine.commands.quarantine import Treated

NETWORK_FILE_SYSTEMS = {"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "afs", "ceph", "glusterfs"}
LOW_DISK_BYTES = 1 << 30
_SHOWN = 5

_STEPS: dict[str, str] = {
    "order without a run": "`agentgate requeue ORDER` works it, if a run of it is in quarantine; else submit it again",
    "run without an order": "its evidence can still be read; it cannot be worked or requeued",
    "unreadable order": "`agentgate doctor --quarantine` moves it away",
    "order and run disagree": "`agentgate doctor --quarantine` mends it from its events, or moves it away",
    "run and index disagree": "`agentgate doctor --rebuild` makes the index again from the files",
    "parked run": "an engine tries it again; mend what it says, or `agentgate doctor --quarantine`",
    "claim of a dead engine": "start an engine: `agentgate serve`",
}


def examine_store(root: Path, origin: str) -> Iterator[Finding]:
    """The store, its disk, its engines, its queue and its records."""
    yield from examine_default(root)
    if not root.exists():
        yield Finding("store", "note", f"none yet at {root} ({origin})", "the first submit makes it")
        return
    if (foreign := ForeignStore.open(root)) is not None:
        yield from examine_foreign(foreign, origin)
        return
    try:
        store = Store.open(root)
    except AgentGateError as fault:
        yield Finding("store", "problem", str(fault))
        return
    writable = os.access(root, os.W_OK | os.X_OK)
    words = f"{root} ({origin})"
    yield Finding("store", "ok" if writable else "problem", words, None if writable else "it is not writable for you")
    yield from _disk(root)
    engines = engine_rows(store.layout)
    yield from _engines(store, engines)
    yield from _records(store, engines)


def treated(found: Sequence[Treated]) -> Iterator[Finding]:
    """What `--quarantine` did."""
    if not found:
        yield Finding("quarantine", "ok", "every run and order can be read")
    for each in found:
        where = f" to {each.where}" if each.where is not None else ""
        state = "note" if each.outcome == "left" else "ok"
        yield Finding("quarantine", state, f"{each.what} {each.outcome}{where}: {each.reason}")


def _disk(root: Path) -> Iterator[Finding]:
    kind = _file_system(root)
    if kind in NETWORK_FILE_SYSTEMS:
        yield Finding("file system", "problem", kind, "locks and syncs cannot be trusted there; use a local disk")
    else:
        yield Finding("file system", "ok", kind)
    free = shutil.disk_usage(root).free
    low = free < LOW_DISK_BYTES
    yield Finding(
        "free disk", "problem" if low else "ok", f"{free >> 20} MB", "free some: runs would be parked" if low else None
    )


def _engines(store: Store, engines: Sequence[EngineRow]) -> Iterator[Finding]:
    for line in engine_lines(engines, time.time()):
        pid = f"pid {line.pid}, " if line.pid is not None else ""
        words = f"{line.id}: {line.state}, {pid}{wording.plural(line.slots, 'slot')}, {len(line.running)} running"
        if line.state == "hung":
            yield Finding("engine", "problem", f"{words}, silent for {line.silent}", line.next_step)
            continue
        yield Finding("engine", "ok", words, f"`agentgate stop {line.id}` ends it and leaves its agents running")
        if line.waits:
            yield Finding("engine", "note", f"{line.id} starts nothing new: {line.waits}")
        for run, why in line.parked:
            yield Finding("engine", "note", f"{line.id}: {run} waits: {why}")
    if not engines:
        yield Finding("engines", "note", "none alive", "agentgate serve")
    if len(engines) > 1:
        slots = sum(engine.slots for engine in engines)
        words = f"{len(engines)} are alive and share the queue: together up to {slots} runs at once"
        yield Finding("engines", "note", words, "`agentgate stop ENGINE` ends one, if that is not meant")
    dead = [file.stem for file in store.layout.engines.glob("*.json") if not is_held(file.with_suffix(".lock"))]
    if dead:
        words = f"records of engines that ended badly: {_some(dead)}"
        yield Finding("engines", "note", words, "the next engine takes up what they had, and removes them")


def _records(store: Store, engines: Sequence[EngineRow]) -> Iterator[Finding]:
    try:
        index = Index.open_readonly(store.layout)
    except AgentGateError as fault:
        if store.run_ids():
            yield Finding("index", "problem", str(fault), "agentgate doctor --rebuild")
        return
    try:
        rows = {row.id for row in index.rows()}
        health = health_of(read_stats(index, engines))
        troubles = examine(store, index)
    finally:
        index.close()
    state = "problem" if health.state == "unhealthy" else "note" if health.state == "degraded" else "ok"
    yield Finding("queue", state, f"{health.state}: {health.reason}", health.notes[0] if health.notes else None)
    for run, reason in RunHealth(store.layout).unreadable(rows, newest=1_000_000):
        step = "`agentgate doctor --quarantine` mends it from its events, or moves it away"
        yield Finding("run", "problem", f"{run} cannot be read: {reason}", step)
    for kind, group in groupby(troubles, key=lambda trouble: trouble.kind):
        found = list(group)
        words = "; ".join(f"{each.what} ({each.detail})" for each in found[:_SHOWN])
        more = f"; {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        yield Finding("records", "problem", f"{kind}: {words}{more}", _STEPS[kind])
    yield from _index(store, rows)
    yield from _leftovers(store, rows)


def _index(store: Store, rows: set[str]) -> Iterator[Finding]:
    there = set(store.run_ids())
    stranded, dangling = sorted(there - rows), sorted(rows - there)
    if stranded:
        words = f"{wording.plural(len(stranded), 'run')} not in it: {_some(stranded)}"
        yield Finding("index", "note", words, "the next engine takes them in, or --rebuild")
    else:
        yield Finding("index", "ok", wording.plural(len(rows), "run"))
    if dangling:
        yield Finding("index", "problem", f"no files for {_some(dangling)}", "agentgate doctor --rebuild")


def _leftovers(store: Store, rows: set[str]) -> Iterator[Finding]:
    left = [run for run in WorkspaceManager(store.layout.workspaces).list() if run not in rows]
    if left:
        yield Finding(
            "workspaces", "note", f"without a run: {_some(left)}", f"delete them in {store.layout.workspaces}"
        )
    book = LeaseBook(store.layout)
    dead = [f"{lease.path} (of {lease.run_id})" for lease in book.all() if not book.counts(lease)]
    if dead:
        yield Finding("leases", "note", f"of runs that are over: {_some(dead)}", "the next engine gives them back")
    moved = sorted(path.name for path in store.layout.quarantine.iterdir()) if store.layout.quarantine.is_dir() else []
    if moved:
        words = f"{_some(moved)} in {store.layout.quarantine}"
        yield Finding("quarantine", "note", words, "look at it, and delete what nobody needs")


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def _file_system(path: Path) -> str:
    """The type of the file system that holds `path`, from the longest mount point above it."""
    try:
        mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    except OSError:
        return "unknown"
    real = str(path.resolve())
    above = [m for m in mounts if real == m[1] or real.startswith(m[1].rstrip("/") + "/")]
    return max(above, key=lambda mount: len(mount[1]))[2] if above else "unknown"
