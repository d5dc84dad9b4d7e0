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
from pathlib import Path

from agentgate_engine.agents.registry import DRIVERS
from agentgate_engine.cli.doctor_store import examine_store, treated
from agentgate_engine.cli.finding import Finding
from agentgate_engine.cli.output import put, put_json
from agentgate_engine.clock import Clock
from agentgate_engine.delivery.token import TOKEN_VARIABLES, find_token
from agentgate_engine.errors import UsageError
from agentgate_engine.models.work_order import AgentRequest
from agentgate_engine.store.layout import resolve_root
from agentgate_engine.store.store import Store
from agentgate_engine.views import wording
from agentgate_engine.views.safe_text import sanitize

WIDTH = len("agent claude-code")


def doctor(asked: argparse.Namespace) -> int:
    """Print every finding. Exit 1 when one is a problem.

    Raises:
        AgentGateError: `--quarantine` or `--rebuild` was asked for and is not possible.
    """
    root, origin = resolve_root(asked.home, os.environ)
    findings: list[Finding] = []
    if asked.quarantine:
        from agentgate_engine.commands.quarantine import quarantine_unreadable

        findings += treated(quarantine_unreadable(Store.create_or_open(root), Clock()))
    if asked.rebuild:
        from agentgate_engine.store.recovery import rebuild_index

        done = rebuild_index(Store.open(root))
        indexed = wording.plural(done.indexed, "run")
        words = f"{indexed} indexed, {done.queued} of them to be worked, {len(done.unreadable)} unreadable"
        findings.append(Finding("rebuild", "ok", words))
    findings += [*_machine(), *_terminal(), *examine_store(root, origin), *_agents(), _github()]
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


def _agents() -> Iterator[Finding]:
    for name, driver in DRIVERS.items():
        if name == "claude-code":
            problem = driver.problem(AgentRequest(type="claude-code"), os.environ)
            yield Finding(f"agent {name}", "note" if problem else "ok", problem or "installed")
        else:
            yield Finding(f"agent {name}", "ok", "built in")


def _github() -> Finding:
    """Where the token for github.com comes from; never what it is."""
    try:
        token = find_token(os.environ)
    except UsageError as fault:
        return Finding("github", "problem", str(fault))
    if token is not None:
        return Finding("github", "ok", f"token from {token.origin}")
    first, *others = TOKEN_VARIABLES
    step = f"for pull requests set {first} (or {' or '.join(others)}) where the engine starts, or run `gh auth login`"
    return Finding("github", "note", "no token", step)
