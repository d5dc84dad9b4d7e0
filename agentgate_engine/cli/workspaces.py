"""`agentgate workspaces` and `agentgate take`: what runs keep on the disk, and work that was not delivered."""

from __future__ import annotations

import argparse
import shutil

from agentgate_engine.cli.output import put, put_json, say, table
from agentgate_engine.cli.reading import open_store, run_id_of
from agentgate_engine.commands.workspaces import WorkspaceRow, list_workspaces
from agentgate_engine.commands.workspaces import take as take_branch
from agentgate_engine.views.safe_text import sanitize
from agentgate_engine.views.wording import plural

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def workspaces(asked: argparse.Namespace) -> int:
    """List every workspace of the store.

    Raises:
        StoreError: the store cannot be read.
    """
    rows = list_workspaces(open_store(asked))
    if asked.json:
        put_json(rows)
        return 0
    width = shutil.get_terminal_size((100, 24)).columns
    header = ("RUN", "STATE", "WORKSPACE", "DISK", "SHARED", "SNAPSHOTS", "NOTE")
    for line in table(header, map(_cells, rows), flexible=6, width=width):
        put(line)
    freeable = sum(row.total_bytes - row.shared_bytes for row in rows)
    say(f"{plural(len(rows), 'workspace')}; deleting them all would free {size(freeable)}")
    return 0


def take(asked: argparse.Namespace) -> int:
    """Fetch the branch of a run into a repository of the operator's.

    Raises:
        UsageError: there is nothing to take.
        WorkspaceError: a branch of that name is there with other work.
        StoreError: the run cannot be read.
    """
    store = open_store(asked)
    target = asked.repo.absolute() if asked.repo else None
    done = take_branch(store, run_id_of(store, asked.id), asked.branch, target)
    if asked.json:
        put_json(done)
        return 0
    put(sanitize(f"the branch {done.branch} is in {done.repository} ({done.commit[:12]})"))
    if done.note is not None:
        say(sanitize(f"note: {done.note}"))
    return 0


def size(count: int) -> str:
    """Bytes in the largest unit that leaves a number of at least 1."""
    value = float(count)
    for unit in _UNITS[:-1]:
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} {_UNITS[-1]}"


def _cells(row: WorkspaceRow) -> tuple[str, ...]:
    notes: list[str] = []
    if row.fault is not None:
        notes.append(row.fault)
    if row.in_place:
        notes.append(f"in place: {row.tree or row.lease or 'gone'}")
    if row.lease is not None and not row.leased_by_run:
        notes.append(f"left a lease on {row.lease}")
    aside = [name for name in row.kept_states if name != "start"]
    if aside:
        notes.append("put aside: " + ", ".join(aside))
    return (
        row.run_id,
        row.run_state or "no run",
        row.state,
        size(row.total_bytes),
        size(row.shared_bytes),
        str(row.snapshots),
        sanitize("; ".join(notes)),
    )
