"""`agentgate cancel`: end a run, or all that wait."""

from __future__ import annotations

import argparse

from agentgate_engine.cli.output import put, put_json
from agentgate_engine.cli.reading import make_store, run_id_of
from agentgate_engine.clock import Clock
from agentgate_engine.commands.cancel import CancelResult, cancel_all_queued
from agentgate_engine.commands.cancel import cancel as cancel_run
from agentgate_engine.errors import UsageError
from agentgate_engine.views import wording

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
    if (asked.id is None) != asked.all_queued:
        raise UsageError("say which run to end, or give --all-queued for every order that waits")
    store = make_store(asked)
    if asked.all_queued:
        results = cancel_all_queued(store, Clock(), reason=asked.reason)
        if asked.json:
            put_json({"canceled": results})
        else:
            put(f"{wording.plural(sum(each.outcome == 'done' for each in results), 'order')} canceled")
            for each in results:
                if each.outcome != "done":
                    put(_words(each))
        return 1 if any(each.outcome == "asked" for each in results) else 0
    result = cancel_run(store, run_id_of(store, asked.id), Clock(), reason=asked.reason)
    if asked.json:
        put_json(result)
    else:
        put(_words(result))
    return 1 if result.outcome == "asked" else 0


def _words(result: CancelResult) -> str:
    return f"{result.run_id} {_WORDS[result.outcome]} ({result.state})"
