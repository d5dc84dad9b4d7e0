"""What is said when a run ends, whoever ends it: an engine, or an operator when no engine has the run."""

from __future__ import annotations

from agentgate_engine.errors import WorkspaceError
from agentgate_engine.event_bus import Emission, Evidence
from agentgate_engine.models.build_error import BuildError
from agentgate_engine.models.control import ControlEntry
from agentgate_engine.models.event_type import EventType
from agentgate_engine.models.events import (
    ControlApplied,
    IterationComplete,
    RunCanceled,
    WorkspaceReleased,
)
from agentgate_engine.models.iteration import IterationData
from agentgate_engine.models.run_state import RunState
from agentgate_engine.models.work_order import WorkOrder
from agentgate_engine.phases.iteration_record import iteration_record
from agentgate_engine.result_persister import ResultPersister
from agentgate_engine.workspace.manager import WorkspaceManager


def close_iteration(
    persister: ResultPersister, order: WorkOrder, *, state: RunState, error: BuildError | None, now: str
) -> list[Emission]:
    """`iteration-{n}.json`, once, at the end of every iteration, the last one included."""
    iteration = persister.run.iteration
    if iteration == 0:
        return []
    if persister.happened(EventType.ITERATION_COMPLETE, iteration):
        told = persister.store.read_if_whole(IterationData, persister.layout.iteration(iteration))
        if told is None or told.state is state:  # another state: an engine died before the end that it had in mind
            return []
    record = iteration_record(persister, order, state=state, error=error, now=now)
    file = persister.layout.iteration(iteration)
    told = IterationComplete(file=file.name, verification_passed=record.verification_passed)
    return [Emission(told, iteration, [Evidence(file, record)])]


def canceled(persister: ResultPersister, order: WorkOrder, wish: ControlEntry, now: str) -> list[Emission]:
    """The end of a run that an operator wanted ended, once its processes are gone."""
    iteration = persister.run.iteration or None
    return [
        *close_iteration(persister, order, state=RunState.CANCELED, error=None, now=now),
        Emission(ControlApplied(control_seq=wish.seq, action=wish.action), iteration),
        Emission(RunCanceled(by=wish.by, reason=str(wish.data.get("reason", ""))), iteration),
    ]


def release_workspace(persister: ResultPersister, workspaces: WorkspaceManager) -> list[Emission]:
    """Remove what nobody needs any more; the repository with the snapshots stays unless its branch was delivered."""
    if persister.happened(EventType.WORKSPACE_RELEASED):
        return []
    if not persister.happened(EventType.WORKSPACE_ACQUIRED):
        workspaces.release(persister.run_id)
        return []
    left = workspaces.remove(persister.run_id, keep_repository=persister.run.delivered_branch is None)
    try:
        kept = str(workspaces.open(persister.run_id).repository)
    except WorkspaceError:
        kept = None
    return [Emission(WorkspaceReleased(repository_kept=kept, left_behind=left))]
