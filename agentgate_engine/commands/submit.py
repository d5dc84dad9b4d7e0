"""Taking an order in: checked first, then on the disk, then in the queue, then acknowledged."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import JsonValue

from agentgate_engine.agents.registry import driver_for
from agentgate_engine.clock import Clock, to_stamp
from agentgate_engine.commands.asked_by import whoami
from agentgate_engine.commands.queue import check_after
from agentgate_engine.commands.run_entry import enter_run, take_back_run
from agentgate_engine.errors import ParkRun, StoreError, UsageError
from agentgate_engine.models.gate_plan import GatePlan
from agentgate_engine.models.git_ops import GitOps, checked_git_ops
from agentgate_engine.models.ids import OrderId, RunId, first_run_of, new_order_id
from agentgate_engine.models.queue import QueuePlace
from agentgate_engine.models.work_order import MAX_PROMPT_CHARS, GatePlanSource, WorkOrder
from agentgate_engine.profiles.order_settings import OrderSettings, to_order_fields
from agentgate_engine.profiles.profile_folder import ProfileFolder, profile_directory
from agentgate_engine.profiles.resolve import ResolvedHarness, resolve_profile
from agentgate_engine.store.index import Index
from agentgate_engine.store.store import Store
from agentgate_engine.strategies.registry import iteration_bound, strategy_for
from agentgate_engine.verify.gate_plan import resolve_plan
from agentgate_engine.workspace.resolved_source import ResolvedSource, SourceRequest, resolve_source, undo_source
from agentgate_engine.workspace.source import paths_at, read_file_at, save_uncommitted

MOST_PRIORITY = 1000


@dataclass(frozen=True, slots=True)
class SubmitRequest:
    """An order as asked for. `settings` are those given with the order, by the dotted key of a profile."""

    prompt: str
    source: SourceRequest
    settings: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    profile: str | None = None
    title: str | None = None
    priority: int = 0
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Submitted:
    """An acknowledged order, and its place in the queue; `notes` are things the operator should know."""

    order_id: OrderId
    run_id: RunId
    place: QueuePlace
    base_commit: str
    left_out: tuple[str, ...]
    notes: tuple[str, ...]


def submit(
    store: Store,
    request: SubmitRequest,
    environment: Mapping[str, str],
    clock: Clock,
) -> Submitted:
    """Take an order in. When this returns it is durable: files synced, then the queue row.

    Raises:
        UsageError: the prompt, source, profile, agent or plan cannot be used, or the queue is full; nothing was queued.
        StoreError: the store cannot be written.
    """
    harness, settings = judge(request, environment)
    after = check_after(store, request.after)
    source = resolve_source(
        request.source,
        store.layout.mirrors,
        environment,
        git_environment=_git_environment(request.source, settings.git_ops, environment),
    )
    try:
        plan = _plan(source, settings, harness)
        return _take_in(store, request, harness, settings, source, plan, after, clock)
    except BaseException:
        undo_source(source)
        raise


def judge(request: SubmitRequest, environment: Mapping[str, str]) -> tuple[ResolvedHarness, OrderSettings]:
    """Everything that can be judged of an order without a store or its source.

    Raises:
        UsageError: the prompt, the profile, a setting, the agent or the strategy cannot be used.
    """
    _check_words(request)
    harness = resolve_profile(request.profile, request.settings, ProfileFolder(profile_directory(environment)))
    settings = to_order_fields(harness)
    checked_git_ops(settings.git_ops)
    problem = driver_for(settings.agent.type).problem(settings.agent, environment)
    if problem is not None:
        raise UsageError(problem)
    strategy_for(settings.loop_strategy, settings.limits.max_iterations)  # one that is not installed stops it here
    return harness, settings


def _git_environment(source: SourceRequest, ops: GitOps, environment: Mapping[str, str]) -> dict[str, str]:
    """What lets git read a source elsewhere: the operator's token, where the source is on the GitHub that it is for."""
    if source.address is None:
        return {}
    from agentgate_engine.delivery.network_git import fetch_variables
    from agentgate_engine.delivery.remote import git_host_of
    from agentgate_engine.delivery.token import find_token

    return fetch_variables(source.address, find_token(environment, git_host_of(ops.api_url)), ops.api_url)


def plan_of(source: ResolvedSource, plan_source: GatePlanSource) -> GatePlan:
    """The plan that would judge work which starts from `source`.

    Raises:
        UsageError: `plan_source` leads to none, or a file that decides cannot be honoured.
    """
    return resolve_plan(
        lambda path: read_file_at(source.path, source.head, path),
        source.head,
        paths=lambda: paths_at(source.path, source.head),
        source=plan_source,
    )


