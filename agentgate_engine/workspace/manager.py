"""The facade over the workspaces of runs: making, leasing, finding, snapshots, and removing them.

Whatever git or the disk does, its methods raise `WorkspaceError` (`SnapshotError` where a state could not be committed
or put back), and `UsageError` for what the caller should not have asked. One exception: a disk that is full or failing
stays the `OSError` it is, because a run waits for that instead of failing.
"""

from __future__ import annotations

import errno
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agentgate_engine.clock import Clock
from agentgate_engine.errors import SnapshotError, StoreError, WorkspaceError
from agentgate_engine.models.ids import is_run_id
from agentgate_engine.models.lease import Lease
from agentgate_engine.models.snapshot import Snapshot, SnapshotFile
from agentgate_engine.models.work_order import WorkspaceSource
from agentgate_engine.store.atomic import make_directory
from agentgate_engine.store.layout import StoreLayout
from agentgate_engine.workspace.checkout import is_real_directory, make_real_directory, refuse_leftovers
from agentgate_engine.workspace.deletion import delete_tree
from agentgate_engine.workspace.disk_usage import DiskUsage, disk_usage
from agentgate_engine.workspace.git import wait_until_idle
from agentgate_engine.workspace.in_place import write_place
from agentgate_engine.workspace.lease import LeaseBook
from agentgate_engine.workspace.preparation import Preparation
from agentgate_engine.workspace.snapshots import delete_snapshot, saved_snapshots
from agentgate_engine.workspace.source import locate_files, top_of
from agentgate_engine.workspace.workspace import START_REF, KeptState, Restored, Workspace

_OF_THE_MACHINE = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.ENFILE, errno.EMFILE)
ORPHAN_PATIENCE_S = 120.0
"""How long a git of a killed engine may go on before the workspace is given up."""

WorkspaceState = Literal["active", "idle", "kept", "unfinished"]
"""`active`: leased by a run that is not over. `idle`: whole, and leased by nobody. `kept`: only the repository with its
snapshots is left. `unfinished`: its making was cut short."""


@dataclass(frozen=True, slots=True)
class WorkspaceStatus:
    """A workspace as it stands. `files` are the differences between the tree and the tip of the run's branch, and are
    None where there is no tree; `head` and `base` are None for an unfinished one."""

    run_id: str
    state: WorkspaceState
    tree: Path | None
    in_place: bool
    branch: str
    head: str | None
    base: str | None
    snapshots: int
    kept_states: tuple[str, ...]
    lease: Lease | None
    files: tuple[SnapshotFile, ...] | None


@dataclass(frozen=True, slots=True)
class FreedBytes:
    """What deleting gave back to the disk, and what could not be deleted, each with the reason."""

    bytes: int
    left_behind: tuple[str, ...] = ()


