"""What an operator can ask for. The command line and the console act through these functions alone.

A submit is on the disk before it is acknowledged; a wish is in `control.jsonl` before it is acted on.
"""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from agentgate_engine.agents.registry import driver_for
from agentgate_engine.clock import Clock, to_stamp
from agentgate_engine.errors import AgentGateError, LockHeld, ParkRun, StoreError, UsageError
from agentgate_engine.event_bus import Emission
from agentgate_engine.models.control import ControlEntry
from agentgate_engine.models.events import RunQueued, RunWarned
from agentgate_engine.models.gate_plan import GatePlan
from agentgate_engine.models.ids import OrderId, RunId, first_run_of, new_engine_id, new_order_id, order_of
from agentgate_engine.models.run import Run
from agentgate_engine.models.work_order import (
    MAX_PROMPT_CHARS,
    AgentRequest,
    Limits,
    ResolvedProfile,
    WorkOrder,
    WorkspaceSource,
)
from agentgate_engine.process.stop_all import stop_all
from agentgate_engine.result_persister import ResultPersister
from agentgate_engine.run_end import canceled, release_workspace
from agentgate_engine.store.atomic import make_directory, replace_file
from agentgate_engine.store.control_log import add_wish
from agentgate_engine.store.index import Index
from agentgate_engine.store.locks import FileLock, is_held
from agentgate_engine.store.store import Store
from agentgate_engine.verify.gate_plan import resolve_plan
from agentgate_engine.work_order_queue import WorkOrderQueue
from agentgate_engine.workspace.manager import WorkspaceManager
from agentgate_engine.workspace.source import inspect_source, read_file_at, save_uncommitted

CANCEL_WAIT_S = 6.0


@dataclass(frozen=True, slots=True)
class SubmitRequest:
    """An order as asked for. `explicit` names the settings that were given and not defaulted."""

    prompt: str
    repository: Path
    agent: AgentRequest
    limits: Limits = field(default_factory=Limits)
    title: str | None = None
    priority: int = 0
    include_dirty: bool = False
    pristine: bool = False
    explicit: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Submitted:
    """An acknowledged order. `position` is 1 for the next; `notes` are things the operator should know."""

    order_id: OrderId
    run_id: RunId
    position: int | None
    base_commit: str
    left_out: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CancelResult:
    """`done`: ended, and nothing of it runs. `asked`: an engine was told. `already`: it had ended before."""

    run_id: RunId
    outcome: Literal["done", "asked", "already"]
    state: str


