"""The orders that wait, as one engine sees them: which is next, what holds them up, and which end without a start."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from agentgate_engine.clock import Clock
from agentgate_engine.errors import AgentGateError, LockHeld
from agentgate_engine.models.ids import RunId
from agentgate_engine.models.queue import StartWait
from agentgate_engine.slots.run_worker import RunWorker
from agentgate_engine.slots.start_gate import StartGate
from agentgate_engine.work_order_queue import Claim, Overdue, WorkOrderQueue

LOOKED_S = 0.5
"""How often the orders that wait are looked through for one that waited too long."""

TOLD_S = 2.0
"""How often at most a figure in a reason (so much memory is free) is brought up to date in the rows."""


@dataclass
class WaitingRoom:
    """`held_up_by` is why this engine starts nothing new at the moment, or None."""

    queue: WorkOrderQueue
    engine: str
    gate: StartGate
    worker: RunWorker
    clock: Clock
    held_up_by: str | None = None
    _left_alone: set[RunId] = field(default_factory=set[RunId], repr=False)
    _looked: float = field(default=float("-inf"), repr=False)
    _told: tuple[object, float] | None = field(default=None, repr=False)

    async def next_claim(self, free: int) -> Claim | None:
        """The next run for one of `free` slots, or None when none can start; then the rows say why.

        What an engine had begun goes on in a paused queue too, and whatever is free: its agent may be at work.
        """
        heads = await asyncio.to_thread(self.queue.heads, free)
        if not heads.runs:
            await self.tell(None, [])
            self.held_up_by = heads.pause
            return None
        if heads.begun:
            return await asyncio.to_thread(self.queue.claim, self.engine, new=False)
        wait = None if heads.pause else self.gate.closed()
        self.held_up_by = heads.pause or (wait.words if wait else None)
        await self.tell(wait, heads.runs)
        if self.held_up_by:
            return None
        claim = await asyncio.to_thread(self.queue.claim, self.engine)
        if claim is not None and not claim.resumed:
            self.gate.started()
        return claim

    async def tell(self, wait: StartWait | None, runs: list[str]) -> None:
        """Bring the rows to why nothing new is started, when that is news."""
        if wait is None:
            if self._told is not None:
                self._told = None
                await asyncio.to_thread(self.queue.tell_waiting, [], None)
            return
        now = self.clock.monotonic()
        news = (wait.kind, wait.until if wait.kind == "stagger" else None, tuple(runs))
        if self._told is None or self._told[0] != news or now - self._told[1] >= TOLD_S:
            await asyncio.to_thread(self.queue.tell_waiting, runs, wait)
            self._told = (news, now)

    async def end_what_waited_too_long(self) -> None:
        """Fail what waited longer than it may, and cancel what an operator wants ended, while slots are busy too.

        The run is claimed first, so that no engine starts it meanwhile; if this engine dies in between, the next one
        finds it waiting as before.
        """
        now = self.clock.monotonic()
        if now - self._looked < LOOKED_S:
            return
        self._looked = now
        for run_id in await asyncio.to_thread(self.queue.wanted_ended):
            if self.worker.knows_cancel(run_id):
                await self._end(run_id, None)
        for late in await asyncio.to_thread(self.queue.overdue):
            await self._end(late.run_id, late)

    async def _end(self, run_id: RunId, late: Overdue | None) -> None:
        """End a waiting run: as overdue, or as canceled. One whose evidence cannot be written is left to its turn."""
        if run_id in self._left_alone:
            return
        claim = await asyncio.to_thread(self.queue.take, run_id, self.engine)
        if claim is None:
            return
        try:
            if late is not None:
                await self.worker.end_overdue(claim, late)
            else:
                await self.worker.end_canceled(claim)
            await asyncio.to_thread(self.queue.complete, claim)
        except LockHeld:  # its submit or a cancel is at it; look again
            await asyncio.to_thread(self.queue.give_back, claim)
        except (AgentGateError, OSError) as fault:
            self._left_alone.add(run_id)
            self.worker.say(f"{run_id} cannot be ended: {fault}")
            await asyncio.to_thread(self.queue.give_back, claim)
