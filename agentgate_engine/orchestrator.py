"""The engine: slots, claims, cancellation, and the adoption of what still runs.

It holds `engines/{id}.lock` for life, which is what others believe. Killing it at any point loses nothing: agents go on
under their supervisors, and the next engine claims what it had and goes on from the files.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from agentgate_engine.clock import Clock, to_stamp
from agentgate_engine.errors import LockHeld, ParkRun, StoreError
from agentgate_engine.models.control import ControlEntry, DrainWish
from agentgate_engine.models.ids import RunId, new_engine_id
from agentgate_engine.process.process_host import ProcessHost
from agentgate_engine.slots import parking
from agentgate_engine.slots.engine_record import engine_record
from agentgate_engine.slots.headroom import MIN_DISK_MB, Floor, Headroom, default_memory_floor, measure
from agentgate_engine.slots.parking import Parking
from agentgate_engine.slots.run_worker import RunWorker
from agentgate_engine.slots.start_gate import StartGate
from agentgate_engine.slots.waiting_room import WaitingRoom
from agentgate_engine.store.atomic import replace_file
from agentgate_engine.store.control_log import ControlReader
from agentgate_engine.store.index import Index
from agentgate_engine.store.locks import FileLock, is_held
from agentgate_engine.store.masking import Masker
from agentgate_engine.store.recovery import forget_dead_engines, queue_the_stranded
from agentgate_engine.store.store import Store
from agentgate_engine.store.wishes import apply_wishes
from agentgate_engine.subscribers.notification_rules import load_rules
from agentgate_engine.work_order_queue import Claim, Fenced, WorkOrderQueue
from agentgate_engine.workspace.lease import LeaseBook, LeaseHeld

TICK_S = 0.1
HEARTBEAT_S = 2.0

Say = Callable[[str], None]


@dataclass
class Orchestrator:
    """One engine on one store. `say` gets one line for people for each thing worth telling.

    `floor` is what must be free before something new is started (None: the defaults for this machine), `stagger_s` the
    least time between two starts, `probe` measures what is free.
    """

    store: Store
    environment: Mapping[str, str]
    say: Say
    slots: int = 2
    until_idle: bool = False
    engine: str = field(default_factory=new_engine_id)
    clock: Clock = field(default_factory=Clock)
    floor: Floor | None = None
    stagger_s: float = 0.0
    probe: Callable[[], Headroom] | None = None
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _draining: bool = False
    _tasks: dict[RunId, asyncio.Task[None]] = field(default_factory=dict[RunId, "asyncio.Task[None]"])
    _parking: Parking = field(default_factory=Parking)
    _unreadable: set[str] = field(default_factory=set[str])
    _trouble: str = ""

    def stop(self) -> None:
        """End the engine soon. Agents go on under their supervisors, for the next engine to adopt."""
        self._stopping.set()

    async def serve(self) -> None:
        """Work the queue until `stop`, or until a drain was wished and nothing runs, or with `until_idle` until nothing
        is left.

        Raises:
            StoreError: the store cannot be used.
        """
        self.started_at = to_stamp(self.clock.now())
        index = Index.open_writable(self.store.layout)
        self._set_up(index)
        try:
            while True:
                await self._serve_once()
                ended = self._stopping.is_set() or self._draining or self._tasks or self._parking.reasons
                if ended or not await self._has_more():
                    return
        finally:
            index.close()

    def _set_up(self, index: Index) -> None:
        self.index, self.queue = index, WorkOrderQueue(index, self.clock)
        mask, host = Masker.from_environment(self.environment).mask, ProcessHost(self.clock)
        rules = load_rules(self.environment)
        self.worker = RunWorker(
            self.store, index, self.clock, host, self.engine, self.environment, mask, self.say, rules
        )
        probe = self.probe or (lambda: measure(self.store.layout.root))
        if self.floor is None:
            self.floor = Floor(default_memory_floor(probe().total_memory_mb), MIN_DISK_MB)
        gate = StartGate(self.floor, self.stagger_s, probe, self.clock)
        self.room = WaitingRoom(self.queue, self.engine, gate, self.worker, self.clock)

    async def _serve_once(self) -> None:
        """Alive from here to the end: the lock says so."""
        record, lock = self.store.layout.engine_record(self.engine), self.store.layout.engine_lock(self.engine)
        try:
            with FileLock.acquire(lock):
                self._heartbeat()
                forget_dead_engines(self.store.layout)
                LeaseBook(self.store.layout).reclaim()
                try:
                    await self._work()
                finally:
                    await self._let_go()
        finally:
            record.unlink(missing_ok=True)
            lock.unlink(missing_ok=True)

    async def _has_more(self) -> bool:
        """Whether an order came in while this engine, idle, was about to end. Who submitted it saw an engine alive and
        started none; now that the lock is given up, whoever submits sees that too."""
        unfinished = await asyncio.to_thread(self.queue.unfinished, self._concerns_us)
        return unfinished > len(self._parking.reasons)

    async def _work(self) -> None:
        wishes = ControlReader.follow(self.store.layout, self.say)
        swept = beaten = float("-inf")
        while not self._stopping.is_set():
            now = self.clock.monotonic()
            try:
                await self._hear(wishes.read_new())
                if now - swept >= HEARTBEAT_S:
                    swept = now
                    await self._sweep()
                await self.room.end_what_waited_too_long()
                await self._fill_slots()
                if self._draining and not self._is_working():
                    self.say(f"engine {self.engine} is drained")
                    return
                if self.until_idle and await self._is_idle():
                    return
            except (StoreError, OSError) as fault:  # a busy or full store may be well again at the next tick
                self._complain(str(fault))
            if now - beaten >= HEARTBEAT_S:
                beaten = now
                self._heartbeat()
                await self.worker.beat()
            await self._pause()

    async def _hear(self, wishes: list[ControlEntry]) -> None:
        for entry in wishes:
            match entry.wish():
                case DrainWish(engine=self.engine) if not self._draining:
                    self._draining = True
                    self.say(f"drained by {entry.by}: nothing new is started, and the engine ends when nothing runs")
                    self._heartbeat()
                case _ if entry.action == "cancel":
                    self.worker.hear(entry)
                case _:
                    pass
        if wishes:
            await asyncio.to_thread(apply_wishes, self.index)

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
        await asyncio.to_thread(apply_wishes, self.index)
        self._trouble = ""

    def _complain(self, trouble: str) -> None:
        """Say what is wrong with the store, once until it changes or a sweep went well."""
        if trouble != self._trouble:
            self._trouble = trouble
            self.say(f"the store cannot be used at the moment; trying again: {trouble}")

    def _is_working(self) -> bool:
        return any(run not in self._parking for run in self._tasks)

    async def _is_idle(self) -> bool:
        """Whether nothing is left that this engine could still do. Runs of other living engines are theirs."""
        if self._is_working() or not self._parking.given_up():
            return False
        if len(self._tasks) >= self.slots:
            return True
        return not await self._has_more()

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
        while (free := self.slots - len(self._tasks)) > 0 and not self._stopping.is_set() and not self._draining:
            claim = self._parking.next_due(self.clock.monotonic(), self._tasks.keys())
            claim = claim or await self.room.next_claim(free)
            if claim is None:
                return
            self._begin(claim)
        await self.room.tell(None, [])

    def _begin(self, claim: Claim) -> None:
        self._parking.leave(claim.run_id)
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
                self._parking.forget(run_id)
                return
            except ParkRun as fault:
                await self._park(run_id, str(fault))
                await asyncio.sleep(parking.PARKED_S)
                self._parking.leave(run_id)
            except Fenced as fault:
                self.say(str(fault))
                return
            except LeaseHeld as fault:  # somebody else's directory: it will be free, and others can work meanwhile
                await self._park(run_id, str(fault), "workspace")
                self._parking.set_aside(claim, self.clock.monotonic())
                return
            except Exception as fault:  # nothing of one run may end the engine, and nothing of it may go unseen
                await self._park(run_id, f"{type(fault).__name__}: {fault}")
                self._parking.set_aside(claim, self.clock.monotonic())
                return

    async def _work_and_complete(self, claim: Claim) -> None:
        try:
            await self.worker.work(claim)
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

    async def _park(self, run_id: RunId, reason: str, kind: str = "store") -> None:
        """Say why a run cannot go on wherever that can still be said: in the list, in the engine's record and log."""
        self._parking.park(run_id, reason)
        self.say(f"{run_id} waits: {reason}")
        try:
            await asyncio.to_thread(self.index.put_waiting, run_id, f"{kind}: {reason}")
        except StoreError as fault:
            self.say(str(fault))

    def _lives(self, engine: str) -> bool:
        return engine == self.engine or is_held(self.store.layout.engine_lock(engine))

    def _heartbeat(self) -> None:
        assert self.floor is not None, "set before the first beat"
        record = engine_record(
            self.engine,
            slots=self.slots,
            started_at=self.started_at,
            now=to_stamp(self.clock.now()),
            running=sorted(self._tasks),
            parked=self._parking.reasons,
            until_idle=self.until_idle,
            draining=self._draining,
            waits="draining" if self._draining else self.room.held_up_by,
            floor=self.floor,
            stagger_s=self.stagger_s,
        )
        try:
            replace_file(self.store.layout.engine_record(self.engine), record.to_json(), sync=False)
        except OSError as fault:
            self.say(f"cannot write the engine's record: {fault}")

    async def _let_go(self) -> None:
        """Leave what runs to its supervisors; the files say where the next engine goes on."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        for run in self._tasks:
            self.say(f"{run} is left running for the next engine")
        try:
            await self.room.tell(None, [])
        except StoreError as fault:
            self.say(str(fault))
