"""`control.jsonl`: every wish of an operator, durable before it is acknowledged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pydantic import JsonValue, ValidationError

from agentgate_engine.models.control import Action, ControlEntry, Wish
from agentgate_engine.models.ids import RunId
from agentgate_engine.store.append_log import AppendLog
from agentgate_engine.store.layout import StoreLayout
from agentgate_engine.store.line_reader import LineReader
from agentgate_engine.store.locks import FileLock


def add_wish(
    layout: StoreLayout,
    *,
    action: Action,
    run: RunId | None = None,
    by: str,
    t: str,
    data: dict[str, JsonValue] | None = None,
) -> ControlEntry:
    """Append a wish under `store.lock`, synced.

    Raises:
        ParkRun: it could not be written; nothing was asked for.
        LockHeld: `store.lock` stayed taken for 10 s.
    """
    with FileLock.acquire(layout.lock, wait_s=10):
        log = AppendLog.open(layout.control)
        try:
            seq = sum(1 for _ in LineReader(layout.control).read_new())
            entry = ControlEntry(seq=seq, t=t, action=action, run_id=run, by=by, data=data or {})
            log.append(entry.to_line(), sync=True)
        finally:
            log.close()
    return entry


def record_wish(layout: StoreLayout, wish: Wish, *, run: RunId | None = None, by: str, t: str) -> ControlEntry:
    """As `add_wish`, from a typed wish."""
    data = wish.model_dump(mode="json", by_alias=True)
    return add_wish(layout, action=wish.action, run=run, by=by, t=t, data=data)


def parse_wish(line: bytes) -> ControlEntry | None:
    """A line as a wish with the data of its kind; None when this version does not know it."""
    try:
        entry = ControlEntry.model_validate_json(line)
        entry.wish()
    except ValidationError:
        return None
    return entry


@dataclass
class ControlReader:
    """Follows the wishes, each once. `unreadable` is told of a line that is no wish of a kind that this version knows:
    it may come from a newer one, and must not keep the wishes after it from being heard."""

    lines: LineReader
    unreadable: Callable[[str], None]

    @classmethod
    def follow(cls, layout: StoreLayout, unreadable: Callable[[str], None]) -> ControlReader:
        return cls(LineReader(layout.control), unreadable)

    def read_new(self) -> list[ControlEntry]:
        """The wishes since the last call."""
        found: list[ControlEntry] = []
        for line in self.lines.read_new():
            entry = parse_wish(line)
            if entry is None:
                self.unreadable(f"{self.lines.path}: no wish that this version knows: {line[:80]!r}")
            else:
                found.append(entry)
        return found


def read_wishes(layout: StoreLayout, start: int = 0) -> tuple[list[ControlEntry], int]:
    """The wishes from the byte `start` on, and the byte behind the last whole line.

    A log that is shorter than `start` was made again, and is read from its beginning.
    """
    reader = LineReader(layout.control, start)
    found = [entry for line in reader.read_new() if (entry := parse_wish(line)) is not None]
    return found, reader.whole
