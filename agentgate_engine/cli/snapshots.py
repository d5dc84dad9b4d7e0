"""`agentgate snapshots` and `agentgate restore`: the states of a run, and one of them put somewhere new."""

from __future__ import annotations

import argparse
import shutil

from agentgate_engine.cli.output import put, put_json, say, table
from agentgate_engine.cli.reading import open_store, run_id_of
from agentgate_engine.commands.workspaces import (
    RunSnapshots,
    StateAsked,
    list_snapshots,
    restore_to_branch,
    restore_to_directory,
)
from agentgate_engine.errors import UsageError
from agentgate_engine.store.run_finder import find_run
from agentgate_engine.views.safe_text import sanitize
from agentgate_engine.views.wording import plural


def snapshots(asked: argparse.Namespace) -> int:
    """List the states of a run.

    Raises:
        UsageError: no such run.
        StoreError: it cannot be read.
    """
    store = open_store(asked)
    found = list_snapshots(store, run_id_of(store, asked.id))
    if asked.json:
        put_json(found)
        return 0
    width = shutil.get_terminal_size((100, 24)).columns
    for line in table(("STATE", "COMMIT", "FILES", "LINES", "MADE", "NOTE"), _rows(found), flexible=5, width=width):
        put(line)
    if not found.snapshots:
        say(f"{found.run_id} has no snapshot (yet)")
    return 0


def restore(asked: argparse.Namespace) -> int:
    """Put a state of a run into a new directory, or on a new branch.

    Raises:
        UsageError: no such state, or the place is taken.
        StoreError: the run cannot be read.
        WorkspaceError: it could not be written; nothing was changed.
    """
    store = open_store(asked)
    run_id, iteration = find_run(store.layout, asked.id)
    if iteration is not None and asked.kept is not None:
        raise UsageError(f"{asked.id} names a snapshot and --kept another state: give one of them")
    state = StateAsked(run_id, iteration, asked.kept)
    if asked.to is not None:
        if asked.repo is not None:
            raise UsageError("--repo is for --branch and does nothing for --to: leave it out")
        done = restore_to_directory(store, state, asked.to.absolute())
    else:
        done = restore_to_branch(store, state, asked.branch, asked.repo.absolute() if asked.repo else None)
    if asked.json:
        put_json(done)
    elif done.branch is not None:
        put(sanitize(f"{done.label} is the branch {done.branch} of {done.place} ({done.commit[:12]})"))
    else:
        put(sanitize(f"{done.label} is in {done.place}: {plural(done.files or 0, 'file')} ({done.commit[:12]})"))
    return 0


def _rows(found: RunSnapshots) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for snapshot in found.snapshots:
        notes = ["changed nothing"] if not snapshot.files_changed else []
        if snapshot.agent_commits:
            notes.append(plural(snapshot.agent_commits, "commit") + " of the agent's own")
        if not snapshot.here:
            notes.append("in the source")
        rows.append(
            (
                f"{found.run_id}/{snapshot.iteration}",
                snapshot.commit[:12],
                str(snapshot.files_changed),
                f"+{snapshot.insertions} -{snapshot.deletions}",
                sanitize(snapshot.created_at),
                ", ".join(notes),
            )
        )
    for state in found.kept:
        note = "what the run started from" if state.name == "start" else "put aside unfinished"
        rows.append((f"--kept {sanitize(state.name)}", state.commit[:12], "", "", state.created_at, note))
    return rows