class WorkspaceManager:
    """The workspaces below one directory of the store, each in a directory named after its run."""

    def __init__(self, workspaces_root: Path) -> None:
        self._root = workspaces_root
        self.leases = LeaseBook(StoreLayout(workspaces_root.parent))

    def prepare_for_run(
        self,
        run_id: str,
        source: WorkspaceSource,
        uncommitted_patch: Path | None = None,
        *,
        fence: int = 0,
        clock: Clock = Clock(),  # noqa: B008 - a clock has no state
    ) -> Workspace:
        """Lease the directory that the run will work in, have the workspace there on the branch `agentgate/{runId}`,
        with the state it starts from as a commit. A run that goes on after a crash calls it again.

        Whatever fails, no lease stays, and no directory unless the run had a finished workspace before.

        Raises:
            LeaseHeld: another run works there; when that run (`holder`) is over it can be tried again.
            UsageError: the source is no repository that can be used.
            WorkspaceError: it cannot be made; the message says which step failed.
        """
        resumed = _is_finished(self._at(run_id))
        tree = Path(source.path) if source.in_place else self._root / run_id / "tree"
        self.acquire(run_id, tree, fence=fence, clock=clock)
        try:
            path = Path(source.path)
            return self.prepare(
                run_id, path, source.base_commit, uncommitted_patch, in_place=source.in_place, clock=clock
            )
        except BaseException as fault:
            try:
                left = [] if resumed else delete_tree(self._root / run_id)
                for entry in left:
                    fault.add_note(f"could not be removed: {entry}")
            finally:
                self.release(run_id)
            raise

    def acquire(self, run_id: str, tree: Path, *, fence: int = 0, clock: Clock = Clock()) -> Lease:  # noqa: B008
        """Lease a directory for a run; see `LeaseBook.acquire`.

        Raises:
            LeaseHeld: another run works there.
            WorkspaceError: it cannot be recorded.
        """
        with _faults(f"cannot lease {tree} for {run_id}"):
            return self.leases.acquire(tree, run_id, fence=fence, clock=clock)

    def release(self, run_id: str) -> list[str]:
        """Give back every lease of a run, and return the paths. It is no error when there is none.

        Raises:
            WorkspaceError: it cannot be recorded.
        """
        with _faults(f"cannot give back the lease of {run_id}"):
            return self.leases.release(run_id)

    def prepare(
        self,
        run_id: str,
        source_path: Path,
        base_commit: str,
        uncommitted_patch: Path | None = None,
        *,
        in_place: bool = False,
        hardlinks: bool = True,
        clock: Clock = Clock(),  # noqa: B008 - a clock has no state
    ) -> Workspace:
        """Have a workspace at `base_commit` (a full hash), with the patch of `save_uncommitted` committed on it.

        A finished one is kept as it is, but for what a killed git left in the way and for a tree that has gone. An
        unfinished one is thrown away and made anew: `START_REF`, written last, tells them apart. Call it before
        anything else after a restart of the engine, and only as the holder of the run. It takes no lease.

        `in_place` works in the checkout at `source_path` itself; the patch then only says that uncommitted changes
        there are welcome.

        Raises:
            UsageError: `run_id` is no run id, or `source_path` no repository that can be used.
            WorkspaceError: it cannot be made; the message says which step failed.
        """
        with _faults(f"cannot make the workspace of {run_id}"):
            make_directory(self._root)
            workspace = self._at(run_id)
            make_real_directory(workspace.root)
            wait_until_idle(workspace.busy, ORPHAN_PATIENCE_S)
            if _is_finished(workspace):
                _continue(workspace, base_commit)
                return workspace
            if in_place:
                write_place(workspace.root, top_of(source_path))
                workspace = self._at(run_id)
            for place in (workspace.repository, *workspace.disposable):
                refuse_leftovers(delete_tree(place), place)
            source = locate_files(source_path)
            Preparation(source, base_commit, uncommitted_patch, hardlinks, clock).build(workspace)
            return workspace

    def open(self, run_id: str) -> Workspace:
        """A workspace that `prepare` finished; its tree may be removed already. Changes nothing.

        Raises:
            UsageError: `run_id` is no run id.
            WorkspaceError: there is none.
        """
        workspace = self._at(run_id)
        if not _is_finished(workspace):
            raise WorkspaceError(f"there is no workspace of {run_id}: it was never made, or was removed")
        return workspace

    def snapshot(self, run_id: str, iteration: int, message: str, before: str) -> Snapshot:
        """See `Workspace.snapshot`."""
        with _faults(f"cannot take a snapshot of {run_id}", SnapshotError):
            return self.open(run_id).snapshot(iteration, message, before)

    def restore(self, run_id: str, commit: str, keep_as: str | None = None) -> Restored:
        """See `Workspace.restore`. A run goes on from what stands in its tree; nothing restores unless asked."""
        with _faults(f"cannot put the files of {run_id} back", SnapshotError):
            return self.open(run_id).restore(commit, keep_as)

    def list_snapshots(self, run_id: str) -> list[Snapshot]:
        """The snapshots that are in the run's repository, by iteration."""
        with _faults(f"cannot read the snapshots of {run_id}", SnapshotError):
            return saved_snapshots(self.open(run_id))

    def list_kept(self, run_id: str) -> list[KeptState]:
        """The states kept beside the snapshots: what the run started from, and what was interrupted."""
        with _faults(f"cannot read the kept states of {run_id}", SnapshotError):
            return self.open(run_id).kept_states()

    def delete_snapshot(self, run_id: str, iteration: int) -> None:
        """Forget a snapshot: its name and its record. Its commit stays as long as a later one builds on it.

        Raises:
            SnapshotError: there is no such snapshot, or the run's branch stands on it.
        """
        with _faults(f"cannot delete the snapshot {run_id}/{iteration}", SnapshotError):
            delete_snapshot(self.open(run_id), iteration)

    def diff(self, run_id: str, older: str, newer: str) -> bytes:
        """See `Workspace.diff`."""
        with _faults(f"cannot compare states of {run_id}"):
            return self.open(run_id).diff(older, newer)

    def status(self, run_id: str, *, files: bool = True) -> WorkspaceStatus:
        """How a workspace stands. Without `files` its tree is not looked through.

        Raises:
            WorkspaceError: there is nothing of a workspace of that run, or it cannot be read.
        """
        with _faults(f"cannot read the workspace of {run_id}"):
            workspace = self._at(run_id)
            if not is_real_directory(workspace.root):
                raise WorkspaceError(f"there is no workspace of {run_id}: it was never made, or was removed")
            lease = self.leases.of(run_id)
            active = lease is not None and self.leases.counts(lease)
            tree = workspace.tree if is_real_directory(workspace.tree) else None
            finished = _is_finished(workspace)
            there = tree is not None and (workspace.in_place is None or active)
            state: WorkspaceState = "unfinished"
            if finished:
                state = "active" if active else "idle" if there else "kept"
            head = workspace.head() if finished else None
            looked = finished and there and files and head is not None
            return WorkspaceStatus(
                run_id=run_id,
                state=state,
                tree=tree,
                in_place=workspace.in_place is not None,
                branch=workspace.branch,
                head=head,
                base=workspace.base_commit if finished else None,
                snapshots=len(workspace.snapshot_refs()) if finished else 0,
                kept_states=tuple(kept.name for kept in workspace.kept_states()) if finished else (),
                lease=lease,
                files=tuple(workspace.numstat(head, workspace.tree_now())) if looked and head else None,
            )

    def usage(self, run_id: str) -> DiskUsage:
        """What a workspace takes on the disk; a checkout that it works on in place is not part of it."""
        return disk_usage(self._at(run_id).root)

    def remove(self, run_id: str, keep_repository: bool) -> list[str]:
        """Delete tree, clean room and scratch, and the repository with every snapshot unless it is kept; then give the
        run's lease back. A checkout that the run worked on in place stays as it is, and so does the repository of such
        a run while it holds a state of the operator's files that was put aside.

        Returns what could not be deleted, each with the reason; empty when all went well or nothing was there.
        """
        workspace = self._at(run_id)
        try:
            if not keep_repository and not _holds_operators_files(workspace):
                return delete_tree(workspace.root)
            workspace.busy.unlink(missing_ok=True)
            return [fault for place in workspace.disposable for fault in delete_tree(place)]
        finally:
            self.release(run_id)

    def delete_run_workspace(self, run_id: str) -> FreedBytes:
        """Delete all that is left of a run's workspace, kept repository included, and say what the disk got back.

        Raises:
            WorkspaceError: the run works there.
        """
        lease = self.leases.of(run_id)
        if lease is not None and self.leases.counts(lease):
            raise WorkspaceError(f"{run_id} is at work in {lease.path}: cancel it first")
        root = self._at(run_id).root
        before = disk_usage(root).freed_by_deletion
        left = delete_tree(root)
        self.release(run_id)
        return FreedBytes(before - disk_usage(root).freed_by_deletion, tuple(left))

    def list(self) -> list[str]:
        """The ids of the runs that have a workspace, or what is left of one, sorted."""
        try:
            return sorted(place.name for place in self._root.iterdir() if is_run_id(place.name))
        except FileNotFoundError:
            return []

    def _at(self, run_id: str) -> Workspace:
        return Workspace.at(self._root / run_id, run_id)


