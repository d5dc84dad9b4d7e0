"""Taking an order in: checked first, then on the disk, then in the queue, then acknowledged."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agentgate_engine.agents.registry import driver_for
from agentgate_engine.clock import Clock, to_stamp
from agentgate_engine.commands.asked_by import whoami
from agentgate_engine.errors import LockHeld, ParkRun, StoreError, UsageError
from agentgate_engine.event_bus import Emission
from agentgate_engine.models.events import RunQueued
from agentgate_engine.models.gate_plan import GatePlan
from agentgate_engine.models.ids import OrderId, RunId, first_run_of, new_order_id
from agentgate_engine.models.work_order import (
    MAX_PROMPT_CHARS,
    AgentRequest,
    Limits,
    ResolvedProfile,
    WorkOrder,
    WorkspaceSource,
)
from agentgate_engine.result_persister import ResultPersister
from agentgate_engine.store.atomic import make_directory
from agentgate_engine.store.index import Index
from agentgate_engine.store.locks import FileLock
from agentgate_engine.store.store import Store
from agentgate_engine.verify.gate_plan import resolve_plan
from agentgate_engine.work_order_queue import WorkOrderQueue
from agentgate_engine.workspace.source import inspect_source, read_file_at, save_uncommitted


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
        "loopStrategy": order.loop_strategy.mode,
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
