"""Making workspaces from every kind of source, again after a crash anywhere, and removing them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agentgate_engine.errors import UsageError, WorkspaceError
from agentgate_engine.workspace.deletion import delete_tree
from agentgate_engine.workspace.git import Git
from agentgate_engine.workspace.manager import WorkspaceManager
from agentgate_engine.workspace.source import save_uncommitted
from agentgate_engine.workspace.workspace import Workspace
from tests.workspace.conftest import RUN, content_of, fingerprint, git


def _good(workspace: Workspace, source: Path) -> None:
    """The tree is the source's HEAD, and an agent finds an ordinary clone in it."""
    assert git(workspace.tree, "status", "--porcelain=v2", "--untracked-files=all") == ""
    assert git(workspace.tree, "symbolic-ref", "HEAD") == f"refs/heads/agentgate/{workspace.run_id}"
    assert git(workspace.tree, "rev-parse", "HEAD") == workspace.start_commit == workspace.head()
    assert git(workspace.tree, "remote") == ""
    assert git(workspace.tree, "log", "--format=%H", workspace.base_commit) == git(source, "log", "--format=%H")
    git(workspace.tree, "fsck", "--strict")


def test_a_workspace_is_a_clone_on_its_own_branch(workspace: Workspace, source: Path) -> None:
    _good(workspace, source)
    assert content_of(workspace.tree) == content_of(source)
    assert workspace.base_commit == workspace.start_commit == git(source, "rev-parse", "HEAD")
    assert workspace.scratch.is_dir()


def test_preparing_again_keeps_what_is_there(manager: WorkspaceManager, workspace: Workspace, source: Path) -> None:
    (workspace.tree / "work").write_text("half done")
    (workspace.repository / "refs" / "heads" / "agentgate" / f"{RUN}.lock").write_text("")
    again = manager.prepare(RUN, source, workspace.base_commit)
    assert again == workspace == manager.open(RUN)
    assert (workspace.tree / "work").read_text() == "half done"
    workspace.snapshot(1, "the lock of a killed git is gone", workspace.head())


def test_preparing_from_another_commit_is_refused(
    manager: WorkspaceManager, workspace: Workspace, source: Path
) -> None:
    with pytest.raises(WorkspaceError, match="requeue"):
        manager.prepare(RUN, source, git(source, "rev-parse", "HEAD~1"))


def test_a_tree_that_went_away_is_made_again(manager: WorkspaceManager, workspace: Workspace, source: Path) -> None:
    delete_tree(workspace.tree)
    _good(manager.prepare(RUN, source, workspace.base_commit), source)
    assert content_of(workspace.tree) == content_of(source)


def test_an_older_commit_and_one_that_no_ref_names(manager: WorkspaceManager, source: Path) -> None:
    first = git(source, "rev-parse", "HEAD~1")
    workspace = manager.prepare(RUN, source, first)
    assert sorted(content_of(workspace.tree)) == ["README.md"]
    git(source, "commit", "-q", "--amend", "-m", "amended")
    orphan = git(source, "rev-parse", "HEAD@{1}")
    assert manager.prepare("abcd2345.2", source, orphan).head() == orphan


def test_uncommitted_changes_come_along_as_a_commit(manager: WorkspaceManager, source: Path, tmp_path: Path) -> None:
    (source / "README.md").write_text("one\r\ntwo  \nno newline")
    (source / "new\nfile").write_bytes(b"\0\1\2")
    save_uncommitted(source, tmp_path / "patch")
    before = fingerprint(source)
    workspace = manager.prepare(RUN, source, git(source, "rev-parse", "HEAD"), tmp_path / "patch")
    _good(workspace, source)
    assert workspace.start_commit != workspace.base_commit
    assert content_of(workspace.tree) == content_of(source)
    assert fingerprint(source) == before