def _plan(source: ResolvedSource, settings: OrderSettings, harness: ResolvedHarness) -> GatePlan:
    """The plan in force for this order: what the repository asks for, and what the order's settings lay over it."""
    plan, origins = plan_of(source, settings.gate_plan_source), dict[str, str]()
    if settings.verify_timeout_s is not None:
        plan = plan.model_copy(update={"max_runtime": settings.verify_timeout_s})
        origins["max_runtime"] = harness.origins["verification.timeoutMs"]
    if settings.check_retries:
        plan = plan.model_copy(update={"check_retries": settings.check_retries})
        origins["check_retries"] = harness.origins["verification.maxRetries"]
    return plan.model_copy(update={"origins": {**plan.origins, **origins}})


def _take_in(
    store: Store,
    request: SubmitRequest,
    harness: ResolvedHarness,
    settings: OrderSettings,
    source: ResolvedSource,
    plan: GatePlan,
    after: list[OrderId],
    clock: Clock,
) -> Submitted:
    order_id = new_order_id()
    run_id = first_run_of(order_id)
    patch = store.layout.uncommitted_patch(order_id)
    takes_along = request.source.include_dirty and bool(source.dirty)
    order = WorkOrder(
        id=order_id,
        title=(request.title or _title_of(request.prompt))[:120],
        task_prompt=request.prompt,
        workspace_source=source.record(patch=patch.name if takes_along else None),
        agent=settings.agent,
        limits=settings.limits.model_copy(
            update={"max_iterations": iteration_bound(settings.loop_strategy, settings.limits.max_iterations)}
        ),
        priority=request.priority,
        loop_strategy=settings.loop_strategy,
        retry=settings.retry,
        git_ops=settings.git_ops,
        gate_plan_source=settings.gate_plan_source,
        skip_levels=list(settings.skip_levels),
        skip_kinds=list(settings.skip_kinds),
        commit_message_prefix=settings.commit_message_prefix,
        after=list(after),
        max_wait_seconds=settings.max_wait_s,
        profile=request.profile,
        pristine=settings.pristine,
        created_at=to_stamp(clock.now()),
        submitted_by=whoami(),
    )
    notes = [*plan.warnings, *harness.notes, *source.notes]
    if order.workspace_source.left_out:
        notes.append(_left_out(order.workspace_source.left_out))
    index = Index.open_writable(store.layout)
    try:
        if takes_along:
            save_uncommitted(source.path, patch)
        store.write(store.layout.work_order(order_id), order)
        place = enter_run(store, index, run_id, order, plan=plan, profile=harness.record, notes=notes, clock=clock)
    except BaseException as fault:
        _take_back(store, index, order_id)
        if isinstance(fault, (OSError, ParkRun)):
            raise StoreError(f"cannot write the order to {store.layout.root}: {fault}; nothing was queued") from fault
        raise
    finally:
        index.close()
    return Submitted(order_id, run_id, place, source.head, tuple(order.workspace_source.left_out), tuple(notes))


def _check_words(request: SubmitRequest) -> None:
    """What can be judged without looking at anything else.

    Raises:
        UsageError: something of it cannot be used.
    """
    if not request.prompt.strip():
        raise UsageError("the prompt is empty; say what the agent should do with --prompt or --prompt-file")
    if len(request.prompt) > MAX_PROMPT_CHARS:
        raise UsageError(f"the prompt has {len(request.prompt)} characters; the limit is {MAX_PROMPT_CHARS}")
    texts = {"the prompt": request.prompt, "--title": request.title or "", "the path": str(request.source.path or "")}
    texts |= {name: value for name, value in request.settings.items() if isinstance(value, str)}
    for name, text in texts.items():
        if not text.isascii() and text != text.encode("utf-8", "replace").decode():
            raise UsageError(f"{name} is not UTF-8 text, and no file of the store could hold it")
    if not -MOST_PRIORITY <= request.priority <= MOST_PRIORITY:
        raise UsageError(f"--priority must be between -{MOST_PRIORITY} and {MOST_PRIORITY}, not {request.priority}")


def _take_back(store: Store, index: Index, order_id: OrderId) -> None:
    """Remove what a submit wrote that could not be finished. Best effort: recovery queues what is left."""
    if not take_back_run(store, index, first_run_of(order_id)):
        return
    for path in (store.layout.work_order(order_id), store.layout.uncommitted_patch(order_id)):
        with contextlib.suppress(OSError):
            path.unlink()


def _title_of(prompt: str) -> str:
    return next(line.strip() for line in prompt.splitlines() if line.strip())


def _left_out(paths: list[str]) -> str:
    shown = ", ".join(paths[:5]) + (f" and {len(paths) - 5} more" if len(paths) > 5 else "")
    return f"the run starts from HEAD and leaves out uncommitted changes: {shown} (--include-dirty takes them along)"


def local(path: Path, *, include_dirty: bool = False) -> SourceRequest:
    """The source that most orders have: a checkout on this machine."""
    return SourceRequest("local", path=path, include_dirty=include_dirty)
