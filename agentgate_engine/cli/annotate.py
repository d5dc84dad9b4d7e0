"""`agentgate pin`, `unpin` and `note`: what an operator says about a run."""

from __future__ import annotations

import argparse

from agentgate_engine.cli.output import put, put_json, say
from agentgate_engine.cli.reading import open_store, run_id_of, writable_store
from agentgate_engine.clock import Clock
from agentgate_engine.commands import annotate as act
from agentgate_engine.store.annotations import Annotations
from agentgate_engine.views.annotation_lines import note_lines


def pin(asked: argparse.Namespace) -> int:
    """Keep a run from `clean`.

    Raises:
        UsageError: no such run.
        StoreError: the store cannot be written.
    """
    store = writable_store(asked)
    done = act.pin(store, run_id_of(store, asked.id), Clock(), reason=asked.reason)
    if asked.json:
        put_json(done)
    else:
        put(f"{done.run_id} is pinned" + ("" if done.changed else " already"))
    return 0


def unpin(asked: argparse.Namespace) -> int:
    """Let `clean` have a run again.

    Raises:
        UsageError: no such run.
        StoreError: the store cannot be written.
    """
    store = writable_store(asked)
    done = act.unpin(store, run_id_of(store, asked.id), Clock())
    if asked.json:
        put_json(done)
    else:
        put(f"{done.run_id} is " + ("no longer pinned" if done.changed else "not pinned"))
    return 0


def note(asked: argparse.Namespace) -> int:
    """Remember something about a run, or show what is remembered.

    Raises:
        UsageError: no such run, or no usable note.
        StoreError: the store cannot be read or written.
    """
    store = writable_store(asked) if asked.text else open_store(asked)
    run = run_id_of(store, asked.id)
    if asked.text:
        act.note(store, run, " ".join(asked.text), Clock())
    notes = Annotations.read(store.layout).notes.get(run, [])
    if asked.json:
        put_json({"runId": run, "notes": notes})
    elif asked.text:
        put(f"{run} has {len(notes)} note" + ("" if len(notes) == 1 else "s"))
    else:
        for line in note_lines(notes):
            put(line)
        if not notes:
            say(f"nothing is noted about {run}")
    return 0
