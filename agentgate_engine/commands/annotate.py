"""What an operator says about a run: keep it, let it go again, remember this. Each is on the disk when it returns."""

from __future__ import annotations

from dataclasses import dataclass

from agentgate_engine.clock import Clock, to_stamp
from agentgate_engine.commands.asked_by import whoami
from agentgate_engine.errors import LockHeld, ParkRun, StoreError, UsageError
from agentgate_engine.models.control import NoteWish, PinWish, UnpinWish, Wish
from agentgate_engine.models.ids import RunId
from agentgate_engine.store.annotations import Annotations
from agentgate_engine.store.control_log import record_wish
from agentgate_engine.store.store import Store

MAX_NOTE_CHARS = 4000


@dataclass(frozen=True, slots=True)
class Pinned:
    """Whether a run is pinned now, and whether that is new."""

    run_id: RunId
    pinned: bool
    changed: bool


def pin(store: Store, run: RunId, clock: Clock, *, reason: str = "") -> Pinned:
    """Keep a run from retention. Pinning it again with another reason replaces the reason.

    Raises:
        UsageError: the reason is too long.
        StoreError: the wish cannot be written.
    """
    _check(reason, "the reason")
    known = Annotations.read(store.layout).pins.get(run)
    if known is not None and known.reason == reason:
        return Pinned(run, pinned=True, changed=False)
    _record(store, run, PinWish(reason=reason), clock)
    return Pinned(run, pinned=True, changed=True)


def unpin(store: Store, run: RunId, clock: Clock) -> Pinned:
    """Let retention have a run again.

    Raises:
        StoreError: the wish cannot be written.
    """
    if run not in Annotations.read(store.layout).pins:
        return Pinned(run, pinned=False, changed=False)
    _record(store, run, UnpinWish(), clock)
    return Pinned(run, pinned=False, changed=True)


def note(store: Store, run: RunId, text: str, clock: Clock) -> None:
    """Remember something about a run.

    Raises:
        UsageError: there is nothing to remember, or too much.
        StoreError: it cannot be written.
    """
    if not text.strip():
        raise UsageError("the note is empty; say what to remember")
    _check(text, "the note")
    _record(store, run, NoteWish(text=text), clock)


def _check(text: str, what: str) -> None:
    if len(text) > MAX_NOTE_CHARS:
        raise UsageError(f"{what} has {len(text)} characters; the limit is {MAX_NOTE_CHARS}")
    if not text.isascii() and text != text.encode("utf-8", "replace").decode():
        raise UsageError(f"{what} is not UTF-8 text, and no file of the store could hold it")


def _record(store: Store, run: RunId, wish: Wish, clock: Clock) -> None:
    try:
        record_wish(store.layout, wish, run=run, by=whoami(), t=to_stamp(clock.now()))
    except (LockHeld, ParkRun, OSError) as fault:
        raise StoreError(f"cannot write {store.layout.control}: {fault}; nothing was recorded") from fault
