"""Snapshots: one for each iteration, whatever stands in the tree and whatever the agent did to its clone."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from agentgate_engine.errors import SnapshotError
from agentgate_engine.models.snapshot import Snapshot
from agentgate_engine.workspace import snapshots
from agentgate_engine.workspace.deletion import delete_tree
from agentgate_engine.workspace.staging import copy_index
from agentgate_engine.workspace.workspace import Workspace
from tests.workspace.conftest import RUN, content_of, git


def _clean(workspace: Workspace, commit: str) -> None:
    assert git(workspace.tree, "rev-parse", "HEAD") == commit
    assert git(workspace.tree, "status", "--porcelain") == ""


def test_a_snapshot_says_what_changed(workspace: Workspace) -> None:
    (workspace.tree / "README.md").write_text("one\n2\nthree\nfour\n")
    (workspace.tree / "src" / "main.py").rename(workspace.tree / "src" / "app.py")
    (workspace.tree / "blob").write_bytes(b"\0" * 100)
    (workspace.tree / "x.cache").write_text("ignored")
    before = workspace.head()
    taken = workspace.snapshot(1, "agentgate: iteration 1", before)
    assert (taken.id, taken.iteration, taken.branch) == (f"{RUN}/1", 1, f"agentgate/{RUN}")
    assert (taken.before_sha, taken.after_sha, taken.commit) == (before, workspace.head(), workspace.head())
    assert taken.tree_after == git(workspace.repository, "rev-parse", f"{taken.commit}^{{tree}}")
    assert (taken.files_changed, taken.insertions, taken.deletions) == (3, 2, 1)
    assert [(file.path, file.status, file.previous_path, file.binary) for file in taken.files] == [
        ("README.md", "modified", None, False),
        ("blob", "added", None, True),
        ("src/app.py", "renamed", "src/main.py", False),
    ]
    assert (taken.agent_commits, taken.notes) == (0, [])
    assert git(workspace.repository, "log", "-1", "--format=%an <%ae>|%s") == (
        "AgentGate <agentgate@localhost>|agentgate: iteration 1"
    )
    assert Snapshot.from_json(taken.to_json(), "x") == taken
    _clean(workspace, taken.commit)


def test_the_same_iteration_again_is_the_same_snapshot(workspace: Workspace) -> None:
    before = workspace.head()
    (workspace.tree / "a").write_text("1")
    first = workspace.snapshot(1, "one", before)
    (workspace.tree / "a").write_text("2")
    assert workspace.snapshot(1, "one", before) == first
    second = workspace.snapshot(2, "two", first.commit)
    assert second.commit != first.commit
    assert workspace.snapshot(1, "one", before) == first
    assert workspace.head() == second.commit


@pytest.mark.parametrize("step", ["_save", "align", "commit_state", "_record"])
def test_killed_in_the_middle_and_taken_again(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    before = workspace.head()
    (workspace.tree / "a").write_text("1")
    with monkeypatch.context() as patch:

        def dies(*_: object) -> None:
            raise KeyboardInterrupt

        patch.setattr(snapshots, step, dies)
        with pytest.raises(KeyboardInterrupt):
            workspace.snapshot(1, "one", before)
    taken = workspace.snapshot(1, "one", before)
    assert [file.path for file in taken.files] == ["a"]
    assert workspace.head() == taken.commit
    _clean(workspace, taken.commit)


def test_a_lost_record_is_made_again_from_the_commit(workspace: Workspace) -> None:
    before = workspace.head()
    (workspace.tree / "a").write_text("1")
    taken = workspace.snapshot(1, "one", before)
    (workspace.admin / "snapshots" / "1.json").write_bytes(b"{broken")
    again = workspace.snapshot(1, "one", before)
    assert (again.commit, again.files) == (taken.commit, taken.files)
    assert again.notes == ["the notes of this snapshot were lost"]


def test_an_iteration_that_changed_nothing_has_its_own_snapshot(workspace: Workspace) -> None:
    first = workspace.snapshot(1, "one", workspace.head())
    second = workspace.snapshot(2, "two", first.commit)
    assert (second.files_changed, second.tree_before) == (0, second.tree_after)
    assert len({first.before_sha, first.commit, second.commit}) == 3


def test_commits_of_the_agent_are_counted_and_kept(workspace: Workspace) -> None:
    before = workspace.head()
    for name in ("a", "b"):
        (workspace.tree / name).write_text("x\n")
        git(workspace.tree, "add", name)
        git(workspace.tree, "commit", "-qm", f"agent adds {name}")
    (workspace.tree / "c").write_text("x\n")
    taken = workspace.snapshot(1, "one", before)
    assert (taken.agent_commits, taken.files_changed, taken.notes) == (2, 3, [])
    assert git(workspace.repository, "log", "--format=%s", f"{before}..{taken.commit}").splitlines() == [
        "one",
        "agent adds b",
        "agent adds a",
    ]
    git(workspace.repository, "fsck", "--strict")


@pytest.mark.parametrize("how", ["branch", "packed", "detached", "merge"])
def test_commits_are_found_wherever_the_agent_put_them(workspace: Workspace, how: str) -> None:
    before = workspace.head()
    git(workspace.tree, "checkout", "-q", *(["--detach"] if how == "detached" else ["-b", "feature"]))
    (workspace.tree / "a").write_text("x\n")
    git(workspace.tree, "add", "a")
    git(workspace.tree, "commit", "-qm", "own")
    if how == "packed":
        git(workspace.tree, "gc", "-q")
    if how == "merge":
        git(workspace.tree, "checkout", "-q", f"agentgate/{RUN}")
        (workspace.tree / "README.md").write_text("ours\n")
        git(workspace.tree, "commit", "-qam", "ours")
        git(workspace.tree, "checkout", "-q", "feature")
        (workspace.tree / "README.md").write_text("theirs\n")
        git(workspace.tree, "commit", "-qam", "theirs")
        git(workspace.tree, "merge", f"agentgate/{RUN}", check=False)
        assert (workspace.tree / ".git" / "MERGE_HEAD").exists()
    taken = workspace.snapshot(1, "one", before)
    assert taken.agent_commits == (2 if how == "merge" else 1)
    assert not (workspace.tree / ".git" / "MERGE_HEAD").exists()
    assert git(workspace.tree, "symbolic-ref", "--short", "HEAD") == f"agentgate/{RUN}"
    _clean(workspace, taken.commit)


def _reset(workspace: Workspace) -> None:
    git(workspace.tree, "reset", "-q", "--soft", "HEAD~1")


def _orphan(workspace: Workspace) -> None:
    git(workspace.tree, "checkout", "-q", "--orphan", "fresh")
    git(workspace.tree, "commit", "-qm", "all new")


def _no_git(workspace: Workspace) -> None:
    delete_tree(workspace.tree / ".git")


def _new_git(workspace: Workspace) -> None:
    delete_tree(workspace.tree / ".git")
    git(workspace.tree, "init", "-q")
    git(workspace.tree, "add", "-A")
    git(workspace.tree, "commit", "-qm", "all new")


def _odd_head(workspace: Workspace) -> None:
    (workspace.tree / ".git" / "HEAD").unlink()
    os.mkfifo(workspace.tree / ".git" / "HEAD")


def _git_link(workspace: Workspace) -> None:
    (workspace.tree / ".git").rename(workspace.root / "elsewhere")
    (workspace.tree / ".git").symlink_to(workspace.root / "elsewhere")


def _lost_objects(workspace: Workspace) -> None:
    (workspace.tree / "z").write_text("x")
    git(workspace.tree, "add", "z")
    git(workspace.tree, "commit", "-qm", "own")
    delete_tree(workspace.tree / ".git" / "objects")


@pytest.mark.parametrize("harm", [_reset, _orphan, _no_git, _new_git, _odd_head, _git_link, _lost_objects])
def test_a_clone_that_cannot_be_followed_costs_its_commits_but_no_file(workspace: Workspace, harm: object) -> None:
    before = workspace.head()
    (workspace.tree / "a").write_text("x\n")
    harm(workspace)  # type: ignore[operator]
    taken = workspace.snapshot(1, "one", before)
    assert "a" in [file.path for file in taken.files]
    assert taken.agent_commits == 0
    assert taken.notes
    assert workspace.snapshot(1, "one", before) == taken
    assert workspace.follows(before, taken.commit)


def test_a_clone_that_was_deleted_is_made_again(workspace: Workspace) -> None:
    _no_git(workspace)
    taken = workspace.snapshot(1, "one", workspace.head())
    _clean(workspace, taken.commit)
    (workspace.tree / "b").write_text("x")
    git(workspace.tree, "add", "b")
    git(workspace.tree, "commit", "-qm", "own")
    assert workspace.snapshot(2, "two", taken.commit).agent_commits == 1


def test_a_stash_is_noted(workspace: Workspace) -> None:
    (workspace.tree / "README.md").write_text("changed\n")
    git(workspace.tree, "stash")
    assert "stash" in workspace.snapshot(1, "one", workspace.head()).notes[0]


def test_odd_names_and_kinds_are_kept_as_they_are(workspace: Workspace, tmp_path: Path) -> None:
    tree = workspace.tree
    (tmp_path / "secret").write_text("not ours")
    names = ["new\nline", "-dash", "--", "ünï", "tab\there", 'quo"te', "back\\slash", " space ", ":(top)x", "*"]
    for name in names:
        (tree / name).write_text(name)
    (tree / os.fsdecode(b"\xff\xfe")).write_text("bytes")
    (tree / "zero").write_bytes(b"")
    (tree / "outside").symlink_to(tmp_path / "secret")
    (tree / "script").write_text("#!/bin/sh\n")
    (tree / "script").chmod(0o755)
    os.mkfifo(tree / "pipe")
    before = workspace.head()
    taken = workspace.snapshot(1, "message\0with\udcff odd\ncharacters", before)
    room = workspace.clean_room(taken.commit).path
    expected = content_of(tree)
    assert expected.pop("pipe") == "special"
    assert content_of(room) == expected
    assert {file.path for file in taken.files} >= {*names, "\\xff\\xfe", "zero", "outside", "script"}
    assert Snapshot.from_json(taken.to_json(), "x") == taken
    (tmp_path / "patch").write_bytes(workspace.diff(before, taken.commit))
    git(workspace.clean_room(before, pristine=True).path, "apply", "--index", str(tmp_path / "patch"))
    assert git(room, "write-tree") == taken.tree_after


def test_files_may_become_directories_links_and_pipes(workspace: Workspace, tmp_path: Path) -> None:
    tree = workspace.tree
    (tree / "README.md").unlink()
    (tree / "README.md").mkdir()
    (tree / "README.md" / "inside").write_text("x")
    (tree / "src").rename(tmp_path / "moved")
    (tree / "src").symlink_to(tmp_path / "moved")
    (tree / "run.sh").unlink()
    os.mkfifo(tree / "run.sh")
    taken = workspace.snapshot(1, "one", workspace.head())
    changes = {(file.path, file.status) for file in taken.files}
    assert changes == {
        ("README.md", "deleted"),
        ("README.md/inside", "added"),
        ("src/main.py", "deleted"),
        ("src", "added"),
        ("run.sh", "deleted"),
    }
    assert "pipes" in taken.notes[0]
    restored = workspace.restore(taken.before_sha)
    assert restored.notes == ()
    assert (tree / "src" / "main.py").is_file()
    assert (tmp_path / "moved" / "main.py").is_file(), "what stands outside is untouched"


def test_files_that_are_ignored_follow_the_agents_own_index(workspace: Workspace) -> None:
    tree = workspace.tree
    for name in ("forced.cache", "staged.cache", "ignored.cache"):
        (tree / name).write_text("x\n")
    git(tree, "add", "-f", "forced.cache")
    git(tree, "rm", "-q", "-r", "--cached", "src")
    (tree / ".gitignore").write_text("*.cache\nbuild/\nsrc/\n")
    git(tree, "add", ".gitignore")
    git(tree, "commit", "-qm", "own")
    git(tree, "add", "-f", "staged.cache")
    taken = workspace.snapshot(1, "one", workspace.head())
    assert {(file.path, file.status) for file in taken.files} == {
        (".gitignore", "modified"),
        ("forced.cache", "added"),
        ("staged.cache", "added"),
        ("src/main.py", "deleted"),
    }
    assert (tree / "src" / "main.py").exists()
    assert workspace.snapshot(2, "two", taken.commit).files == []


def test_a_pipe_in_place_of_rules_cannot_hold_a_snapshot_up(workspace: Workspace) -> None:
    (workspace.tree / "new").mkdir()
    os.mkfifo(workspace.tree / "new" / ".gitignore")
    (workspace.tree / "new" / "file").write_text("x")
    quick = replace(workspace, git=replace(workspace.git, deadline=1.0))
    taken = quick.snapshot(1, "one", workspace.head())
    assert [file.path for file in taken.files] == ["new/file"]
    assert "new/.gitignore" in taken.notes[0]


def test_repositories_inside_the_tree_do_not_lose_their_files(workspace: Workspace) -> None:
    tree = workspace.tree
    git(tree, "init", "-q", "app")
    (tree / "app" / "code.py").write_text("x\n")
    (tree / "app" / ".gitignore").write_text("own.log\n")
    (tree / "app" / "own.log").write_text("x")
    (tree / "app" / "theirs.cache").write_text("x")
    git(tree / "app", "init", "-q", "deeper")
    (tree / "app" / "deeper" / "more.py").write_text("x\n")
    git(tree / "app" / "deeper", "add", "-A")
    git(tree / "app" / "deeper", "commit", "-qm", "own history")
    taken = workspace.snapshot(1, "one", workspace.head())
    assert [file.path for file in taken.files] == ["app/.gitignore", "app/code.py", "app/deeper/more.py"]
    assert "app" in taken.notes[0]
    (tree / "app" / "code.py").write_text("y\n")
    second = workspace.snapshot(2, "two", taken.commit)
    assert [(file.path, file.status) for file in second.files] == [("app/code.py", "modified")]


def test_a_submodule_stays_one(workspace: Workspace, source: Path) -> None:
    git(workspace.tree, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(source), "module")
    git(workspace.tree, "commit", "-qm", "own")
    git(workspace.tree / "module", "commit", "-q", "--allow-empty", "-m", "moved on")
    taken = workspace.snapshot(1, "one", workspace.head())
    assert ".gitmodules" in [file.path for file in taken.files]
    assert taken.agent_commits == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_what_cannot_be_read_is_kept_as_it_was(workspace: Workspace) -> None:
    (workspace.tree / "README.md").chmod(0)
    (workspace.tree / "src").chmod(0)
    taken = workspace.snapshot(1, "one", workspace.head())
    assert taken.files_changed == 0
    assert taken.notes


def test_an_encoding_that_files_do_not_have_cannot_stop_a_snapshot(workspace: Workspace) -> None:
    (workspace.tree / ".gitattributes").write_text("*.txt working-tree-encoding=UTF-16\n")
    (workspace.tree / "a.txt").write_bytes(b"\xff\xfe\x00\xd8plain")
    taken = workspace.snapshot(1, "one", workspace.head())
    assert {file.path for file in taken.files} == {".gitattributes", "a.txt"}
    assert "encoding" in taken.notes[0]
    assert workspace.read_file_at(taken.commit, "a.txt") == b"\xff\xfe\x00\xd8plain"


def test_a_link_in_place_of_the_tree_is_not_entered(workspace: Workspace, tmp_path: Path) -> None:
    outside = tmp_path / "precious"
    outside.mkdir()
    (outside / "file").write_text("x")
    delete_tree(workspace.tree)
    workspace.tree.symlink_to(outside)
    with pytest.raises(SnapshotError, match="no directory"):
        workspace.snapshot(1, "one", workspace.head())
    with pytest.raises(SnapshotError):
        workspace.tree_now()
    workspace.restore(workspace.head(), "gone")
    assert content_of(outside) == {"file": (False, b"x")}
    assert not workspace.tree.is_symlink()
    assert (workspace.tree / "README.md").is_file()
    _clean(workspace, workspace.head())


def test_the_tree_of_now_and_what_changed_between_two(workspace: Workspace) -> None:
    tree = workspace.tree
    first = workspace.tree_now()
    assert first == git(workspace.repository, "rev-parse", f"{workspace.head()}^{{tree}}")
    refs = git(workspace.repository, "for-each-ref")
    (tree / "README.md").write_text("zero\none\ntwo\n3\n4\n")
    (tree / "new").write_text("1\n2\n")
    (tree / "run.sh").unlink()
    (tree / "bin").write_bytes(b"\0")
    second = workspace.tree_now()
    changes = {(change.path, change.status, change.hunks) for change in workspace.changes_between(first, second)}
    assert changes == {
        ("README.md", "modified", ((1, 1), (4, 2))),
        ("new", "added", ((1, 2),)),
        ("run.sh", "deleted", ()),
        ("bin", "added", ()),
    }
    assert workspace.tree_now() == second
    assert workspace.changes_between(second, second) == []
    with pytest.raises(AssertionError):  # a durable snapshot must not find an object there that was never synced
        git(workspace.repository, "cat-file", "-e", second)
    assert git(workspace.repository, "for-each-ref") == refs
    assert workspace.snapshot(1, "one", workspace.head()).tree_after == second
    git(workspace.repository, "fsck", "--strict")
    assert workspace.tree_now() == second


def test_a_copied_index_keeps_its_time(tmp_path: Path) -> None:
    (tmp_path / "index").write_bytes(b"x")
    os.utime(tmp_path / "index", ns=(1, 1_600_000_000_123_456_789))
    copy_index(tmp_path / "index", tmp_path / "copy")
    assert (tmp_path / "copy").stat().st_mtime_ns == 1_600_000_000_123_456_789


def test_a_change_that_keeps_size_and_second_is_seen(workspace: Workspace) -> None:
    for n in range(6):
        (workspace.tree / "README.md").write_text(f"same size {n}\n")
        tree = workspace.tree_now()
        changed = workspace.changes_between(workspace.head(), tree)
        assert [change.path for change in changed] == ["README.md"]
        assert f"same size {n}".encode() in workspace.diff(workspace.head(), tree)
