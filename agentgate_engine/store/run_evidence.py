"""Everything the files say about one run, read together and kept up to date cheaply."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from agentgate_engine.errors import AgentGateError, StoreError
from agentgate_engine.models.agent_result import PersistedAgentResult
from agentgate_engine.models.delivery import DeliveryRecord
from agentgate_engine.models.events import Event
from agentgate_engine.models.feedback import FeedbackRecord
from agentgate_engine.models.gate_plan import GatePlan
from agentgate_engine.models.ids import RunId, order_of
from agentgate_engine.models.iteration import IterationData
from agentgate_engine.models.metrics import Phase
from agentgate_engine.models.record import Record
from agentgate_engine.models.run import Run
from agentgate_engine.models.snapshot import Snapshot
from agentgate_engine.models.verification import Check, PersistedVerificationReport
from agentgate_engine.models.work_order import WorkOrder
from agentgate_engine.store.event_log import EventReader
from agentgate_engine.store.layout import RunLayout
from agentgate_engine.store.run_reducer import reduce_event
from agentgate_engine.store.store import Store

R = TypeVar("R", bound=Record)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a run comes from that this AgentGate did not make. `facts` are (name, text): what else its records say."""

    maker: str
    place: Path
    facts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class RunEvidence:
    """A run as its files stand. Records are keyed by iteration, counted from 1.

    `unreadable` names each file that should hold a record and does not, with why: the rest still shows. `origin` is set
    for a run of a foreign store, whose `snapshots` and `phase_times` (ms) stand in for the events that it does not
    have.
    """

    run: Run
    order: WorkOrder | None
    plan: GatePlan | None
    delivery: DeliveryRecord | None
    layout: RunLayout
    events: tuple[Event, ...]
    agents: dict[int, PersistedAgentResult]
    verifications: dict[int, PersistedVerificationReport]
    iterations: dict[int, IterationData]
    feedbacks: dict[int, FeedbackRecord]
    unreadable: tuple[tuple[str, str], ...]
    snapshots: dict[int, Snapshot] = field(default_factory=dict[int, Snapshot])
    phase_times: dict[int, dict[Phase, int]] = field(default_factory=dict[int, dict[Phase, int]])
    origin: Origin | None = None

    @property
    def live(self) -> bool:
        """Whether the run goes on. Of a foreign one that has not ended nobody here knows it, and it counts as still."""
        return self.origin is None and not self.run.state.terminal

    def spent(self, check: Check) -> int | None:
        """How long a check took, in ms; None where the original did not tell."""
        return check.duration if self.origin is None or check.duration else None


@dataclass
class RunEvidenceReader:
    """Follows one run. A second `read` parses only what changed since the first."""

    store: Store
    run_id: RunId
    _run: Run | None = None
    _events: list[Event] = field(default_factory=list[Event])
    _records: dict[Path, tuple[tuple[int, int, int], Record]] = field(
        default_factory=dict[Path, tuple[tuple[int, int, int], Record]]
    )
    _faults: dict[str, str] = field(default_factory=dict[str, str])
    _event_fault: str | None = None

    def __post_init__(self) -> None:
        self._layout = self.store.layout.run(self.run_id)
        self._reader = EventReader.follow(self._layout.events)

    def read(self) -> RunEvidence:
        """The run now.

        Raises:
            StoreError: neither its events nor its summary can be read.
        """
        self._faults = {}
        self._follow_events()
        if self._run is None:
            self._run = self.store.read_run(self.run_id)
        layout, seen = self._layout, range(1, self._run.iteration + 1)
        return RunEvidence(
            run=self._run,
            order=self._record(WorkOrder, self.store.layout.work_order(order_of(self.run_id))),
            plan=self._record(GatePlan, layout.gate_plan),
            delivery=self._record(DeliveryRecord, layout.delivery),
            layout=layout,
            events=tuple(self._events),
            agents={n: r for n in seen if (r := self._record(PersistedAgentResult, layout.agent(n)))},
            verifications={
                n: r for n in seen if (r := self._record(PersistedVerificationReport, layout.verification(n)))
            },
            iterations={n: r for n in seen if (r := self._record(IterationData, layout.iteration(n)))},
            feedbacks={n: r for n in seen if (r := self._record(FeedbackRecord, layout.feedback(n)))},
            unreadable=tuple(sorted(self._faults.items())),
        )

    def _follow_events(self) -> None:
        """What can be read of the events; from the first that cannot, `run.json` says how the run ended."""
        try:
            for event in self._reader.read_new():
                self._run = reduce_event(self._run, event)
                self._events.append(event)
        except (AgentGateError, ValueError) as fault:
            self._event_fault = str(fault)
        if self._reader.fault is not None:
            self._event_fault = str(self._reader.fault)
        if self._event_fault is not None:
            self._faults[self._layout.events.name] = self._event_fault
            self._run = self._record(Run, self._layout.summary) or self._run

    def _record(self, kind: type[R], path: Path) -> R | None:
        try:
            status = path.stat(follow_symlinks=False)
        except FileNotFoundError:
            return None
        except OSError as fault:
            self._faults[path.name] = str(fault)
            return None
        version = (status.st_ino, status.st_mtime_ns, status.st_size)
        known = self._records.get(path)
        if known is not None and known[0] == version and isinstance(known[1], kind):
            return known[1]
        try:
            found = self.store.read(kind, path)
        except StoreError as fault:
            self._faults[path.name] = str(fault)
            return None
        if found is not None:
            self._records[path] = (version, found)
        return found
