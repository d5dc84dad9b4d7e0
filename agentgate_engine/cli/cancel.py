"""`agentgate cancel`: end a run."""

from __future__ import annotations

import argparse

from agentgate_engine.cli.output import put, put_json
from agentgate_engine.cli.reading import make_store, run_id_of
from agentgate_engine.clock import Clock
from agentgate_engine.commands.cancel import cancel as cancel_run

_WORDS = {
    "done": "canceled; nothing of it runs any more",
    "asked": "asked to end, but the engine that has it did not answer yet; `agentgate status` tells",
    "already": "had ended before",
}


def cancel(asked: argparse.Namespace) -> int:
    """End a run and say what came of it. Exit 1 when its engine did not answer.

    Raises:
        UsageError: no such run.
        StoreError: it cannot be read or written.
    """
    store = make_store(asked)
    result = cancel_run(store, run_id_of(store, asked.id), Clock(), reason=asked.reason)
    if asked.json:
        put_json(result)
    else:
        put(f"{result.run_id} {_WORDS[result.outcome]} ({result.state})")
    return 1 if result.outcome == "asked" else 0
