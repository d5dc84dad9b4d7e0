"""What operators wished, brought into `index.db`. The index is a projection of `control.jsonl` here, as elsewhere of
the runs: how far it has come stands in the index itself, so that a crash between a wish and its effect loses nothing,
and an index that is made anew replays every wish from the first.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable

from agentgate_engine.models.control import (
    CancelWish,
    CapacityWish,
    ControlEntry,
    HoldWish,
    PauseWish,
    PriorityWish,
    ReleaseWish,
    ResumeWish,
)
from agentgate_engine.models.queue import Pause
from agentgate_engine.store.control_log import read_wishes
from agentgate_engine.store.index import Index
from agentgate_engine.store.layout import StoreLayout

_READ_UP_TO = "control_bytes"


def apply_wishes(index: Index) -> list[ControlEntry]:
    """Bring the index to what the log says; the wishes that were new to it. Cheap when there is none.

    Raises:
        StoreError: the index cannot be written; the wishes stay for the next try.
    """
    done = _read_up_to(index.read("select value from setting where name=?", _READ_UP_TO))
    try:
        size = index.layout.control.stat().st_size
    except FileNotFoundError:
        size = 0
    if size == done:
        return []
    with index.transaction() as database:
        return replay_wishes(database, index.layout)


def replay_wishes(database: sqlite3.Connection, layout: StoreLayout) -> list[ControlEntry]:
    """As `apply_wishes`, in a transaction that is under way."""
    found = database.execute("select value from setting where name=?", (_READ_UP_TO,)).fetchall()
    wishes, end = read_wishes(layout, _read_up_to(found))
    for entry in wishes:
        _apply(database, entry)
    set_value(database, _READ_UP_TO, str(end))
    return wishes


def replay_wishes_of(database: sqlite3.Connection, layout: StoreLayout, runs: Iterable[str]) -> None:
    """Bring wishes about these runs to their rows, which were made after the wishes had been read."""
    wanted = set(runs)
    for entry in read_wishes(layout)[0] if wanted else ():
        if entry.run_id in wanted:
            _apply(database, entry)


def set_value(database: sqlite3.Connection, name: str, value: str) -> None:
    """Put a setting of the store in its row."""
    database.execute("insert or replace into setting(name, value) values (?, ?)", (name, value))


def _read_up_to(found: list[sqlite3.Row]) -> int:
    return int(found[0][0]) if found else 0


def _apply(database: sqlite3.Connection, entry: ControlEntry) -> None:
    wish = entry.wish()
    match wish:
        case PriorityWish():
            database.execute("update job set priority=? where run_id=?", (wish.priority, entry.run_id))
        case HoldWish():
            words = f"held by {entry.by}" + (f": {wish.reason}" if wish.reason else "")
            database.execute("update job set held=? where run_id=?", (words, entry.run_id))
        case ReleaseWish():
            database.execute("update job set held=null where run_id=?", (entry.run_id,))
        case CancelWish():
            database.execute("update job set cancel=1 where run_id=?", (entry.run_id,))
        case CapacityWish():
            set_value(database, "capacity", str(wish.capacity))
        case PauseWish():
            pause = Pause(wish.reason, entry.by, entry.t)
            set_value(database, "paused", pause.words)
            set_value(database, "pause", json.dumps([pause.reason, pause.by, pause.since]))
        case ResumeWish():
            database.execute("delete from setting where name in ('paused', 'pause')")
        case _:
            pass
