"""`agentgate diff`: what an iteration changed."""

from __future__ import annotations

import argparse
import sys

from agentgate_engine.cli.asked_run import asked_run
from agentgate_engine.cli.output import put, put_json, writing
from agentgate_engine.errors import UsageError
from agentgate_engine.store.atomic import read_regular
from agentgate_engine.views.safe_text import sanitize


def diff(asked: argparse.Namespace) -> int:
    """Print the patch of an iteration: byte for byte into a file or pipe, as plain text on a terminal.

    Raises:
        UsageError: no such run, or no snapshot yet.
        StoreError: it cannot be read.
    """
    run = asked_run(asked)
    try:
        patch = read_regular(run.layout.diff(run.iteration))
    except FileNotFoundError:
        if run.foreign:
            raise UsageError(f"no patch of {run.id}/{run.iteration} is in this store") from None
        raise UsageError(f"{run.id}/{run.iteration} has no snapshot (yet): it is {run.state}") from None
    if asked.json:
        put_json({"run": run.id, "iteration": run.iteration, "patch": patch.decode(errors="replace")})
    elif sys.stdout.isatty():
        for line in patch.split(b"\n"):
            put(sanitize(line))
    else:
        with writing():
            sys.stdout.buffer.write(patch)
    return 0
