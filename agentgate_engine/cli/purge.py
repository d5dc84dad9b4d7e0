"""`agentgate purge`: remove one order, or all that ended in the same way."""

from __future__ import annotations

import argparse

from agentgate_engine.cli.confirm import confirmed
from agentgate_engine.cli.output import put, put_json, say
from agentgate_engine.cli.reading import writable_store
from agentgate_engine.commands.purge import Purge, Purged, find_order, plan_purge, plan_purge_of
from agentgate_engine.commands.purge import purge as purge_order
from agentgate_engine.errors import UsageError
from agentgate_engine.views import wording
from agentgate_engine.views.safe_text import sanitize

_ENDED = {"passed": "succeeded", "failed": "failed", "canceled": "canceled"}


def purge(asked: argparse.Namespace) -> int:
    """Remove an order and all that there is of it, or every order whose newest run ended so, once the operator agrees.

    Raises:
        UsageError: no such order, or it cannot go; or nobody is there to ask.
        StoreError: the store cannot be written.
    """
    if (asked.id is None) == (asked.state is None):
        raise UsageError("say which order to remove, or give --state for all whose newest run ended so")
    store, left = writable_store(asked), list[str]()
    if asked.state is None:
        plans = [plan_purge(store, find_order(store, asked.id))]
    else:
        plans, left = plan_purge_of(store, _ENDED[asked.state])
    if plans and not confirmed(f"Remove {_words(plans)}?", yes=asked.yes):
        say("nothing was removed")
        return 1
    done = [purge_order(store, plan) for plan in plans]
    if asked.json:
        put_json(done[0] if asked.state is None else {"removed": done, "left": left})
    else:
        _put(done)
    for reason in left:
        say(sanitize(f"left alone: {reason}"))
    return 1 if any(each.faults for each in done) else 0


def _words(plans: list[Purge]) -> str:
    runs, size = sum(len(plan.runs) for plan in plans), wording.size(sum(plan.size for plan in plans))
    what = plans[0].order_id if len(plans) == 1 else wording.plural(len(plans), "order")
    words = f"{what} with {wording.plural(runs, 'run')} ({size})"
    undelivered = [run for plan in plans for run in plan.undelivered]
    if undelivered:
        words += f" and the work of {', '.join(undelivered)}, which was never delivered"
    return words


def _put(done: list[Purged]) -> None:
    for each in done:
        put(f"{each.order_id} removed: {wording.plural(len(each.runs), 'run')}, {wording.size(each.freed)} freed")
        for fault in each.faults:
            say(sanitize(f"not deleted yet: {fault}"))
    if not done:
        put("no order to remove")
