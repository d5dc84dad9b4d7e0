"""What an operator can wish of the queue. Each wish is on the disk before anything follows from it."""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager

from agentgate_engine.clock import Clock, to_stamp
from agentgate_engine.commands.asked_by import whoami
from agentgate_engine.errors import LockHeld, ParkRun, StoreError, UsageError
from agentgate_engine.models.control import (
    MAX_CAPACITY,
    CapacityWish,
    HoldWish,
    PauseWish,
    PriorityWish,
    ReleaseWish,
    ResumeWish,
    Wish,
)
from agentgate_engine.models.ids import OrderId, RunId, is_order_id, split_asked
from agentgate_engine.models.queue import QueuePlace, QueueSettings
from agentgate_engine.store.control_log import record_wish
from agentgate_engine.store.index import Index
from agentgate_engine.store.queue_reader import read_place, read_settings
from agentgate_engine.store.store import Store
from agentgate_engine.store.wishes import apply_wishes

MIN_PRIORITY, MAX_PRIORITY = -1000, 1000


def pause_queue(store: Store, clock: Clock, *, reason: str = "") -> QueueSettings:
    """Start nothing new, whoever runs an engine, until it is resumed. What runs goes on."""
    return _settings(store, PauseWish(reason=reason), clock)


def resume_queue(store: Store, clock: Clock) -> QueueSettings:
    """Start again."""
    return _settings(store, ResumeWish(), clock)


def set_capacity(store: Store, clock: Clock, capacity: int) -> QueueSettings:
    """How many orders may wait. Those that wait already stay, even where they are more.

    Raises:
        UsageError: that is no capacity.
    """
    if not 1 <= capacity <= MAX_CAPACITY:
        raise UsageError(f"--capacity must be between 1 and {MAX_CAPACITY}, not {capacity}")
    return _settings(store, CapacityWish(capacity=capacity), clock)


def reprioritise(store: Store, run_id: RunId, clock: Clock, priority: int) -> QueuePlace:
    """Give a waiting run another priority; the higher goes first.

    Raises:
        UsageError: the run does not wait, or that is no priority.
    """
    if not MIN_PRIORITY <= priority <= MAX_PRIORITY:
        raise UsageError(f"a priority is between {MIN_PRIORITY} and {MAX_PRIORITY}, not {priority}")
    return _of_a_waiting_run(store, run_id, PriorityWish(priority=priority), clock)


def hold(store: Store, run_id: RunId, clock: Clock, *, reason: str = "") -> QueuePlace:
    """Do not start a waiting run until it is released.

    Raises:
        UsageError: the run does not wait.
    """
    return _of_a_waiting_run(store, run_id, HoldWish(reason=reason), clock)


def release(store: Store, run_id: RunId, clock: Clock) -> QueuePlace:
    """Let a held run start again.

    Raises:
        UsageError: the run does not wait.
    """
    return _of_a_waiting_run(store, run_id, ReleaseWish(), clock)


def check_after(store: Store, asked: Sequence[str]) -> list[OrderId]:
    """The orders that `--after` names, each once, by id or any unique beginning of one.

    Raises:
        UsageError: one is no order of this store; says which.
    """
    try:
        orders = sorted(name[:-5] for name in os.listdir(store.layout.work_orders) if name.endswith(".json"))
    except FileNotFoundError:
        orders = []
    found: list[OrderId] = []
    for text in asked:
        prefix, run, iteration = split_asked(text)
        if run is not None or iteration is not None:
            raise UsageError(f"--after waits for an order, not for one run of it: give {prefix} instead of {text}")
        fitting = [order for order in orders if is_order_id(order) and order.startswith(prefix)]
        if not fitting:
            raise UsageError(f"--after {text}: no order's id begins so; `agentgate status` lists them")
        if len(fitting) > 1:
            raise UsageError(f"--after {text} could be any of {', '.join(fitting[:8])}; give more letters")
        if OrderId(fitting[0]) not in found:
            found.append(OrderId(fitting[0]))
    return found


def _settings(store: Store, wish: Wish, clock: Clock) -> QueueSettings:
    with _writing(store):
        record_wish(store.layout, wish, by=whoami(), t=to_stamp(clock.now()))
        with _open(store) as index:
            apply_wishes(index)
            return read_settings(index)


def _of_a_waiting_run(store: Store, run_id: RunId, wish: Wish, clock: Clock) -> QueuePlace:
    with _writing(store), _open(store) as index:
        _require_waiting(index, run_id)
        record_wish(store.layout, wish, run=run_id, by=whoami(), t=to_stamp(clock.now()))
        apply_wishes(index)
        place = read_place(index, run_id)
        assert place is not None, "it was just there"
        return place


def _require_waiting(index: Index, run_id: RunId) -> None:
    found = index.read("select state, resumed from job where run_id=?", run_id)
    if not found:
        raise UsageError(f"{run_id} is not in the queue; the next engine takes it in, if it can be read")
    if found[0][0] == "done":
        raise UsageError(f"{run_id} has ended; `agentgate requeue {run_id}` works its order once more")
    if found[0][0] == "claimed" or found[0][1]:
        raise UsageError(f"{run_id} has begun and waits no more; `agentgate cancel {run_id}` ends it")


@contextmanager
def _open(store: Store) -> Generator[Index]:
    index = Index.open_writable(store.layout)
    try:
        yield index
    finally:
        index.close()


@contextmanager
def _writing(store: Store) -> Generator[None]:
    """A wish that cannot be written is refused, in the family of errors that commands end with."""
    try:
        yield
    except (ParkRun, LockHeld, OSError) as fault:
        raise StoreError(f"cannot write the wish to {store.layout.control}: {fault}; nothing was changed") from fault