def _continue(workspace: Workspace, base_commit: str) -> None:
    if workspace.base_commit != base_commit:
        raise WorkspaceError(
            f"the workspace of {workspace.run_id} was made from {workspace.base_commit[:12]}, not from"
            f" {base_commit[:12]}: requeue the order instead"
        )
    for lock in workspace.repository.rglob("*.lock"):
        lock.unlink(missing_ok=True)
    for pattern in ("*.index.*", ".agents-index.*", "clone-*"):
        for leftover in workspace.admin.glob(pattern):
            refuse_leftovers(delete_tree(leftover), leftover)
    make_real_directory(workspace.scratch)
    if is_real_directory(workspace.tree):
        return
    if workspace.in_place is not None:
        raise WorkspaceError(f"the checkout {workspace.tree} is gone, and the run worked in it")
    workspace.restore(workspace.head())


def _holds_operators_files(workspace: Workspace) -> bool:
    if workspace.in_place is None or not _is_finished(workspace):
        return False
    return any(kept.name != "start" for kept in workspace.kept_states())


def _is_finished(workspace: Workspace) -> bool:
    """Whether `prepare` came to its end. The file is looked at, not the ref asked for: a repository that a crash left
    half made has to be told from a finished one that was damaged later, which is never thrown away."""
    return (workspace.repository / START_REF).is_file()


@contextmanager
def _faults(what: str, family: type[WorkspaceError] = WorkspaceError) -> Generator[None]:
    """Every fault of git or the disk as one family."""
    try:
        yield
    except WorkspaceError as fault:
        if isinstance(fault, family):
            raise
        raise family(f"{what}: {fault}") from fault
    except StoreError as fault:
        raise family(f"{what}: {fault}") from fault
    except OSError as fault:
        if fault.errno in _OF_THE_MACHINE:
            raise
        raise family(f"{what}: {fault}") from fault
