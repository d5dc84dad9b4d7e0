"""`agentgate events`: everything that happened to a run, live if asked."""

from __future__ import annotations

import argparse
import os
import sys
import time

from agentgate_engine.cli.output import put, put_json, say, writing
from agentgate_engine.errors import UsageError
from agentgate_engine.models.ids import RunId
from agentgate_engine.store.layout import StoreLayout, resolve_root
from agentgate_engine.store.line_reader import LineReader, json_lines
from agentgate_engine.store.root import open_root
from agentgate_engine.store.run_finder import find_run
from agentgate_engine.views.safe_text import sanitize
from agentgate_engine.views.transcript_lines import event_text

FOLLOW_S = 0.1


def events(asked: argparse.Namespace) -> int:
    """Print the events of a run. With `--follow`, exit 1 if the run did not pass.

    Raises:
        UsageError: no such run, or options that exclude each other.
        StoreError: they cannot be read.
    """
    if asked.follow and asked.json:
        raise UsageError("--follow does not go with --json")
    layout = open_root(resolve_root(asked.home, os.environ)[0])
    run_id, _ = find_run(layout, asked.id)
    path = layout.run(run_id).events
    if asked.json:
        put_json(json_lines(path))
        return 0
    reader = LineReader(path)
    if asked.follow:
        return _follow(layout, run_id, reader)
    _put_new(reader)
    return 0


def _follow(layout: StoreLayout, run_id: RunId, reader: LineReader) -> int:
    from agentgate_engine.store.store import Store

    store = Store(layout)
    while True:
        run = store.read_run(run_id)
        _put_new(reader)
        if run.state.terminal:
            say(f"-- {run_id} {run.result} --")
            return 0 if run.result == "passed" else 1
        time.sleep(FOLLOW_S)


def _put_new(reader: LineReader) -> None:
    for line in reader.read_new():
        try:
            found = event_text(line)
            put(f"{found.time}  {found.text}")
        except ValueError:
            put("? " + sanitize(line[:200]))
    with writing():
        sys.stdout.flush()
