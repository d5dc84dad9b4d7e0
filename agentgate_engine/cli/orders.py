"""`agentgate priority`, `hold`, `release` and `requeue`: wishes about one order."""

from __future__ import annotations

import argparse

from agentgate_engine.cli.output import put, put_json, say
from agentgate_engine.cli.reading import make_store, run_id_of
from agentgate_engine.clock import Clock
from agentgate_engine.commands import queue
from agentgate_engine.commands.engines import living_engines
from agentgate_engine.commands.requeue import requeue as requeue_order
from agentgate_engine.errors import UsageError
from agentgate_engine.models.ids import OrderId, is_order_id, order_of, split_asked
from agentgate_engine.models.queue import QueuePlace
from agentgate_engine.store.store import Store
from agentgate_engine.views import wording
from agentgate_engine.views.safe_text import sanitize


def priority(asked: argparse.Namespace) -> int:
    """Give a waiting run another priority.

    Raises:
        UsageError: no such run, or it does not wait.
        StoreError: the store cannot be read or written.
    """
    store = make_store(asked)
    place = queue.reprioritise(store, run_id_of(store, asked.id), Clock(), asked.priority)
    return _told(asked, place, f"has priority {place.priority} now")


def hold(asked: argparse.Namespace) -> int:
    """Do not start a waiting run until it is released.

    Raises:
        UsageError: no such run, or it does not wait.
        StoreError: the store cannot be read or written.
    """
    store = make_store(asked)
    place = queue.hold(store, run_id_of(store, asked.id), Clock(), reason=asked.reason)
    return _told(asked, place, f"is not started before `agentgate release {place.run_id}`")


def release(asked: argparse.Namespace) -> int:
    """Let a held run start again.

    Raises:
        UsageError: no such run, or it does not wait.
        StoreError: the store cannot be read or written.
    """
    store = make_store(asked)
    return _told(asked, queue.release(store, run_id_of(store, asked.id), Clock()), "may start again")


def requeue(asked: argparse.Namespace) -> int:
    """Work an order once more, as a new run.

    Raises:
        UsageError: no such order, or its newest run has not ended.
        QueueFull: as many orders wait as may.
        StoreError: the store cannot be read or written.
    """
    store = make_store(asked)
    done = requeue_order(store, _order(store, asked.id), Clock())
    if asked.json:
        put_json({**done.place.as_json(), "insteadOf": done.instead_of})
        return 0
    put(done.run_id)
    say(_place_words(done.place))
    if not living_engines(store):
        say("no engine is alive: start one with `agentgate serve`")
    return 0


def _order(store: Store, asked: str) -> OrderId:
    """The order that an id means; one whose runs are all gone is found by its whole id."""
    prefix, _, _ = split_asked(asked)
    if is_order_id(prefix) and store.layout.work_order(OrderId(prefix)).exists():
        return OrderId(prefix)
    try:
        return order_of(run_id_of(store, asked))
    except UsageError as fault:
        raise UsageError(f"{fault}; an order without runs needs its whole id") from None


def _told(asked: argparse.Namespace, place: QueuePlace, words: str) -> int:
    if asked.json:
        put_json(place.as_json())
    else:
        put(f"{place.run_id} {words}; {_place_words(place)}")
    return 0


def _place_words(place: QueuePlace) -> str:
    """`queued as number 3, in about 4m10s`, or what holds it up."""
    words = f"queued as number {place.position}" if place.position else "queued"
    if place.waiting:
        return sanitize(f"{words}: {place.waiting}")
    return words + (f", starts in about {wording.duration(place.estimated_wait_ms)}" if place.estimated_wait_ms else "")
