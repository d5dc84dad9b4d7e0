"""Ending a run, whether an engine has it or not."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Literal

from agentgate_engine.clock import Clock, to_stamp
from agentgate_engine.commands.asked_by import whoami
from agentgate_engine.errors import AgentGateError, LockHeld
from agentgate_engine.event_bus import Emission
from agentgate_engine.models.control import CancelWish, ControlEntry
from agentgate_engine.models.events import RunWarned
from agentgate_engine.models.ids import RunId, order_of
from agentgate_engine.models.run import Run
from agentgate_engine.phases.run_end import canceled, release_workspace
from agentgate_engine.process.stop_all import stop_all
from agentgate_engine.result_persister import ResultPersister
from agentgate_engine.store.control_log import record_wish
from agentgate_engine.store.index import Index
from agentgate_engine.store.store import Store
from agentgate_engine.workspace.manager import WorkspaceManager

CANCEL_WAIT_S = 6.0


@dataclass(frozen=True, slots=True)
class CancelResult:
    """`done`: ended, and nothing of it runs. `asked`: an engine was told. `already`: it had ended before."""

    run_id: RunId
    outcome: Literal["done", "asked", "already"]
    state: str


def cancel(
    store: Store, run_id: RunId, clock: Clock, *, reason: str = "", wait_s: float = CANCEL_WAIT_S
) -> CancelResult:
    """End a run: the wish is recorded, then the engine that works it stops it, or we do when no engine does.

    Raises:
        StoreError: the run or the store cannot be read or written.
    """
    run = store.read_run(run_id)
    if run.state.terminal:
        return CancelResult(run_id, "already", run.state.value)
    return _cancel(store, run_id, _wish(store, run_id, clock, reason), clock, wait_s)


def _wish(store: Store, run_id: RunId, clock: Clock, reason: str) -> ControlEntry:
    return record_wish(store.layout, CancelWish(reason=reason), run=run_id, by=whoami(), t=to_stamp(clock.now()))


def _cancel(store: Store, run_id: RunId, wish: ControlEntry, clock: Clock, wait_s: float) -> CancelResult:
    """End a run whose end is wished, or wait for its engine to do it."""
    give_up = clock.monotonic() + wait_s
    while True:
        try:
            return _cancel_here(store, run_id, wish, clock)
        except LockHeld:
            run = store.read_run(run_id)
            if run.state.terminal:
                return _ended_meanwhile(run)
            if clock.monotonic() >= give_up:
                return CancelResult(run_id, "asked", run.state.value)
            time.sleep(0.1)


def cancel_all_queued(store: Store, clock: Clock, *, reason: str = "") -> list[CancelResult]:
    """End every run that waits and has not begun. Each wish is on the disk before the first of them is ended.

    Raises:
        StoreError: the store cannot be read or written.
    """
    index = Index.open_writable(store.layout)
    try:
        found = index.read("select run_id from job where state='queued' and not resumed order by queued_at, run_id")
    finally:
        index.close()
    runs = [RunId(row[0]) for row in found]
    wishes = [_wish(store, run, clock, reason) for run in runs]
    return [_cancel(store, run, wish, clock, CANCEL_WAIT_S) for run, wish in zip(runs, wishes, strict=True)]


def _ended_meanwhile(run: Run) -> CancelResult:
    """Its engine heard the wish, or the run was quicker."""
    return CancelResult(RunId(run.id), "done" if run.result == "canceled" else "already", run.state.value)


def _cancel_here(store: Store, run_id: RunId, wish: ControlEntry, clock: Clock) -> CancelResult:
    """Cancel a run that no engine is writing; what a dead engine left running of it is stopped.

    Raises:
        LockHeld: an engine has it.
    """
    index = Index.open_writable(store.layout)
    try:
        persister = ResultPersister.open(store, index, clock, run_id, fence=store.read_run(run_id).fence, wait_s=0)
        try:
            if persister.run.state.terminal:
                return _ended_meanwhile(persister.run)
            asyncio.run(stop_all(persister.layout.processes, clock))
            order = store.read_order(order_of(run_id))
            workspaces = WorkspaceManager(store.layout.workspaces)
            for emission in _keep_half_done(persister, workspaces):
                persister.write(emission)
            for emission in canceled(persister, order, wish, to_stamp(clock.now())):
                persister.write(emission)
            for emission in release_workspace(persister, workspaces):
                persister.write(emission)
            with index.transaction() as database:
                database.execute("update job set state='done' where run_id=?", (run_id,))
            return CancelResult(run_id, "done", persister.run.state.value)
        finally:
            persister.close()
    finally:
        index.close()


def _keep_half_done(persister: ResultPersister, workspaces: WorkspaceManager) -> list[Emission]:
    """Keep what the agent had done as a ref beside the snapshots, as an engine does; a warning where that fails."""
    iteration = persister.run.iteration
    if iteration == 0:
        return []
    try:
        workspaces.open(persister.run_id).keep(f"{iteration}-unfinished")
    except (AgentGateError, OSError) as fault:
        return [Emission(RunWarned(warning="workspace", message=str(fault)))]
    return []
