"""Making the repository and the files of a new workspace, step by step; the last step says that it is finished."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from agentgate_engine.clock import Clock
from agentgate_engine.errors import WorkspaceError
from agentgate_engine.store.atomic import make_directory, sync_directory
from agentgate_engine.workspace.checkout import check_out, make_real_directory
from agentgate_engine.workspace.clone import make_clone
from agentgate_engine.workspace.git import Git
from agentgate_engine.workspace.in_place import note_head, start_tree
from agentgate_engine.workspace.objects import take_objects
from agentgate_engine.workspace.snapshots import TREE_INDEX
from agentgate_engine.workspace.source import SourceFiles
from agentgate_engine.workspace.staging import commit_tree, tree_of
from agentgate_engine.workspace.workspace import BASE_REF, START_REF, Workspace

_UNCOMMITTED = "Uncommitted changes of the operator at submission\n"
_APPLY_DEADLINE = 600.0


@dataclass(frozen=True, slots=True)
class Preparation:
    """How a workspace is to be made: from `source` at `base`, with the operator's uncommitted `patch` if there is one.

    In place the patch only says that uncommitted changes are welcome: they are taken as they stand when the run starts.
    """

    source: SourceFiles
    base: str
    patch: Path | None
    hardlinks: bool
    clock: Clock

    def build(self, workspace: Workspace) -> None:
        """Make everything. `START_REF` is written last.

        Raises:
            WorkspaceError: a step failed; what is there is to be thrown away.
            OSError: the disk refused.
        """
        self._make_repository(workspace)
        git = workspace.git
        if git.run("cat-file", "-e", f"{self.base}^{{commit}}", ok=(0, 1, 128)).code:
            raise WorkspaceError(
                f"{self.source.objects.parent} no longer has the commit {self.base}: submit the order again"
            )
        start = self._start_clone(workspace) if workspace.in_place is None else self._start_in_place(workspace)
        git.run("update-ref", BASE_REF, self.base)
        git.run("update-ref", workspace.ref, start)
        git.run("symbolic-ref", "HEAD", workspace.ref)
        if workspace.in_place is None:
            make_clone(git, workspace.tree, head=workspace.ref, index=workspace.admin / TREE_INDEX)
        else:
            note_head(workspace, workspace.in_place)
        make_directory(workspace.scratch)
        sync_directory(workspace.root)
        git.run("update-ref", START_REF, start)

    def _start_clone(self, workspace: Workspace) -> str:
        make_real_directory(workspace.tree)
        with workspace.index(TREE_INDEX) as index:
            working = workspace.working(index)
            working.run("read-tree", self.base)
            start = self.base
            if self._takes_uncommitted:
                apply = ("apply", "--cached", "--binary", "--whitespace=nowarn", str(self._patch.absolute()))
                working.run(*apply, deadline=_APPLY_DEADLINE)
                start = commit_tree(workspace.git, tree_of(working), self.base, _UNCOMMITTED, self.clock)
            _check_out_first(working, start, self.source)
        return start

    def _start_in_place(self, workspace: Workspace) -> str:
        assert workspace.in_place is not None
        with workspace.index(TREE_INDEX) as index:
            working = workspace.working(index)
            tree = start_tree(working, workspace.in_place, self.base, take_uncommitted=self._takes_uncommitted)
        if tree == workspace.tree_of_commit(self.base):
            return self.base
        return commit_tree(workspace.git, tree, self.base, _UNCOMMITTED, self.clock)

    @property
    def _patch(self) -> Path:
        assert self.patch is not None
        return self.patch

    @property
    def _takes_uncommitted(self) -> bool:
        return self.patch is not None and bool(self.patch.stat().st_size)

    def _make_repository(self, workspace: Workspace) -> None:
        source, repository = self.source, workspace.repository
        arguments = ("--bare", "--template=", f"--object-format={source.object_format}", "--initial-branch=main")
        Git.nowhere(workspace.root, workspace.busy).run("init", "-q", *arguments, str(repository))
        for directory in (workspace.admin, workspace.admin / "snapshots", workspace.admin / "now-objects"):
            directory.mkdir()
        for directory in ("info", "objects/info"):
            (repository / directory).mkdir(exist_ok=True)
        take_objects(source.objects, repository / "objects", hardlinks=self.hardlinks)
        if source.borrowed:
            alternates = b"".join(os.fsencode(path) + b"\n" for path in source.borrowed)
            (repository / "objects" / "info" / "alternates").write_bytes(alternates)
        if source.shallow is not None:
            (repository / "shallow").write_bytes(source.shallow)
        (repository / "info" / "exclude").write_bytes(source.ignored)
        for setting, value in zip(("user.name", "user.email"), source.identity, strict=True):
            workspace.git.run("config", setting, value)
        _take_tags(workspace, source.tags)


def _take_tags(workspace: Workspace, tags: tuple[tuple[str, str], ...]) -> None:
    """Copy the source's tags, for builds that derive a version from them. None of them ever goes back.

    A partial clone may have a tag without its object, which would be a broken ref here: that one stays out.
    """
    if not tags:
        return
    asked = "".join(f"{value}\n" for _, value in tags).encode()
    answers = workspace.git.run("cat-file", "--batch-check=%(objectname)", stdin=asked).text.splitlines()
    there = {line for line in answers if not line.endswith(" missing")}
    lines = [f"{value} {name}\n" for name, value in tags if value in there]
    (workspace.repository / "packed-refs").write_bytes(os.fsencode("".join(lines)))


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
