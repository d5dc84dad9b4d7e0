"""The subscriber that turns events into evidence: files first, then the event, then `run.json` and the index.

It is the one writer of a run: whoever has it holds `run.lock`. What it holds in memory is what the events say, so an
engine that takes over reads the events and goes on.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from agentgate_engine.clock import Clock, to_stamp
from agentgate_engine.errors import ParkRun, StoreError
from agentgate_engine.event_bus import Emission
from agentgate_engine.models.event_type import EventType
from agentgate_engine.models.events import (
    Event,
    Payload,
    parse_payload,
)
from agentgate_engine.models.ids import RunId, order_of
from agentgate_engine.models.record import Record
from agentgate_engine.models.run import Run
from agentgate_engine.store.atomic import make_directory, remove_temporaries, replace_file
from agentgate_engine.store.event_log import EventLog, read_events
from agentgate_engine.store.index import Index
from agentgate_engine.store.layout import RunLayout
from agentgate_engine.store.locks import FileLock
from agentgate_engine.store.run_reducer import reduce_event, replay
from agentgate_engine.store.store import Store
from agentgate_engine.threads import finish_in_thread

PROGRESS_INTERVAL_S = 0.25
"""How often at most the index follows events that change no state."""


@dataclass
class ResultPersister:
    """The writer of one run. `events` is everything the run has said so far, `run` what it adds up to."""

    store: Store
    index: Index
    clock: Clock
    run_id: RunId
    fence: int
    lock: FileLock
    log: EventLog
    events: list[Event]
    current: Run | None
    recovered_bytes: int = 0
    _indexed_at: float = field(default=0.0, repr=False)

    @classmethod
    def open(
        cls, store: Store, index: Index, clock: Clock, run_id: RunId, fence: int, *, wait_s: float = 3.0
    ) -> ResultPersister:
        """Take `run.lock` and read what is there.

        Raises:
            LockHeld: another process writes this run.
            CorruptRecord: its events cannot be read.
            ParkRun: `run.json` or the index could not be brought to what the events say.
        """
        layout = store.layout.run(run_id)
        make_directory(layout.directory)
        lock = FileLock.acquire(layout.lock, wait_s=wait_s)
        try:
            remove_temporaries(layout.directory)
            log = EventLog.open(layout.events)
            events = read_events(layout.events)
            recovered = log.log.recovered_bytes
            persister = cls(store, index, clock, run_id, fence, lock, log, events, replay(events), recovered)
            persister._catch_up()
            return persister
        except BaseException:
            lock.release()
            raise

    @property
    def layout(self) -> RunLayout:
        return self.store.layout.run(self.run_id)

    @property
    def run(self) -> Run:
        """The run as it stands. Only asked for after `run:queued` was written."""
        assert self.current is not None
        return self.current

    def close(self) -> None:
        """Give the run up. Twice is no error."""
        self.log.close()
        self.lock.release()

    def happened(self, event_type: EventType, iteration: int | None = None) -> Payload | None:
        """The newest payload of that type (in that iteration), or None."""
        for event in reversed(self.events):
            if event.type is event_type and (iteration is None or event.iteration == iteration):
                return parse_payload(event)
        return None

    async def persist(self, emission: Emission) -> Event:
        """Write one emission without holding up the event loop.

        Raises:
            ParkRun: something could not be written; the run did not move.
        """
        return await finish_in_thread(self.write, emission)

    def write(self, emission: Emission) -> Event:
        """Write one emission: evidence, event, `run.json`, index row, in this order.

        Raises:
            ParkRun: something could not be written; the run did not move.
        """
        payload = emission.payload
        event = Event(
            seq=self.log.next_seq,
            t=to_stamp(self.clock.now()),
            type=payload.type,
            run_id=self.run_id,
            work_order_id=order_of(self.run_id),
            iteration=emission.iteration,
            fence=self.fence,
            data=payload.model_dump(mode="json", by_alias=True),
        )
        after = reduce_event(self.current, event)
        try:
            for item in emission.evidence:
                content = item.content.to_json() if isinstance(item.content, Record) else item.content
                replace_file(item.path, content)
            self.log.append(event, sync=payload.synced)
            self.events.append(event)
            self.current = after
            self._follow(synced=payload.synced)
        except (OSError, StoreError) as fault:
            raise ParkRun(f"cannot write the evidence of {self.run_id}: {fault}") from fault
        return event

    def beat(self) -> None:
        """Say in `run.json` that the run is still being worked, and let the index catch up with the last progress.

        Raises:
            ParkRun: it could not be written.
        """
        if self.current is None:
            return
        self.current = self.current.model_copy(update={"heartbeat": to_stamp(self.clock.now())})
        try:
            replace_file(self.layout.summary, self.current.to_json())
            self.index.put_run(self.current)
        except (OSError, StoreError) as fault:
            raise ParkRun(f"cannot write {self.layout.summary}: {fault}") from fault

    def _catch_up(self) -> None:
        """Bring `run.json` and the index to what the events say: the last writer may have been killed in between."""
        if self.current is None:
            return
        try:
            self._follow(synced=True)
        except (OSError, StoreError) as fault:
            raise ParkRun(f"cannot write {self.layout.summary}: {fault}") from fault

    def _follow(self, *, synced: bool) -> None:
        """`run.json` follows changes of state; the index follows everything, but progress only so often."""
        now = self.clock.monotonic()
        if synced:
            replace_file(self.layout.summary, self.run.to_json())
        if synced or now - self._indexed_at >= PROGRESS_INTERVAL_S:
            self.index.put_run(self.run)
            self._indexed_at = now
