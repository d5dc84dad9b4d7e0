"""Bringing a verified result back: the run's branch is fetched into the operator's repository."""

from __future__ import annotations

import shlex
from pathlib import Path

from agentgate_engine.clock import to_stamp
from agentgate_engine.error_builder import error_of_system
from agentgate_engine.errors import AgentGateError, UsageError, WorkspaceError
from agentgate_engine.event_bus import Evidence
from agentgate_engine.models.build_error import BuildError
from agentgate_engine.models.delivery import DeliveryRecord
from agentgate_engine.models.event_type import EventType
from agentgate_engine.models.events import (
    BranchPushed,
    DeliveryComplete,
    DeliveryStarted,
    RunWarned,
)
from agentgate_engine.run_context import RunContext
from agentgate_engine.threads import finish_in_thread
from agentgate_engine.workspace.fetch_back import fetch_back


async def deliver(context: RunContext, commit: str) -> BuildError | None:
    """Fetch the branch back; the error when that failed. The intent is on the disk before anything is touched.

    Raises:
        ParkRun: the evidence could not be written.
    """
    told = context.persister.happened(EventType.DELIVERY_COMPLETE)
    if isinstance(told, DeliveryComplete) and told.error is None:
        return None
    workspace, source = context.workspace, context.order.workspace_source.path
    file = context.layout.delivery
    record = DeliveryRecord(
        run_id=context.run_id,
        state="intended",
        branch=workspace.branch,
        commit=commit,
        target=source,
        updated_at=to_stamp(context.clock.now()),
    )
    await context.emit(DeliveryStarted(branch=workspace.branch, commit=commit), Evidence(file, record))
    quoted = shlex.quote(source)
    fault: AgentGateError | None = None
    try:
        note = await finish_in_thread(fetch_back, workspace, Path(source), commit)
        if note is not None:
            await context.emit(RunWarned(warning="delivery", message=note))
    except (WorkspaceError, UsageError) as refused:
        fault = refused
    by_hand = f"git -C {quoted} fetch {shlex.quote(str(workspace.repository))} {workspace.branch}:{workspace.branch}"
    done = record.model_copy(
        update={
            "state": "failed" if fault else "delivered",
            "error": str(fault) if fault else None,
            "next_step": by_hand if fault else f"git -C {quoted} merge {workspace.branch}",
            "updated_at": to_stamp(context.clock.now()),
        }
    )
    if fault is None:
        await context.emit(BranchPushed(branch=workspace.branch, commit=commit, target=source))
    await context.emit(
        DeliveryComplete(
            file=file.name, branch=None if fault else workspace.branch, error=str(fault) if fault else None
        ),
        Evidence(file, done),
    )
    if fault is None:
        return None
    wrapped = WorkspaceError(f"verified, but the branch could not be brought back: {fault}. By hand: {by_hand}")
    return error_of_system(wrapped, phase=context.run.state.value, failed_at=to_stamp(context.clock.now()))