def whoami() -> str:
    """user@host, as recorded with every wish."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def submit(store: Store, request: SubmitRequest, environment: Mapping[str, str], clock: Clock) -> Submitted:
    """Take an order in. When this returns it is durable: files synced, then the queue row.

    Raises:
        UsageError: the prompt, repository, agent or plan cannot be used; nothing was written.
        StoreError: the store cannot be written.
    """
    _check(request, environment)
    source = inspect_source(request.repository)
    plan = resolve_plan(lambda path: read_file_at(source.top_level, source.head, path), source.head)
    order_id = new_order_id()
    run_id = first_run_of(order_id)
    patch = store.layout.uncommitted_patch(order_id)
    takes_along = request.include_dirty and bool(source.dirty)
    order = WorkOrder(
        id=order_id,
        title=(request.title or _title_of(request.prompt))[:120],
        task_prompt=request.prompt,
        workspace_source=WorkspaceSource(
            path=str(source.top_level),
            base_commit=source.head,
            base_branch=source.branch,
            left_out=[] if takes_along else list(source.dirty),
            uncommitted_patch=patch.name if takes_along else None,
        ),
        agent=request.agent,
        limits=request.limits,
        priority=request.priority,
        pristine=request.pristine,
        created_at=to_stamp(clock.now()),
        submitted_by=whoami(),
    )
    notes = [*plan.warnings]
    if order.workspace_source.left_out:
        notes.append(_left_out(order.workspace_source.left_out))
    if source.has_submodules:
        notes.append("the repository has submodules; they are not checked out for the agent")
    if source.uses_lfs:
        notes.append("the repository uses Git LFS; the agent sees pointer files")
    index = Index.open_writable(store.layout)
    try:
        if takes_along:
            save_uncommitted(source.top_level, patch)
        position = _enter(store, index, order, plan, notes, request.explicit, clock)
    except BaseException as fault:
        _take_back(store, index, order_id)
        if isinstance(fault, (OSError, ParkRun)):
            raise StoreError(f"cannot write the order to {store.layout.root}: {fault}; nothing was queued") from fault
        raise
    finally:
        index.close()
    left_out = tuple(order.workspace_source.left_out)
    return Submitted(order_id, run_id, position, source.head, left_out, tuple(notes))


def _check(request: SubmitRequest, environment: Mapping[str, str]) -> None:
    if not request.prompt.strip():
        raise UsageError("the prompt is empty; say what the agent should do with --prompt or --prompt-file")
    texts = {
        "the prompt": request.prompt,
        "--title": request.title or "",
        "--command": request.agent.command or "",
        "--model": request.agent.model or "",
        "the path of the repository": str(request.repository),
    }
    for name, text in texts.items():
        if not text.isascii() and text != text.encode("utf-8", "replace").decode():
            raise UsageError(f"{name} is not UTF-8 text, and no file of the store could hold it")
    if len(request.prompt) > MAX_PROMPT_CHARS:
        raise UsageError(f"the prompt has {len(request.prompt)} characters; the limit is {MAX_PROMPT_CHARS}")
    limits = request.limits
    for name, value, low, high in (
        ("--max-iterations", limits.max_iterations, 1, 100),
        ("--max-time", limits.max_wall_clock_seconds, 1, 7 * 86400),
        ("--iteration-time", limits.max_iteration_seconds, 1, 7 * 86400),
        ("--priority", request.priority, -1000, 1000),
    ):
        if not low <= value <= high:
            raise UsageError(f"{name} must be between {low} and {high}, not {value:g}")
    problem = driver_for(request.agent.type).problem(request.agent, environment)
    if problem is not None:
        raise UsageError(problem)


def _enter(
    store: Store,
    index: Index,
    order: WorkOrder,
    plan: GatePlan,
    notes: list[str],
    explicit: frozenset[str],
    clock: Clock,
) -> int | None:
    """Order file, run directory with first event and `run.json`, then the queue row; returns the place in the queue.

    `run.lock` is held from the first file of the run to the row: whoever finds a run without events can tell a submit
    that is under way from one that was killed, and nobody claims a run before it is acknowledged.
    """
    run_id = first_run_of(OrderId(order.id))
    layout = store.layout.run(run_id)
    store.write(store.layout.work_order(OrderId(order.id)), order)
    persister = ResultPersister.open(store, index, clock, run_id, fence=0)
    try:
        make_directory(layout.processes)
        store.write(layout.gate_plan, plan)
        store.write(layout.profile, _profile(order, explicit))
        queued = RunQueued(
            title=order.title,
            agent=order.agent.type,
            repository=order.workspace_source.path,
            branch=f"agentgate/{run_id}",
            base_commit=order.workspace_source.base_commit,
            max_iterations=order.limits.max_iterations,
            priority=order.priority,
            left_out=order.workspace_source.left_out,
            warnings=notes,
        )
        persister.write(Emission(queued))
        WorkOrderQueue(index).enqueue(persister.run, priority=order.priority)
        row = index.row(run_id)
        return row.position if row else None
    finally:
        persister.close()


def _take_back(store: Store, index: Index, order_id: OrderId) -> None:
    """Remove what a submit wrote that could not be finished, rows last. Best effort: recovery queues what is left.

    Under `run.lock`, so that no engine queues the run at the same moment for one that was killed.
    """
    run_id = first_run_of(order_id)
    layout = store.layout.run(run_id)
    with contextlib.ExitStack() as held:
        with contextlib.suppress(OSError, LockHeld):
            held.enter_context(FileLock.acquire(layout.lock, wait_s=1))
        shutil.rmtree(layout.directory, ignore_errors=True)
        with contextlib.suppress(StoreError):
            index.forget(run_id)
    for path in (store.layout.work_order(order_id), store.layout.uncommitted_patch(order_id)):
        with contextlib.suppress(OSError):
            path.unlink()


def _profile(order: WorkOrder, explicit: frozenset[str]) -> ResolvedProfile:
    settings = {
        "agent": order.agent.type,
        "model": order.agent.model,
        "permissionMode": order.agent.permission_mode,
        "loopStrategy": order.loop_strategy,
        "pristine": order.pristine,
        **order.limits.model_dump(by_alias=True),
    }
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]
    origins = {name: "command line" if name in explicit else "default" for name in settings}
    return ResolvedProfile(settings=settings, origins=origins, hash=digest)


def _title_of(prompt: str) -> str:
    return next(line.strip() for line in prompt.splitlines() if line.strip())


def _left_out(paths: list[str]) -> str:
    shown = ", ".join(paths[:5]) + (f" and {len(paths) - 5} more" if len(paths) > 5 else "")
    return f"the run starts from HEAD and leaves out uncommitted changes: {shown} (--include-dirty takes them along)"


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
    by = whoami()
    wish = add_wish(store.layout, action="cancel", run=run_id, by=by, t=to_stamp(clock.now()), data={"reason": reason})
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


def living_engines(store: Store) -> list[str]:
    """Ids of the engines that hold their lock."""
    return sorted(lock.stem for lock in store.layout.engines.glob("*.lock") if is_held(lock))


def start_engine(store: Store, environment: Mapping[str, str], *, slots: int = 2, until_idle: bool = False) -> str:
    """Start an engine as a process of its own, which outlives the caller. Returns its id once it is alive.

    Raises:
        AgentGateError: it did not come up; the message holds the end of its log.
    """
    engine = new_engine_id()
    log = store.layout.engines / f"{engine}.log"
    command = [sys.executable, "-m", "agentgate_engine", "--home", str(store.layout.root), "serve"]
    command += ["--slots", str(slots), "--engine-id", engine, *(["--until-idle"] if until_idle else [])]
    replace_file(log, b"")
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=dict(environment),
            cwd="/",
            start_new_session=True,
        )
    give_up = time.monotonic() + 20
    while time.monotonic() < give_up:
        if is_held(store.layout.engine_lock(engine)):
            return engine
        if process.poll() is not None:
            if process.returncode == 0 and until_idle:
                return engine
            break
        time.sleep(0.02)
    tail = log.read_text(errors="replace")[-2000:].strip()
    raise AgentGateError(f"the engine did not start; its log {log} ends with: {tail or '(nothing)'}")
