"""The engine: slots, claims, cancellation, and the adoption of what still runs.

It holds `engines/{id}.lock` for life, which is what others believe. Killing it at any point loses nothing: agents go on
under their supervisors, and the next engine claims what it had and goes on from the files.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from agentgate_engine import __version__
from agentgate_engine.clock import Clock, to_stamp
from agentgate_engine.error_builder import error_of_system
from agentgate_engine.errors import AgentGateError, LockHeld, ParkRun, StoreError
from agentgate_engine.event_bus import Emission, EventBus
from agentgate_engine.models.control import ControlEntry
from agentgate_engine.models.engine import EngineRecord
from agentgate_engine.models.events import RunFailed
from agentgate_engine.models.gate_plan import GatePlan
from agentgate_engine.models.ids import RunId, new_engine_id, order_of
from agentgate_engine.models.run_state import RunResult, Step
from agentgate_engine.process.process_host import ProcessHost
from agentgate_engine.process.stop_all import stop_all
from agentgate_engine.result_persister import ResultPersister
from agentgate_engine.run_context import RunContext
from agentgate_engine.run_end import release_workspace
from agentgate_engine.run_executor import RunExecutor
from agentgate_engine.store.atomic import replace_file
from agentgate_engine.store.control_log import ControlReader
from agentgate_engine.store.index import Index
from agentgate_engine.store.locks import FileLock, is_held
from agentgate_engine.store.masking import Masker
from agentgate_engine.store.recovery import forget_dead_engines, queue_the_stranded
from agentgate_engine.store.store import Store
from agentgate_engine.work_order_queue import Claim, Fenced, WorkOrderQueue
from agentgate_engine.workspace.manager import WorkspaceManager

TICK_S = 0.1
HEARTBEAT_S = 2.0
PARKED_S = 10.0
"""How long a run that cannot go on waits before it is tried again."""

PARKED_TRIES = 3
"""How often an engine that ends when idle tries such a run before it leaves it to the next one. Leaving at the first
fault would have whoever waits for the run start engine after engine."""

Say = Callable[[str], None]


@dataclass
class Orchestrator:
    """One engine on one store. `say` gets one line for people for each thing worth telling."""

    store: Store
    environment: Mapping[str, str]
    say: Say
    slots: int = 2
    until_idle: bool = False
    engine: str = field(default_factory=new_engine_id)
    clock: Clock = field(default_factory=Clock)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: dict[RunId, asyncio.Task[None]] = field(default_factory=dict[RunId, "asyncio.Task[None]"])
    _contexts: dict[RunId, RunContext] = field(default_factory=dict[RunId, RunContext])
    _wishes: dict[str, ControlEntry] = field(default_factory=dict[str, ControlEntry])
    _parked: dict[str, str] = field(default_factory=dict[str, str])
    """Why each run waits that cannot go on at the moment."""
    _set_aside: dict[RunId, tuple[Claim, float]] = field(default_factory=dict[RunId, "tuple[Claim, float]"])
    """The parked runs that hold no slot, and when each is due again."""
    _tries: dict[str, int] = field(default_factory=dict[str, int])
    _unreadable: set[str] = field(default_factory=set[str])
    _trouble: str = ""

    def stop(self) -> None:
        """End the engine soon. Agents go on under their supervisors, for the next engine to adopt."""
        self._stopping.set()

    async def serve(self) -> None:
        """Work the queue until `stop`, or with `until_idle` until nothing is left.

        Raises:
            StoreError: the store cannot be used.
        """
        self.host = ProcessHost(self.clock)
        self.masker = Masker.from_environment(self.environment)
        self.started_at = to_stamp(self.clock.now())
        index = Index.open_writable(self.store.layout)
        self.index, self.queue = index, WorkOrderQueue(index)
        try:
            with FileLock.acquire(self.store.layout.engine_lock(self.engine)):
                self._heartbeat()
                forget_dead_engines(self.store.layout)
                try:
                    await self._work()
                finally:
                    await self._let_go()
        finally:
            self.store.layout.engine_record(self.engine).unlink(missing_ok=True)
            self.store.layout.engine_lock(self.engine).unlink(missing_ok=True)
            index.close()

    async def _work(self) -> None:
        wishes = ControlReader.follow(self.store.layout, self.say)
        swept = beaten = float("-inf")
        while not self._stopping.is_set():
            now = self.clock.monotonic()
            try:
                for wish in wishes.read_new():
                    self._hear(wish)
                if now - swept >= HEARTBEAT_S:
                    swept = now
                    await self._sweep()
                await self._fill_slots()
                if self.until_idle and await self._is_idle():
                    return
            except (StoreError, OSError) as fault:  # a busy or full store may be well again at the next tick
                self._complain(str(fault))
            if now - beaten >= HEARTBEAT_S:
                beaten = now
                self._heartbeat()
                await self._beat_runs()
            await self._pause()

    async def _sweep(self) -> None:
        """Take up what dead engines and killed submits left."""
        for run in await asyncio.to_thread(self.queue.requeue_of_the_dead, self._lives):
            self.say(f"{run} was left by an engine that ended; going on with it")
        stranded = await asyncio.to_thread(
            queue_the_stranded, self.store, self.index, left_alone=frozenset(self._unreadable)
        )
        for run, reason in stranded.unreadable:
            self._unreadable.add(run)
            self.say(f"{run} cannot be read and is left alone: {reason}")
        self._trouble = ""

    def _complain(self, trouble: str) -> None:
        """Say what is wrong with the store, once until it changes or a sweep went well."""
        if trouble != self._trouble:
            self._trouble = trouble
            self.say(f"the store cannot be used at the moment; trying again: {trouble}")

    async def _is_idle(self) -> bool:
        """Whether nothing is left that this engine could still do. Runs of other living engines are theirs."""
        if any(run not in self._parked for run in self._tasks):
            return False
        if any(self._tries.get(run, 0) < PARKED_TRIES for run in self._parked):
            return False
        if len(self._tasks) >= self.slots:
            return True
        unfinished = await asyncio.to_thread(self.queue.unfinished, self._concerns_us)
        return unfinished <= len(self._parked)

    def _concerns_us(self, owner: str) -> bool:
        return owner == self.engine or not self._lives(owner)

    async def _pause(self) -> None:
        """Until a run ended, a stop was asked for, or the next tick."""
        stopping = asyncio.create_task(self._stopping.wait(), name="stopping")
        try:
            await asyncio.wait({stopping, *self._tasks.values()}, timeout=TICK_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
        for run, task in list(self._tasks.items()):
            if task.done():
                del self._tasks[run]
                fault = task.exception()
                if fault is not None:
                    self.say(f"{run}: {type(fault).__name__}: {fault}")

    async def _fill_slots(self) -> None:
        while len(self._tasks) < self.slots and not self._stopping.is_set():
            now = self.clock.monotonic()
            due = [run for run, (_, at) in self._set_aside.items() if at <= now and run not in self._tasks]
            if due:
                self._begin(self._set_aside.pop(due[0])[0])
                continue
            if not await asyncio.to_thread(self.queue.waiting):
                return
            claim = await asyncio.to_thread(self.queue.claim, self.engine)
            if claim is None:
                return
            self._begin(claim)

    def _begin(self, claim: Claim) -> None:
        self._parked.pop(claim.run_id, None)
        self._tasks[claim.run_id] = asyncio.create_task(self._run(claim), name=f"run {claim.run_id}")

    async def _run(self, claim: Claim) -> None:
        """Work one claimed run to its end, through any time in which its evidence cannot be written.

        A store that cannot be written keeps the slot, since no other run could go on either. Any other fault sets the
        run aside without one, to be tried again as long as the engine lives.
        """
        run_id = claim.run_id
        while True:
            try:
                await self._work_and_complete(claim)
                self._tries.pop(run_id, None)
                return
            except ParkRun as fault:
                await self._park(run_id, str(fault))
                await asyncio.sleep(PARKED_S)
                self._parked.pop(run_id, None)
            except Fenced as fault:
                self.say(str(fault))
                return
            except Exception as fault:  # nothing of one run may end the engine, and nothing of it may go unseen
                await self._park(run_id, f"{type(fault).__name__}: {fault}")
                self._set_aside[run_id] = (claim, self.clock.monotonic() + PARKED_S)
                return

    async def _work_and_complete(self, claim: Claim) -> None:
        try:
            await self._work_claim(claim)
        except (ParkRun, Fenced):
            raise
        except LockHeld as fault:
            self.say(f"{claim.run_id} is being written by another process: {fault}")
            await asyncio.to_thread(self.queue.give_back, claim)
            await asyncio.sleep(1)
            return
        except Exception as fault:
            if not await asyncio.to_thread(self._has_ended, claim.run_id):
                raise
            self.say(f"{claim.run_id} has ended, but something of it is amiss: {type(fault).__name__}: {fault}")
        await asyncio.to_thread(self.queue.complete, claim)

    def _has_ended(self, run_id: RunId) -> bool:
        """Whether a run says in its own summary that it is over."""
        try:
            return self.store.read_run(run_id).state.terminal
        except (StoreError, OSError):
            return False

    async def _park(self, run_id: RunId, reason: str) -> None:
        """Say why a run cannot go on wherever that can still be said: in the list, in the engine's record and log."""
        self._parked[run_id] = reason
        self._tries[run_id] = self._tries.get(run_id, 0) + 1
        self.say(f"{run_id} waits: {reason}")
        try:
            await asyncio.to_thread(self.index.put_waiting, run_id, f"store: {reason}")
        except StoreError as fault:
            self.say(str(fault))

    async def _work_claim(self, claim: Claim) -> None:
        persister = await asyncio.to_thread(
            ResultPersister.open, self.store, self.index, self.clock, claim.run_id, claim.fence
        )
        try:
            if persister.current is None:
                return
            try:
                context = self._context(claim, persister)
            except AgentGateError as fault:
                await self._end_without_context(persister, fault)
                return
            self._contexts[claim.run_id] = context
            if (wish := self._wishes.get(claim.run_id)) is not None:
                context.cancel(wish)
            if not context.run.state.terminal:
                self.say(f"{claim.run_id} {'goes on' if claim.resumed else 'starts'}: {context.order.title}")
            await RunExecutor(context).execute()
            self.say(f"{claim.run_id} {context.run.result}" + (f": {context.run.error}" if context.run.error else ""))
        finally:
            self._contexts.pop(claim.run_id, None)
            persister.close()

    async def _end_without_context(self, persister: ResultPersister, fault: AgentGateError) -> None:
        """Fail a run whose records are gone. What an engine before us left running of it is stopped first."""
        if not persister.run.state.terminal:
            await stop_all(persister.layout.processes, self.clock)
            error = error_of_system(fault, phase=persister.run.state.value, failed_at=to_stamp(self.clock.now()))
            failed = RunFailed(result=RunResult.FAILED_ERROR, step=Step.SYSTEM_ERROR, error=error)
            await persister.persist(Emission(failed))
        workspaces = WorkspaceManager(self.store.layout.workspaces)
        for emission in await asyncio.to_thread(release_workspace, persister, workspaces):
            await persister.persist(emission)

    def _context(self, claim: Claim, persister: ResultPersister) -> RunContext:
        order = self.store.read_order(order_of(claim.run_id))
        plan = self.store.read(GatePlan, persister.layout.gate_plan)
        if plan is None:
            raise AgentGateError(f"{persister.layout.gate_plan} is missing; nothing could judge this run")
        return RunContext(
            order=order,
            plan=plan,
            persister=persister,
            bus=EventBus(persister.persist, lambda who, fault: self.say(f"{claim.run_id}: {who}: {fault}")),
            host=self.host,
            workspaces=WorkspaceManager(self.store.layout.workspaces),
            clock=self.clock,
            engine=self.engine,
            environment=self.environment,
            mask=self.masker.mask,
        )

    def _hear(self, wish: ControlEntry) -> None:
        self._wishes[wish.run_id] = wish
        context = self._contexts.get(RunId(wish.run_id))
        if context is not None and context.wish is None:
            context.cancel(wish)

    def _lives(self, engine: str) -> bool:
        return engine == self.engine or is_held(self.store.layout.engine_lock(engine))

    def _heartbeat(self) -> None:
        record = EngineRecord(
            id=self.engine,
            pid=os.getpid(),
            host=socket.gethostname(),
            version=__version__,
            slots=self.slots,
            started_at=self.started_at,
            heartbeat_at=to_stamp(self.clock.now()),
            running=sorted(self._tasks),
            parked=dict(self._parked),
            until_idle=self.until_idle,
        )
        try:
            replace_file(self.store.layout.engine_record(self.engine), record.to_json(), sync=False)
        except OSError as fault:
            self.say(f"cannot write the engine's record: {fault}")

    async def _beat_runs(self) -> None:
        for context in list(self._contexts.values()):
            try:
                await context.bus.between_events(context.persister.beat)
            except ParkRun as fault:
                self.say(str(fault))

    async def _let_go(self) -> None:
        """Leave what runs to its supervisors; the files say where the next engine goes on."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        for run in self._tasks:
            self.say(f"{run} is left running for the next engine")
