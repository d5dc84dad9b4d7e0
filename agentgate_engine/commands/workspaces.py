"""What an operator does with workspaces and snapshots: list them, look into one, take a result that was not delivered.

Nothing here changes a run or writes over a file: a state goes to a new directory or a new branch.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agentgate_engine.errors import AgentGateError, StoreError, UsageError, WorkspaceError
from agentgate_engine.models.event_type import EventType
from agentgate_engine.models.events import SnapshotCreated, parse_payload
from agentgate_engine.models.ids import RunId, order_of
from agentgate_engine.models.snapshot import Snapshot
from agentgate_engine.store.event_log import read_events
from agentgate_engine.store.store import Store
from agentgate_engine.workspace.fetch_back import fetch_as, fetch_back
from agentgate_engine.workspace.manager import WorkspaceManager
from agentgate_engine.workspace.materialise import materialise
from agentgate_engine.workspace.workspace import KeptState, Workspace


@dataclass(frozen=True, slots=True)
class WorkspaceRow:
    """One workspace. `run_state` is None where no run of that name can be read, `state` as in `WorkspaceManager`.

    `total_bytes` is what it takes on the disk; deleting it frees all but `shared_bytes`. `leased_by_run` says whether
    its lease counts: the run is not over. `fault` is why it could not be read.
    """

    run_id: str
    run_state: str | None
    state: str
    tree: str | None
    in_place: bool
    total_bytes: int
    shared_bytes: int
    snapshots: int
    kept_states: tuple[str, ...]
    lease: str | None
    leased_by_run: bool
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class SnapshotRow:
    """One snapshot. `here`: its commit is in the run's own repository."""

    iteration: int
    commit: str
    files_changed: int
    insertions: int
    deletions: int
    agent_commits: int
    created_at: str
    here: bool


@dataclass(frozen=True, slots=True)
class RunSnapshots:
    """What is known of the states of a run. `repository` is None when it was removed after the delivery."""

    run_id: str
    branch: str
    repository: str | None
    source: str
    snapshots: tuple[SnapshotRow, ...]
    kept: tuple[KeptState, ...]


@dataclass(frozen=True, slots=True)
class StateAsked:
    """A state of a run: a snapshot by iteration (None for the newest), or a kept one by name."""

    run_id: RunId
    iteration: int | None = None
    kept: str | None = None


@dataclass(frozen=True, slots=True)
class Restored:
    """A state that was put into a new directory (`files` of them) or on a new branch of `place`."""

    run_id: str
    label: str
    commit: str
    place: str
    branch: str | None = None
    files: int | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """The branch of a run, in a repository of the operator's. `note` is what he should know about it."""

    run_id: str
    branch: str
    commit: str
    repository: str
    note: str | None = None


def list_workspaces(store: Store) -> list[WorkspaceRow]:
    """Every workspace of the store, and every lease of a run that has none, by run."""
    manager = WorkspaceManager(store.layout.workspaces)
    rows = {run_id: _row(store, manager, run_id) for run_id in manager.list()}
    for lease in manager.leases.all():
        if lease.run_id not in rows:
            counts, state = manager.leases.counts(lease), _run_state(store, lease.run_id)
            rows[lease.run_id] = WorkspaceRow(
                lease.run_id, state, "unfinished", None, False, 0, 0, 0, (), lease.path, counts
            )
    return [rows[run_id] for run_id in sorted(rows)]


def list_snapshots(store: Store, run_id: RunId) -> RunSnapshots:
    """The snapshots of a run, from its events and its repository.

    Raises:
        StoreError: neither the run nor its order can be read.
        WorkspaceError: the repository is damaged.
    """
    workspace = _workspace(store, run_id)
    here = workspace.snapshot_refs() if workspace else {}
    known = {snapshot.iteration: snapshot for snapshot in _told(store, run_id)}
    if workspace:
        known |= {s.iteration: s for s in WorkspaceManager(store.layout.workspaces).list_snapshots(run_id)}
    return RunSnapshots(
        run_id=run_id,
        branch=f"agentgate/{run_id}",
        repository=str(workspace.repository) if workspace else None,
        source=store.read_order(order_of(run_id)).workspace_source.path,
        snapshots=tuple(
            SnapshotRow(
                iteration=snapshot.iteration,
                commit=snapshot.commit,
                files_changed=snapshot.files_changed,
                insertions=snapshot.insertions,
                deletions=snapshot.deletions,
                agent_commits=snapshot.agent_commits,
                created_at=snapshot.created_at,
                here=snapshot.iteration in here,
            )
            for snapshot in sorted(known.values(), key=lambda s: s.iteration)
        ),
        kept=tuple(workspace.kept_states()) if workspace else (),
    )


def restore_to_directory(store: Store, asked: StateAsked, directory: Path) -> Restored:
    """Put the files of a state into a new directory.

    Raises:
        UsageError: there is no such state, or the directory holds something.
        WorkspaceError: it could not be written; nothing is left.
    """
    label, commit, repository = _find(store, asked)
    count = materialise(repository, commit, directory)
    return Restored(asked.run_id, label, commit, str(directory), files=count)


