"""Working one claimed run, from its lock to its end; and ending one that never starts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from agentgate_engine.clock import Clock, to_stamp
from agentgate_engine.error_builder import error_of_system
from agentgate_engine.errors import AgentGateError, ParkRun
from agentgate_engine.event_bus import Emission, EventBus
from agentgate_engine.models.build_error import BuildError, BuildErrorType
from agentgate_engine.models.control import ControlEntry
from agentgate_engine.models.events import ControlApplied, RunCanceled, RunFailed
from agentgate_engine.models.gate_plan import GatePlan
from agentgate_engine.models.ids import RunId, order_of
from agentgate_engine.models.run_state import RunResult, Step
from agentgate_engine.phases.run_context import RunContext
from agentgate_engine.phases.run_end import release_workspace
from agentgate_engine.process.process_host import ProcessHost
from agentgate_engine.process.stop_all import stop_all
from agentgate_engine.result_persister import ResultPersister
from agentgate_engine.run_executor import RunExecutor
from agentgate_engine.store.index import Index
from agentgate_engine.store.store import Store
from agentgate_engine.subscribers.attach import attached
from agentgate_engine.subscribers.notification_rules import NotificationRule
from agentgate_engine.subscribers.notifications import CLOSE_LIMIT_S
from agentgate_engine.verify.signature import signature
from agentgate_engine.work_order_queue import Claim, Fenced, Overdue
from agentgate_engine.workspace.manager import WorkspaceManager


@dataclass
class RunWorker:
    """What the runs of one engine share, and those it has in hand."""

    store: Store
    index: Index
    clock: Clock
    host: ProcessHost
    engine: str
    environment: Mapping[str, str]
    mask: Callable[[str], str]
    say: Callable[[str], None]
    rules: tuple[NotificationRule, ...] = ()
    _contexts: dict[RunId, RunContext] = field(default_factory=dict[RunId, RunContext])
    _cancels: dict[str, ControlEntry] = field(default_factory=dict[str, ControlEntry])

    def hear(self, wish: ControlEntry) -> None:
        """An operator wants a run ended, now or as soon as this engine has it."""
        if wish.run_id is None:
            return
        self._cancels[wish.run_id] = wish
        context = self._contexts.get(RunId(wish.run_id))
        if context is not None and context.wish is None:
            context.cancel(wish)

    async def work(self, claim: Claim) -> None:
        """Work a run until it has ended.

        Raises:
            ParkRun: its evidence cannot be written; call again when it can.
            LockHeld: another process writes it.
        """
        persister = await self._open(claim)
        try:
            if persister.current is None:
                return
            try:
                context = self._context(claim, persister)
            except AgentGateError as fault:
                await self._end_without_context(claim, persister, fault)
                return
            self._contexts[claim.run_id] = context
            if (wish := self._cancels.get(claim.run_id)) is not None:
                context.cancel(wish)
            if not context.run.state.terminal:
                self.say(f"{claim.run_id} {'goes on' if claim.resumed else 'starts'}: {context.order.title}")
            async with self._heard(context.bus, persister):
                await RunExecutor(context).execute()
            self.say(f"{claim.run_id} {context.run.result}" + (f": {context.run.error}" if context.run.error else ""))
        finally:
            self._contexts.pop(claim.run_id, None)
            persister.close()

    async def end_overdue(self, claim: Claim, overdue: Overdue) -> None:
        """Fail a run that waited longer than it may.

        Raises:
            ParkRun, LockHeld: as `work`.
        """
        error = error_of_queue_timeout(overdue.waited_s, overdue.limit_s, to_stamp(self.clock.now()))
        failed = RunFailed(result=RunResult.FAILED_TIMEOUT, step=Step.SYSTEM_ERROR, error=error)
        await self._end_unstarted(claim, [Emission(failed)])

    async def end_canceled(self, claim: Claim) -> None:
        """Cancel a run that waits, by the wish that was heard.

        Raises:
            ParkRun, LockHeld: as `work`.
        """
        wish = self._cancels[claim.run_id]
        applied = ControlApplied(control_seq=wish.seq, action=wish.action)
        ended = RunCanceled(by=wish.by, reason=str(wish.data.get("reason", "")))
        await self._end_unstarted(claim, [Emission(applied), Emission(ended)])

    def knows_cancel(self, run_id: RunId) -> bool:
        """Whether the wish to end this run was heard."""
        return run_id in self._cancels

    async def beat(self) -> None:
        """Say in every run that it is still being worked."""
        for context in list(self._contexts.values()):
            try:
                await context.bus.between_events(context.persister.beat)
            except ParkRun as fault:
                self.say(str(fault))

    async def _end_unstarted(self, claim: Claim, emissions: list[Emission]) -> None:
        persister = await self._open(claim, wait_s=0)
        try:
            if persister.current is None or persister.run.state.terminal:
                return
            bus = self._bus(claim, persister)
            # The engine's own loop waits for this: its hooks get little time.
            async with self._heard(bus, persister, close_limit_s=2.0):
                for each in emissions:
                    await bus.emit(each.payload)
            self.say(f"{claim.run_id} {persister.run.result}: {persister.run.error}")
        finally:
            persister.close()

    async def _end_without_context(self, claim: Claim, persister: ResultPersister, fault: AgentGateError) -> None:
        """Fail a run whose records are gone. What an engine before us left running of it is stopped first."""
        bus = self._bus(claim, persister)
        async with self._heard(bus, persister):
            if not persister.run.state.terminal:
                await stop_all(persister.layout.processes, self.clock)
                error = error_of_system(fault, phase=persister.run.state.value, failed_at=to_stamp(self.clock.now()))
                await bus.emit(RunFailed(result=RunResult.FAILED_ERROR, step=Step.SYSTEM_ERROR, error=error))
            workspaces = WorkspaceManager(self.store.layout.workspaces)
            for each in await asyncio.to_thread(release_workspace, persister, workspaces):
                await bus.emit(each.payload)

    async def _open(self, claim: Claim, wait_s: float = 3.0) -> ResultPersister:
        if not self.store.layout.run(claim.run_id).directory.is_dir():
            raise Fenced(f"{claim.run_id} was moved away or removed; nothing of it is worked")
        return await asyncio.to_thread(
            ResultPersister.open, self.store, self.index, self.clock, claim.run_id, claim.fence, wait_s=wait_s
        )

    def _heard(
        self, bus: EventBus, persister: ResultPersister, close_limit_s: float = CLOSE_LIMIT_S
    ) -> AbstractAsyncContextManager[None]:
        """Metrics and notifications of a run, until it is let go."""
        return attached(
            bus,
            persister.layout,
            title=persister.run.title,
            rules=self.rules,
            environment=self.environment,
            close_limit_s=close_limit_s,
        )

    def _bus(self, claim: Claim, persister: ResultPersister) -> EventBus:
        """The one place where a run's subscribers are made known."""
        return EventBus(persister.persist, lambda who, fault: self.say(f"{claim.run_id}: {who}: {fault}"))

    def _context(self, claim: Claim, persister: ResultPersister) -> RunContext:
        order = self.store.read_order(order_of(claim.run_id))
        plan = self.store.read(GatePlan, persister.layout.gate_plan)
        if plan is None:
            raise AgentGateError(f"{persister.layout.gate_plan} is missing; nothing could judge this run")
        return RunContext(
            order=order,
            plan=plan,
            persister=persister,
            bus=self._bus(claim, persister),
            host=self.host,
            workspaces=WorkspaceManager(self.store.layout.workspaces),
            clock=self.clock,
            engine=self.engine,
            environment=self.environment,
            mask=self.mask,
        )


def error_of_queue_timeout(waited_s: float, limit_s: float, failed_at: str) -> BuildError:
    """An order that waited longer for a slot than it may. Both times in seconds."""
    return BuildError(
        type=BuildErrorType.SYSTEM_ERROR,
        message=f"QUEUE_TIMEOUT: it waited {waited_s:.0f} s in the queue and may wait {limit_s:g} s; nothing of it was"
        " started. Requeue it when there are free slots, or submit it with a longer wait",
        context={
            "code": "QUEUE_TIMEOUT",
            "waitedSeconds": round(waited_s, 1),
            "limitSeconds": limit_s,
            "signature": signature("queue", "timeout"),
        },
        phase="queued",
        failed_at=failed_at,
    )
