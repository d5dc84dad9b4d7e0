"""`agentgate diff`: what an iteration changed."""

from __future__ import annotations

import argparse
import sys

from agentgate_engine.cli.output import put, put_json, writing
from agentgate_engine.cli.reading import read_asked
from agentgate_engine.errors import UsageError
from agentgate_engine.store.atomic import read_regular
from agentgate_engine.views.safe_text import sanitize


def diff(asked: argparse.Namespace) -> int:
    """Print the patch of an iteration: byte for byte into a file or pipe, as plain text on a terminal.

    Raises:
        UsageError: no such run, or no snapshot yet.
        StoreError: it cannot be read.
    """
    evidence, iteration = read_asked(asked)
    try:
        patch = read_regular(evidence.layout.diff(iteration))
    except FileNotFoundError:
        raise UsageError(
            f"{evidence.run.id}/{iteration} has no snapshot (yet): it is {evidence.run.state.value}"
        ) from None
    if asked.json:
        put_json({"run": evidence.run.id, "iteration": iteration, "patch": patch.decode(errors="replace")})
    elif sys.stdout.isatty():
        for line in patch.split(b"\n"):
            put(sanitize(line))
    else:
        with writing():
            sys.stdout.buffer.write(patch)
    return 0