def restore_to_branch(store: Store, asked: StateAsked, branch: str, target: Path | None = None) -> Restored:
    """Make a new branch on a state, in the run's source or in `target`, a repository of the operator's.

    Raises:
        UsageError: there is no such state, or no such repository, or `branch` is no name.
        WorkspaceError: the branch is there already with other work.
    """
    label, commit, repository = _find(store, asked)
    place = target or Path(store.read_order(order_of(asked.run_id)).workspace_source.path)
    fetch_as(repository, commit, place, branch)
    return Restored(asked.run_id, label, commit, str(place), branch=branch)


def take(store: Store, run_id: RunId, branch: str | None = None, target: Path | None = None) -> Taken:
    """Fetch the branch of a run that was not delivered, on its last snapshot, into its source or into `target`.

    Raises:
        UsageError: there is nothing to take; says what there is.
        WorkspaceError: a branch of that name is there with other work.
    """
    run = store.read_run(run_id)
    name = branch or f"agentgate/{run_id}"
    place = target or Path(store.read_order(order_of(run_id)).workspace_source.path)
    workspace = _workspace(store, run_id)
    if workspace is None:
        where = (
            f"its branch {run.delivered_branch} is in {run.repository}" if run.delivered_branch else "it was removed"
        )
        raise UsageError(f"there is no repository of {run_id} any more: {where}")
    taken = workspace.snapshot_refs()
    if not taken:
        kept = ", ".join(state.name for state in workspace.kept_states() if state.name != "start")
        hint = f"; it has {kept}: agentgate restore {run_id} --kept NAME --branch NAME" if kept else ""
        raise UsageError(f"{run_id} has no snapshot to take: no iteration of it came that far{hint}")
    commit, note = taken[max(taken)], None
    if branch is None and run.state.terminal:
        note = fetch_back(workspace, place, commit)
    else:
        fetch_as(workspace.repository, commit, place, name)
    if run.result != "passed":
        unverified = f"the run is {run.result or run.state.value}: this work was not verified"
        note = f"{note}; {unverified}" if note else unverified
    return Taken(run_id, name, commit, str(place), note)


def _row(store: Store, manager: WorkspaceManager, run_id: str) -> WorkspaceRow:
    usage = manager.usage(run_id)
    run_state = _run_state(store, run_id)
    try:
        status = manager.status(run_id, files=False)
    except AgentGateError as fault:
        return WorkspaceRow(
            run_id, run_state, "unfinished", None, False, usage.total, usage.shared, 0, (), None, False, str(fault)
        )
    return WorkspaceRow(
        run_id=run_id,
        run_state=run_state,
        state=status.state,
        tree=str(status.tree) if status.tree else None,
        in_place=status.in_place,
        total_bytes=usage.total,
        shared_bytes=usage.shared,
        snapshots=status.snapshots,
        kept_states=status.kept_states,
        lease=status.lease.path if status.lease else None,
        leased_by_run=status.lease is not None and manager.leases.counts(status.lease),
    )


def _run_state(store: Store, run_id: str) -> str | None:
    try:
        return store.read_run(RunId(run_id)).state.value
    except StoreError:
        return None


def _workspace(store: Store, run_id: RunId) -> Workspace | None:
    try:
        return WorkspaceManager(store.layout.workspaces).open(run_id)
    except WorkspaceError:
        return None


def _told(store: Store, run_id: RunId) -> list[Snapshot]:
    events = read_events(store.layout.run(run_id).events)
    payloads = [parse_payload(event) for event in events if event.type is EventType.SNAPSHOT_CREATED]
    return [payload.snapshot for payload in payloads if isinstance(payload, SnapshotCreated)]


def _find(store: Store, asked: StateAsked) -> tuple[str, str, Path]:
    """A state as (label, commit, repository that has it)."""
    workspace = _workspace(store, asked.run_id)
    if asked.kept is not None:
        states = {state.name: state for state in workspace.kept_states()} if workspace else {}
        if workspace is None or asked.kept not in states:
            there = ", ".join(states) or "none any more"
            raise UsageError(f"{asked.run_id} keeps no state named {asked.kept!r}; there are {there}")
        return asked.kept, states[asked.kept].commit, workspace.repository
    known = {snapshot.iteration: snapshot for snapshot in _told(store, asked.run_id)}
    if not known:
        raise UsageError(f"{asked.run_id} has no snapshot (yet)")
    iteration = asked.iteration or max(known)
    if iteration not in known:
        raise UsageError(f"{asked.run_id} has no snapshot {iteration}; there are {', '.join(map(str, sorted(known)))}")
    label, commit = f"{asked.run_id}/{iteration}", known[iteration].commit
    if workspace is not None and workspace.resolve(f"refs/agentgate/snapshots/{iteration}") == commit:
        return label, commit, workspace.repository
    return label, commit, Path(store.read_order(order_of(asked.run_id)).workspace_source.path)
