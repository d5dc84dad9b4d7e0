"""`agentgate doctor`: whether machine, store and agents are in order, and what to do where they are not."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agentgate_engine.agents.registry import DRIVERS
from agentgate_engine.cli.output import put, put_json
from agentgate_engine.commands.engines import living_engines
from agentgate_engine.errors import AgentGateError
from agentgate_engine.models.engine import EngineRecord
from agentgate_engine.models.work_order import AgentRequest
from agentgate_engine.store.atomic import read_regular
from agentgate_engine.store.health import RunHealth
from agentgate_engine.store.index import Index
from agentgate_engine.store.layout import resolve_root
from agentgate_engine.store.recovery import rebuild_index
from agentgate_engine.store.store import Store
from agentgate_engine.views import wording
from agentgate_engine.views.safe_text import sanitize
from agentgate_engine.workspace.manager import WorkspaceManager

NETWORK_FILE_SYSTEMS = {"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "afs", "ceph", "glusterfs"}
WIDTH = len("agent claude-code")
LOW_DISK_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `next_step` is set where something should be done."""

    what: str
    state: Literal["ok", "note", "problem"]
    detail: str
    next_step: str | None = None


def doctor(asked: argparse.Namespace) -> int:
    """Print every finding. Exit 1 when one is a problem.

    Raises:
        AgentGateError: `--rebuild` was asked for and is not possible.
    """
    root, origin = resolve_root(asked.home, os.environ)
    findings: list[Finding] = []
    if asked.rebuild:
        done = rebuild_index(Store.open(root))
        indexed = wording.plural(done.indexed, "run")
        words = f"{indexed} indexed, {done.queued} of them to be worked, {len(done.unreadable)} unreadable"
        findings.append(Finding("rebuild", "ok", words))
    findings += [*_machine(), *_terminal(), *_store(root, origin), *_agents()]
    if asked.json:
        put_json({"findings": findings})
    else:
        for finding in findings:
            mark = {"ok": "ok  ", "note": "note", "problem": "FAIL"}[finding.state]
            put(sanitize(f"{mark}  {finding.what:<{WIDTH}} {finding.detail}"))
            if finding.next_step:
                put(sanitize(f"{'':{WIDTH + 6}} -> {finding.next_step}"))
    return 1 if any(finding.state == "problem" for finding in findings) else 0


def _machine() -> Iterator[Finding]:
    linux = sys.platform == "linux"
    yield Finding(
        "system", "ok" if linux else "problem", platform.platform(), None if linux else "AgentGate needs Linux"
    )
    yield Finding("python", "ok", platform.python_version())
    git = shutil.which("git")
    if git is None:
        yield Finding("git", "problem", "not found", "install git 2.30 or later")
    else:
        version = subprocess.run([git, "--version"], capture_output=True, text=True, timeout=10, check=False).stdout
        yield Finding("git", "ok", version.strip().removeprefix("git version "))
    yield Finding("sqlite", "ok", sqlite3.sqlite_version)
    try:
        instances = int(Path("/proc/sys/fs/inotify/max_user_instances").read_text())
        low = instances < 64
        advice = "raise fs.inotify.max_user_instances" if low else None
        yield Finding("inotify", "note" if low else "ok", f"{instances} watchers a user", advice)
    except (OSError, ValueError):
        yield Finding("inotify", "note", "cannot be told; the console falls back to polling")


def _terminal() -> Iterator[Finding]:
    term = os.environ.get("TERM", "")
    size = shutil.get_terminal_size((0, 0))
    encoding = (sys.stdout.encoding or "").lower()
    words = f"TERM={term or '(unset)'}, {size.columns}x{size.lines}, {encoding}" + (
        ", tmux" if "TMUX" in os.environ else ""
    )
    if term in ("", "dumb"):
        yield Finding("terminal", "note", words, "no console here: `agentgate` alone prints the status")
    elif "utf" not in encoding:
        yield Finding("terminal", "note", words, "the console draws ASCII signs; set a UTF-8 locale for more")
    else:
        yield Finding("terminal", "ok", words)


def _store(root: Path, origin: str) -> Iterator[Finding]:
    if not root.exists():
        yield Finding("store", "note", f"none yet at {root} ({origin})", "the first submit makes it")
        return
    try:
        store = Store.open(root)
    except AgentGateError as fault:
        yield Finding("store", "problem", str(fault))
        return
    writable = os.access(root, os.W_OK | os.X_OK)
    yield Finding(
        "store",
        "ok" if writable else "problem",
        f"{root} ({origin})",
        None if writable else "it is not writable for you",
    )
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
    engines = living_engines(store)
    for engine in engines:
        yield _engine(store, engine)
    if not engines:
        yield Finding("engines", "note", "none alive", "agentgate serve")
    yield from _runs(store)


def _engine(store: Store, engine: str) -> Finding:
    """A living engine, and how it is stopped. Its record comes a moment after its lock."""
    path = store.layout.engine_record(engine)
    try:
        record = EngineRecord.from_json(read_regular(path), str(path))
    except (AgentGateError, FileNotFoundError):
        return Finding("engine", "ok", engine)
    words = f"{engine}: pid {record.pid}, {wording.plural(record.slots, 'slot')}, {len(record.running)} running"
    return Finding("engine", "ok", words, f"`kill {record.pid}` stops it and leaves its agents running")


def _runs(store: Store) -> Iterator[Finding]:
    try:
        index = Index.open_readonly(store.layout)
    except AgentGateError as fault:
        if store.run_ids():
            yield Finding("index", "problem", str(fault), "agentgate doctor --rebuild")
        return
    try:
        rows = {row.id: row for row in index.rows()}
    finally:
        index.close()
    for run, reason in RunHealth(store.layout).unreadable(rows, newest=1_000_000):
        yield Finding(
            "run", "problem", f"{run} cannot be read: {reason}", "its logs still can; doctor --rebuild reads events"
        )
    stranded = [run for run in store.run_ids() if run not in rows]
    if stranded:
        yield Finding(
            "index", "note", f"{len(stranded)} runs are not in it", "the next engine takes them in, or --rebuild"
        )
    else:
        yield Finding("index", "ok", wording.plural(len(rows), "run"))
    dangling = [run for run in rows if not store.layout.run(rows[run].id).directory.is_dir()]  # pyright: ignore[reportArgumentType]
    if dangling:
        yield Finding("index", "problem", f"no files for {', '.join(dangling[:5])}", "agentgate doctor --rebuild")
    left = [run for run in WorkspaceManager(store.layout.workspaces).list() if run not in rows]
    if left:
        yield Finding(
            "workspaces", "note", f"without a run: {', '.join(left[:5])}", f"delete them in {store.layout.workspaces}"
        )


def _agents() -> Iterator[Finding]:
    for name, driver in DRIVERS.items():
        if name == "claude-code":
            problem = driver.problem(AgentRequest(type="claude-code"), os.environ)
            yield Finding(f"agent {name}", "note" if problem else "ok", problem or "installed")
        else:
            yield Finding(f"agent {name}", "ok", "built in")


def _file_system(path: Path) -> str:
    """The type of the file system that holds `path`, from the longest mount point above it."""
    try:
        mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    except OSError:
        return "unknown"
    real = str(path.resolve())
    above = [m for m in mounts if real == m[1] or real.startswith(m[1].rstrip("/") + "/")]
    return max(above, key=lambda mount: len(mount[1]))[2] if above else "unknown"
