"""Turning the state of a workspace into a commit: once for each iteration, whatever happens in between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agentgate_engine.clock import Clock, to_stamp
from agentgate_engine.errors import SnapshotError, StoreError, WorkspaceError
from agentgate_engine.models.snapshot import Snapshot
from agentgate_engine.store.atomic import read_regular, replace_file
from agentgate_engine.workspace.changes import files_between
from agentgate_engine.workspace.clone import CloneGone, align_clone, head_of, make_clone
from agentgate_engine.workspace.in_place import note_head, own_commits
from agentgate_engine.workspace.objects import import_commits
from agentgate_engine.workspace.staging import commit_tree, stage_choices, stage_everything, tree_of

if TYPE_CHECKING:
    from agentgate_engine.workspace.workspace import Workspace

TREE_INDEX = "tree.index"
NOW_INDEX = "now.index"


@dataclass(frozen=True, slots=True)
class StagedCommit:
    """The present state of the tree as a commit of our repository that no ref names yet."""

    commit: str
    tree: str
    agent_commits: int
    notes: list[str]


def take_snapshot(workspace: Workspace, iteration: int, message: str, before: str, clock: Clock) -> Snapshot:
    """See `Workspace.snapshot`.

    The order of writes makes it safe to be killed anywhere: the record, then both refs in one transaction, then the
    agent's clone. A snapshot exists when its ref does.
    """
    taken = _taken(workspace, iteration, message, before, clock)
    if taken is None:
        made = commit_state(workspace, message, before, clock)
        taken = _record(workspace, iteration, message, before, made, to_stamp(clock.now()))
        _save(workspace, taken)
        refs = f"start\nupdate {workspace.ref} {made.commit}\ncreate {_ref(iteration)} {made.commit}\nprepare\ncommit\n"
        workspace.git.run("update-ref", "--stdin", stdin=refs.encode(), fault=SnapshotError)
    elif workspace.head() != taken.commit:
        if not workspace.follows(workspace.head(), taken.commit):
            return taken  # an older iteration is asked for: the workspace has gone on
        workspace.git.run("update-ref", workspace.ref, taken.commit, fault=SnapshotError)
    noticed = align(workspace, taken.commit)
    if noticed:
        taken = taken.model_copy(update={"notes": [*taken.notes, *noticed]})
        _save(workspace, taken)
    return taken


def saved_snapshots(workspace: Workspace) -> list[Snapshot]:
    """The snapshots that are there, by iteration. A record that was lost is made again from the commits."""
    before, found = workspace.start_commit, list[Snapshot]()
    for iteration in workspace.snapshot_refs():
        taken = _taken(workspace, iteration, "", before, Clock())
        if taken is not None:
            found.append(taken)
            before = taken.commit
    return found


def delete_snapshot(workspace: Workspace, iteration: int) -> None:
    """Forget the name and the record of a snapshot.

    Raises:
        SnapshotError: there is none, or the run's branch stands on it.
    """
    commit = workspace.resolve(_ref(iteration))
    if commit is None:
        raise SnapshotError(f"{workspace.run_id} has no snapshot {iteration}")
    if commit == workspace.head():
        raise SnapshotError(f"the branch {workspace.branch} stands on snapshot {iteration}: it cannot be deleted alone")
    workspace.git.run("update-ref", "-d", _ref(iteration), commit, fault=SnapshotError)
    (workspace.admin / "snapshots" / f"{iteration}.json").unlink(missing_ok=True)


def commit_state(workspace: Workspace, message: str, before: str, clock: Clock) -> StagedCommit:
    """Commit what stands in the tree now, on top of `before` or of what the agent itself committed on it."""
    with workspace.index(TREE_INDEX) as index:
        git = workspace.working(index)
        notes = stage_everything(git, embedded=workspace.in_place is None)
        parent, count = before, 0
        try:
            if workspace.in_place is not None:
                count, told = own_commits(workspace, workspace.in_place)
                notes += told
            else:
                parent, count = _parent(workspace, before)
                notes += stage_choices(git, workspace.tree / ".git" / "index")
        except CloneGone:
            pass  # `align` makes it again and says so
        except WorkspaceError as fault:
            notes.append(f"what the agent committed itself was taken over as files, not as commits: {fault}")
        tree = tree_of(git)
    if workspace.in_place is None and _has_stash(workspace):
        notes.append("the agent left a git stash: what it put aside there is not in the files")
    commit = commit_tree(workspace.git, tree, parent, message, clock)
    return StagedCommit(commit, tree, count, notes)


def align(workspace: Workspace, commit: str) -> list[str]:
    """Point the agent's clone at `commit`, once for each commit, and return notes on what could not be done.

    Only once, because an agent may work in the clone by the time that the same snapshot is asked for again.
    """
    marker = workspace.admin / "aligned"
    try:
        if read_regular(marker, 128).decode("ascii", "replace").strip() == commit:
            return []
    except (FileNotFoundError, StoreError):
        pass
    index = workspace.admin / TREE_INDEX
    notes: list[str] = []
    try:
        if workspace.in_place is not None:
            notes += note_head(workspace, workspace.in_place)
        elif (workspace.tree / ".git").exists() or (workspace.tree / ".git").is_symlink():
            align_clone(workspace.tree, workspace.ref, commit, index)
        else:
            make_clone(workspace.git, workspace.tree, head=workspace.ref, index=index)
            notes.append(
                "the .git of the agent's clone was gone and was made again: its files count as they stood, and commits"
                " that it may have made itself are not in the history"
            )
    except WorkspaceError as fault:
        notes.append(f"the agent's clone could not be moved to the new commit: {fault}")
    (workspace.admin / NOW_INDEX).unlink(missing_ok=True)
    replace_file(marker, f"{commit}\n".encode(), sync=False)
    return notes


def _parent(workspace: Workspace, before: str) -> tuple[str, int]:
    """What the snapshot stands on, and how many commits of the agent's own that brings along.

    Raises:
        WorkspaceError: the agent's clone is not one that went on from `before`.
    """
    head = head_of(workspace.tree)
    if head is None:
        raise WorkspaceError("its HEAD names a branch without a commit")
    if head == before:
        return before, 0
    return head, import_commits(workspace.git, workspace.tree / ".git" / "objects", head, before)


def _has_stash(workspace: Workspace) -> bool:
    return (workspace.tree / ".git" / "refs" / "stash").is_file()


def _taken(workspace: Workspace, iteration: int, message: str, before: str, clock: Clock) -> Snapshot | None:
    """The snapshot of an iteration that has one. Its record is made again when it was lost."""
    commit = workspace.resolve(_ref(iteration))
    if commit is None:
        return None
    path = workspace.admin / "snapshots" / f"{iteration}.json"
    try:
        record = Snapshot.from_json(read_regular(path), str(path))
        if record.commit == commit:
            return record
    except (FileNotFoundError, StoreError):
        pass
    tree = workspace.git.run("rev-parse", f"{commit}^{{tree}}", fault=SnapshotError).text
    own = int(workspace.git.run("rev-list", "--count", f"{before}..{commit}^", fault=SnapshotError).text)
    made = StagedCommit(commit, tree, own, ["the notes of this snapshot were lost"])
    return _record(workspace, iteration, message, before, made, to_stamp(clock.now()))


def _record(
    workspace: Workspace, iteration: int, message: str, before: str, made: StagedCommit, stamp: str
) -> Snapshot:
    files = files_between(workspace.git, before, made.commit)
    return Snapshot(
        id=f"{workspace.run_id}/{iteration}",
        run_id=workspace.run_id,
        iteration=iteration,
        commit=made.commit,
        before_sha=before,
        after_sha=made.commit,
        tree_before=workspace.git.run("rev-parse", f"{before}^{{tree}}", fault=SnapshotError).text,
        tree_after=made.tree,
        branch=workspace.branch,
        message=message.encode("utf-8", "replace").decode("utf-8"),
        files_changed=len(files),
        insertions=sum(file.insertions or 0 for file in files),
        deletions=sum(file.deletions or 0 for file in files),
        files=files,
        agent_commits=made.agent_commits,
        notes=made.notes,
        created_at=stamp,
    )


def _save(workspace: Workspace, snapshot: Snapshot) -> None:
    replace_file(workspace.admin / "snapshots" / f"{snapshot.iteration}.json", snapshot.to_json())


def _ref(iteration: int) -> str:
    return f"refs/agentgate/snapshots/{iteration}"
