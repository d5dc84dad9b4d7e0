"""What operators said about runs: pins, which keep a run from retention, and notes. Both stand in `control.jsonl`."""

from __future__ import annotations

from dataclasses import dataclass, field

from agentgate_engine.models.control import ControlEntry, NoteWish, PinWish, UnpinWish
from agentgate_engine.store.control_log import read_wishes
from agentgate_engine.store.layout import StoreLayout


@dataclass(frozen=True, slots=True)
class Pin:
    """Who keeps a run, since when (UTC ISO), and why."""

    by: str
    t: str
    reason: str


@dataclass(frozen=True, slots=True)
class Note:
    """A remark about a run. `t` is UTC ISO."""

    by: str
    t: str
    text: str


@dataclass
class Annotations:
    """The pins that hold and the notes, by run."""

    pins: dict[str, Pin] = field(default_factory=dict[str, Pin])
    notes: dict[str, list[Note]] = field(default_factory=dict[str, list[Note]])
    _end: int = field(default=0, repr=False)

    @classmethod
    def read(cls, layout: StoreLayout) -> Annotations:
        """All that was said, from the whole log."""
        found = cls()
        found.follow(layout)
        return found

    def follow(self, layout: StoreLayout) -> None:
        """Take in what was said since."""
        entries, self._end = read_wishes(layout, self._end)
        for entry in entries:
            self.hear(entry)

    def hear(self, entry: ControlEntry) -> None:
        """Take in one wish; those of other kinds say nothing here."""
        if entry.run_id is None:
            return
        match entry.wish():
            case PinWish() as wish:
                self.pins[entry.run_id] = Pin(entry.by, entry.t, wish.reason)
            case UnpinWish():
                self.pins.pop(entry.run_id, None)
            case NoteWish() as wish:
                self.notes.setdefault(entry.run_id, []).append(Note(entry.by, entry.t, wish.text))
            case _:
                pass