@pytest.mark.parametrize("kind", ["detached", "worktree", "shallow", "borrowing", "packed", "sha256"])
def test_every_kind_of_source(manager: WorkspaceManager, source: Path, tmp_path: Path, kind: str) -> None:
    place = tmp_path / "kind"
    if kind == "detached":
        git(source, "checkout", "-q", "--detach")
        git(source, "commit", "-q", "--allow-empty", "-m", "only here")
        place = source
    elif kind == "worktree":
        git(source, "worktree", "add", "-q", "--detach", str(place))
        git(place, "commit", "-q", "--allow-empty", "-m", "only here")
    elif kind == "shallow":
        git(tmp_path, "clone", "-q", "--depth=1", f"file://{source}", "kind")
    elif kind == "borrowing":
        git(tmp_path, "clone", "-q", "--shared", str(source), "kind")
    elif kind == "packed":
        git(source, "gc", "-q")
        place = source
    else:
        git(tmp_path, "init", "-q", "--object-format=sha256", "kind")
        (place / "file").write_text("x")
        git(place, "add", "-A")
        git(place, "commit", "-qm", "first")
    workspace = manager.prepare(RUN, place, git(place, "rev-parse", "HEAD"))
    _good(workspace, place)
    (workspace.tree / "more").write_text("x")
    git(workspace.tree, "add", "more")
    git(workspace.tree, "commit", "-qm", "the agent's own")
    snapshot = workspace.snapshot(1, "one", workspace.head())
    assert (snapshot.agent_commits, snapshot.notes) == (1, [])
    assert git(workspace.clean_room(snapshot.commit).path, "status", "--porcelain") == ""


def test_a_partial_clone_works_where_it_has_the_objects(
    manager: WorkspaceManager, source: Path, tmp_path: Path
) -> None:
    git(source, "config", "uploadpack.allowFilter", "true")
    (source / "README.md").write_text("newer\n")
    git(source, "commit", "-qam", "third")
    git(tmp_path, "clone", "-q", "--filter=blob:none", f"file://{source}", "partial")
    place = tmp_path / "partial"
    workspace = manager.prepare(RUN, place, git(place, "rev-parse", "HEAD"))
    assert workspace.snapshot(1, "one", workspace.head()).notes == []
    with pytest.raises(WorkspaceError, match="partial clone"):
        manager.prepare("abcd2345.2", place, git(place, "rev-parse", "HEAD~2"))


def test_without_hard_links_no_file_is_shared(manager: WorkspaceManager, source: Path) -> None:
    shared = manager.prepare(RUN, source, git(source, "rev-parse", "HEAD"))
    alone = manager.prepare("abcd2345.2", source, shared.base_commit, hardlinks=False)

    def links(workspace: Workspace) -> set[int]:
        return {path.stat().st_nlink for path in (workspace.repository / "objects").glob("??/*")}

    assert links(shared) == {2}
    assert links(alone) == {1}
    assert not list((shared.tree / ".git" / "objects").glob("??/*")), (
        "the agent's clone holds no file of the operator's"
    )


def test_what_the_operator_ignores_elsewhere_is_ignored(manager: WorkspaceManager, source: Path) -> None:
    (source / ".git" / "info").mkdir(exist_ok=True)
    (source / ".git" / "info" / "exclude").write_text("mine.txt\n")
    rules = Path.home() / "rules"
    rules.write_text(".DS_Store\n")
    git(source, "config", "--global", "core.excludesFile", "~/rules")
    workspace = manager.prepare(RUN, source, git(source, "rev-parse", "HEAD"))
    for name in ("mine.txt", ".DS_Store", "taken"):
        (workspace.tree / name).write_text("x")
    assert [file.path for file in workspace.snapshot(1, "one", workspace.head()).files] == ["taken"]


def test_the_agent_commits_under_the_operators_name(manager: WorkspaceManager, source: Path) -> None:
    git(source, "config", "user.name", "The Operator")
    git(source, "config", "user.email", "operator@example.org")
    workspace = manager.prepare(RUN, source, git(source, "rev-parse", "HEAD"))
    assert git(workspace.tree, "config", "user.name") == "The Operator"


@pytest.mark.parametrize("step", range(1, 40, 3))
def test_a_crash_at_any_git_command_and_then_again(
    manager: WorkspaceManager, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    (source / "README.md").write_text("uncommitted\n")
    save_uncommitted(source, tmp_path / "patch")
    base = git(source, "rev-parse", "HEAD")
    count = 0
    real = Git.run

    def dies(self: Git, *arguments: str, **options: object) -> object:
        nonlocal count
        count += 1
        if count == step:
            raise KeyboardInterrupt
        return real(self, *arguments, **options)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Git, "run", dies)
        try:
            manager.prepare(RUN, source, base, tmp_path / "patch")
        except KeyboardInterrupt:
            pass
    workspace = manager.prepare(RUN, source, base, tmp_path / "patch")
    _good(workspace, source)
    assert content_of(workspace.tree) == content_of(source)


