"""`events.jsonl` of a run: written by the holder of `run.lock`, read by anyone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from agentgate_engine.errors import CorruptRecord
from agentgate_engine.models.events import Event
from agentgate_engine.store.append_log import AppendLog
from agentgate_engine.store.line_reader import LineReader


@dataclass
class EventLog:
    """The one writer of a run's events. `seq` goes on from what the file holds."""

    log: AppendLog
    next_seq: int

    @classmethod
    def open(cls, path: Path) -> EventLog:
        """Open for writing; a torn last line is cut off.

        Raises:
            CorruptRecord: a line before the last is not an event.
        """
        log = AppendLog.open(path)
        events = read_events(path)
        return cls(log, events[-1].seq + 1 if events else 0)

    def append(self, event: Event, *, sync: bool) -> None:
        """Append `event`, whose `seq` must be `next_seq`.

        Raises:
            ParkRun: it could not be written.
        """
        assert event.seq == self.next_seq, f"event {event.seq} where {self.next_seq} is due"
        self.log.append(event.to_line(), sync=sync)
        self.next_seq += 1

    def close(self) -> None:
        self.log.close()


@dataclass
class EventReader:
    """Follows a run's events, up to the first line that is none: what stands before it is still told."""

    lines: LineReader
    next_seq: int = 0
    fault: CorruptRecord | None = None

    @classmethod
    def follow(cls, path: Path) -> EventReader:
        return cls(LineReader(path))

    def read_new(self) -> list[Event]:
        """The events written since the last call.

        Raises:
            CorruptRecord: the next line is not an event, or one is missing; names it, each time again.
        """
        found: list[Event] = []
        if self.fault is None:
            for line in self.lines.read_new():
                try:
                    event = Event.model_validate_json(line)
                except ValidationError:
                    self.fault = CorruptRecord(f"{self.lines.path}: event {self.next_seq} is unreadable")
                    break
                if event.seq != self.next_seq:
                    place = f"event {event.seq} stands where {self.next_seq} is due"
                    self.fault = CorruptRecord(f"{self.lines.path}: {place}")
                    break
                self.next_seq += 1
                found.append(event)
        if self.fault is not None and not found:
            raise self.fault
        return found


def read_events(path: Path) -> list[Event]:
    """All events of a run; none when there is no log.

    Raises:
        CorruptRecord: a line is not an event.
    """
    reader = EventReader.follow(path)
    events = reader.read_new()
    if reader.fault is not None:
        raise reader.fault
    return events
