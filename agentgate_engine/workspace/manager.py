"""Making, finding and removing the workspaces of runs."""

from __future__ import annotations

import os
from pathlib import Path

from agentgate_engine.clock import Clock
from agentgate_engine.errors import WorkspaceError
from agentgate_engine.models.ids import is_run_id
from agentgate_engine.store.atomic import make_directory, sync_directory
from agentgate_engine.workspace.checkout import check_out, make_real_directory, refuse_leftovers
from agentgate_engine.workspace.clone import make_clone
from agentgate_engine.workspace.deletion import delete_tree
from agentgate_engine.workspace.git import Git, wait_until_idle
from agentgate_engine.workspace.objects import take_objects
from agentgate_engine.workspace.snapshots import TREE_INDEX, commit_tree
from agentgate_engine.workspace.source import SourceFiles, locate_files
from agentgate_engine.workspace.workspace import BASE_REF, START_REF, Workspace

_UNCOMMITTED = "Uncommitted changes of the operator at submission\n"
_APPLY_DEADLINE = 600.0
ORPHAN_PATIENCE_S = 120.0
"""How long a git of a killed engine may go on before the workspace is given up."""


class WorkspaceManager:
    """The workspaces below one directory, each in a directory named after its run."""

    def __init__(self, workspaces_root: Path) -> None:
        self._root = workspaces_root

    def prepare(
        self,
        run_id: str,
        source_path: Path,
        base_commit: str,
        uncommitted_patch: Path | None = None,
        *,
        hardlinks: bool = True,
        clock: Clock = Clock(),  # noqa: B008 - a clock has no state
    ) -> Workspace:
        """Have a workspace at `base_commit` (a full hash), with the patch of `save_uncommitted` committed on it.

        A finished one is kept as it is, but for what a killed git left in the way and for a tree that has gone. An
        unfinished one is thrown away and made anew: `START_REF`, written last, tells them apart. Call it before
        anything else after a restart of the engine, and only as the holder of the run.

        Raises:
            UsageError: `run_id` is no run id, or `source_path` no repository that can be used.
            WorkspaceError: it cannot be made; the message says which step failed.
        """
        make_directory(self._root)
        workspace = Workspace.at(self._root / run_id, run_id)
        make_real_directory(workspace.root)
        wait_until_idle(workspace.busy, ORPHAN_PATIENCE_S)
        if _is_finished(workspace):
            self._continue(workspace, base_commit)
            return workspace
        for place in (workspace.repository, workspace.tree, workspace.clean_room_path, workspace.scratch):
            refuse_leftovers(delete_tree(place), place)
        try:
            self._build(workspace, locate_files(source_path), base_commit, uncommitted_patch, hardlinks, clock)
        except OSError as fault:
            raise WorkspaceError(f"cannot make the workspace of {run_id}: {fault}") from fault
        return workspace

    def open(self, run_id: str) -> Workspace:
        """A workspace that `prepare` finished; its tree may be removed already. Changes nothing.

        Raises:
            UsageError: `run_id` is no run id.
            WorkspaceError: there is none.
        """
        workspace = Workspace.at(self._root / run_id, run_id)
        if not _is_finished(workspace):
            raise WorkspaceError(f"there is no workspace of {run_id}: it was never made, or was removed")
        return workspace

    def remove(self, run_id: str, keep_repository: bool) -> list[str]:
        """Delete tree, clean room and scratch, and the repository with every snapshot unless it is kept.

        Returns what could not be deleted, each with the reason; empty when all went well or nothing was there.
        """
        workspace = Workspace.at(self._root / run_id, run_id)
        if keep_repository:
            places = (workspace.tree, workspace.clean_room_path, workspace.scratch)
            workspace.busy.unlink(missing_ok=True)
            return [fault for place in places for fault in delete_tree(place)]
        return delete_tree(workspace.root)

    def list(self) -> list[str]:
        """The ids of the runs that have a workspace, or what is left of one, sorted."""
        try:
            return sorted(place.name for place in self._root.iterdir() if is_run_id(place.name))
        except FileNotFoundError:
            return []

    def _continue(self, workspace: Workspace, base_commit: str) -> None:
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
        if not workspace.tree.is_symlink() and workspace.tree.is_dir():
            return
        workspace.restore(workspace.head())

    def _build(
        self,
        workspace: Workspace,
        source: SourceFiles,
        base: str,
        patch: Path | None,
        hardlinks: bool,
        clock: Clock,
    ) -> None:
        self._make_repository(workspace, source, hardlinks)
        git = workspace.git
        if git.run("cat-file", "-e", f"{base}^{{commit}}", ok=(0, 1, 128)).code:
            raise WorkspaceError(f"{source.objects.parent} no longer has the commit {base}: submit the order again")
        make_real_directory(workspace.tree)
        with workspace.index(TREE_INDEX) as index:
            working = workspace.working(index)
            working.run("read-tree", base)
            start = base
            if patch is not None and patch.stat().st_size:
                apply = ("apply", "--cached", "--binary", "--whitespace=nowarn", str(patch.absolute()))
                working.run(*apply, deadline=_APPLY_DEADLINE)
                start = commit_tree(git, working.run("write-tree").text, base, _UNCOMMITTED, clock)
            _check_out_first(working, start, source)
        git.run("update-ref", BASE_REF, base)
        git.run("update-ref", workspace.ref, start)
        git.run("symbolic-ref", "HEAD", workspace.ref)
        make_clone(git, workspace.tree, head=workspace.ref, index=workspace.admin / TREE_INDEX)
        make_directory(workspace.scratch)
        sync_directory(workspace.root)
        git.run("update-ref", START_REF, start)

    def _make_repository(self, workspace: Workspace, source: SourceFiles, hardlinks: bool) -> None:
        arguments = ("--bare", "--template=", f"--object-format={source.object_format}", "--initial-branch=main")
        Git.nowhere(workspace.root, workspace.busy).run("init", "-q", *arguments, str(workspace.repository))
        for directory in (workspace.admin, workspace.admin / "snapshots", workspace.admin / "now-objects"):
            directory.mkdir()
        for directory in ("info", "objects/info"):
            (workspace.repository / directory).mkdir(exist_ok=True)
        take_objects(source.objects, workspace.repository / "objects", hardlinks=hardlinks)
        if source.borrowed:
            alternates = b"".join(os.fsencode(path) + b"\n" for path in source.borrowed)
            (workspace.repository / "objects" / "info" / "alternates").write_bytes(alternates)
        if source.shallow is not None:
            (workspace.repository / "shallow").write_bytes(source.shallow)
        (workspace.repository / "info" / "exclude").write_bytes(source.ignored)
        for setting, value in zip(("user.name", "user.email"), source.identity, strict=True):
            workspace.git.run("config", setting, value)


def _check_out_first(git: Git, commit: str, source: SourceFiles) -> None:
    try:
        check_out(git, commit)
    except WorkspaceError as fault:
        if "unable to read" not in str(fault):
            raise
        raise WorkspaceError(
            f"{source.objects.parent} lacks objects of the commit {commit[:12]}; if it is a partial clone, check that"
            f" commit out there once and submit again ({fault})"
        ) from fault


def _is_finished(workspace: Workspace) -> bool:
    """Whether `prepare` came to its end. The file is looked at, not the ref asked for: a repository that a crash left
    half made has to be told from a finished one that was damaged later, which is never thrown away."""
    return (workspace.repository / START_REF).is_file()