@pytest.mark.parametrize("delay", [0.02, 0.05, 0.08, 0.12])
def test_kill_nine_while_preparing_and_then_again(manager: WorkspaceManager, source: Path, delay: float) -> None:
    base = git(source, "rev-parse", "HEAD")
    root = source.parent / "store" / "workspaces"
    program = (
        "import sys; from pathlib import Path; from agentgate_engine.workspace.manager import WorkspaceManager;"
        "print('go', flush=True); "
        "WorkspaceManager(Path(sys.argv[1])).prepare(sys.argv[2], Path(sys.argv[3]), sys.argv[4])"
    )
    arguments = [sys.executable, "-c", program, str(root), RUN, str(source), base]
    with subprocess.Popen(
        arguments, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(Path.cwd())}
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        try:
            child.wait(delay)
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
    _good(manager.prepare(RUN, source, base), source)


def test_a_commit_that_is_gone_is_told(manager: WorkspaceManager, source: Path) -> None:
    with pytest.raises(WorkspaceError, match="no longer has the commit"):
        manager.prepare(RUN, source, "1" * 40)
    with pytest.raises(UsageError):
        manager.prepare("../elsewhere", source, "1" * 40)
    with pytest.raises(WorkspaceError, match="no workspace"):
        manager.open(RUN)


def test_removal_leaves_what_links_point_to(manager: WorkspaceManager, workspace: Workspace, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "kept").mkdir(parents=True)
    (outside / "kept" / "file").write_text("x")
    (workspace.tree / "link").symlink_to(outside)
    (workspace.tree / "src" / "link").symlink_to(outside / "kept" / "file")
    os.mkfifo(workspace.tree / "pipe")
    locked = workspace.tree / "locked" / "inside"
    locked.mkdir(parents=True)
    (locked / "file").write_text("x")
    locked.chmod(0o500)
    locked.parent.chmod(0)
    workspace.clean_room_path.symlink_to(outside)
    assert manager.list() == [RUN]
    assert manager.remove(RUN, keep_repository=True) == []
    assert sorted(path.name for path in workspace.root.iterdir()) == ["repo.git"]
    assert manager.open(RUN).head()
    assert manager.remove(RUN, keep_repository=False) == []
    assert manager.remove(RUN, keep_repository=False) == []
    assert (outside / "kept" / "file").read_text() == "x"
    assert manager.list() == []


def test_a_tree_of_any_depth_can_be_removed(tmp_path: Path) -> None:
    top = os.open(tmp_path, os.O_RDONLY)
    os.mkdir("deep", dir_fd=top)
    current = os.open("deep", os.O_RDONLY, dir_fd=top)
    for _ in range(3000):
        os.mkdir("d" * 20, dir_fd=current)
        deeper = os.open("d" * 20, os.O_RDONLY, dir_fd=current)
        os.close(current)
        current = deeper
    os.close(current)
    os.close(top)
    assert delete_tree(tmp_path / "deep") == []
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_what_resists_is_returned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "place" / "inner").mkdir(parents=True)
    (tmp_path / "place" / "inner" / "immovable").write_text("x")
    (tmp_path / "place" / "other").write_text("x")
    real = os.unlink

    def refuses(path: bytes, *, dir_fd: int | None = None) -> None:
        if path == b"immovable":
            raise PermissionError(1, "Operation not permitted")
        real(path, dir_fd=dir_fd)

    monkeypatch.setattr(os, "unlink", refuses)
    faults = delete_tree(tmp_path / "place")
    assert len(faults) == 1
    assert faults[0].endswith("place/inner/immovable: Operation not permitted")
    assert not (tmp_path / "place" / "other").exists()


def test_a_git_that_outlived_its_engine_is_waited_for(manager: WorkspaceManager, source: Path) -> None:
    """It wrote into a workspace that was being thrown away and made anew."""
    base = git(source, "rev-parse", "HEAD")
    root = source.parent / "store" / "workspaces" / RUN
    workspace = manager.prepare(RUN, source, base)
    slow = "alias.slow", "!touch ../begun; sleep 1; touch ../written"
    with subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; from pathlib import Path; from agentgate_engine.workspace.git import Git;"
            "print('go', flush=True); "
            f"Git.ours(Path(sys.argv[1]), Path(sys.argv[2])).configured({slow!r}).run('slow')",
            str(workspace.repository),
            str(workspace.busy),
        ],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    ) as engine:
        assert engine.stdout is not None
        engine.stdout.readline()
        while not (root / "begun").exists():
            time.sleep(0.01)
        engine.send_signal(signal.SIGKILL)
    manager.prepare(RUN, source, base)
    assert (root / "written").exists()
