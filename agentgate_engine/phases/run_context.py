"""What the phases of a run share: the order, the writer, the bus, the workspace, and the wishes of the operator."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from agentgate_engine.clock import Clock, from_stamp
from agentgate_engine.event_bus import EventBus, Evidence
from agentgate_engine.models.control import ControlEntry
from agentgate_engine.models.events import Event, Payload, parse_payload
from agentgate_engine.models.gate_plan import GatePlan
from agentgate_engine.models.ids import RunId
from agentgate_engine.models.run import Run
from agentgate_engine.models.work_order import WorkOrder
from agentgate_engine.process.process_host import ProcessHost
from agentgate_engine.result_persister import ResultPersister
from agentgate_engine.store.layout import RunLayout
from agentgate_engine.workspace.manager import WorkspaceManager
from agentgate_engine.workspace.workspace import Workspace

P = TypeVar("P", bound=Payload)


class TimeUsedUp(Exception):
    """Ends the phase under way when the run's time ended in a wait; the executor ends the run."""


class CanceledByOperator(Exception):
    """Ends the phase under way; the executor records the cancel."""


@dataclass
class RunContext:
    """One run in the hands of one engine."""

    order: WorkOrder
    plan: GatePlan
    persister: ResultPersister
    bus: EventBus
    host: ProcessHost
    workspaces: WorkspaceManager
    clock: Clock
    engine: str
    environment: Mapping[str, str]
    mask: Callable[[str], str]
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    wish: ControlEntry | None = None
    _measured_from: tuple[float, float] | None = None

    @property
    def run(self) -> Run:
        return self.persister.run

    @property
    def run_id(self) -> RunId:
        return self.persister.run_id

    @property
    def layout(self) -> RunLayout:
        return self.persister.layout

    @property
    def workspace(self) -> Workspace:
        return self.workspaces.open(self.run_id)

    @property
    def before_sha(self) -> str:
        """The commit that the present iteration began from."""
        return self.run.snapshot_before_sha or self.order.workspace_source.base_commit

    def seconds_left(self) -> float:
        """Of the run's wall clock; at most zero when it is used up.

        What earlier engines used is told by the stamps; from then on the monotonic clock counts, so that a jump of the
        wall clock expires nothing.
        """
        if self._measured_from is None:
            started = self.run.started_at
            used = max(0.0, self.clock.now() - from_stamp(started)) if started else 0.0
            self._measured_from = (used, self.clock.monotonic())
        used, since = self._measured_from
        return self.order.limits.max_wall_clock_seconds - used - (self.clock.monotonic() - since)

    def cancel(self, wish: ControlEntry) -> None:
        """An operator wants the run to end. The phase under way stops its process; the executor does the rest."""
        self.wish = wish
        self.stop.set()

    async def sleep(self, seconds: float) -> None:
        """Wait, at most until the run's time is used up.

        Raises:
            CanceledByOperator: an operator ended the run meanwhile.
        """
        left = min(seconds, self.seconds_left())
        if left > 0:
            try:
                await asyncio.wait_for(self.stop.wait(), timeout=left)
            except TimeoutError:
                pass
        if self.wish is not None:
            raise CanceledByOperator

    async def emit(self, payload: Payload, *evidence: Evidence) -> Event:
        """Say something about the present iteration."""
        return await self.bus.emit(payload, iteration=self.run.iteration or None, evidence=evidence)

    def said_here(self, kind: type[P]) -> list[P]:
        """What was said in the present iteration, of one kind, oldest first."""
        here = [e for e in self.persister.events if e.type is kind.type and e.iteration == (self.run.iteration or None)]
        return [payload for payload in map(parse_payload, here) if isinstance(payload, kind)]

    def process_name(self, kind: str, number: int) -> tuple[str, int]:
        """The folder of the newest attempt at a process of this iteration, and its attempt, counted from 1.

        An attempt with a `result.json` is over, whatever it brought; the next one gets a folder of its own.
        """
        attempt = 1
        while True:
            directory = self.layout.process(self.run.iteration, kind, number, attempt)
            if not os.path.lexists(directory / "result.json"):
                return directory.name, attempt
            attempt += 1
