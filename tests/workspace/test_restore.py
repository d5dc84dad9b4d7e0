"""Putting files back, and the clean room."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agentgate_engine.errors import WorkspaceError
from agentgate_engine.workspace import workspace as module
from agentgate_engine.workspace.workspace import Workspace
from tests.workspace.conftest import content_of, git


def _mess(tree: Path, outside: Path) -> None:
    (tree / "README.md").write_text("half done\n")
    (tree / "src" / "main.py").unlink()
    (tree / "new").mkdir()
    (tree / "new" / "file").write_text("x")
    (tree / "new" / "deep.cache").write_text("kept")
    (tree / "build").mkdir()
    (tree / "build" / "output").write_text("kept")
    (tree / "empty" / "empty").mkdir(parents=True)
    (tree / "outside").symlink_to(outside)
    os.mkfifo(tree / "pipe")
    git(tree, "init", "-q", "nested")
    (tree / "nested" / "file").write_text("x")
    (tree / "locked").mkdir()
    (tree / "locked" / "file").write_text("x")
    (tree / "locked").chmod(0o500)
    (tree / "src").chmod(0o500)


def test_a_restore_is_exact_keeps_ignored_files_and_the_half_done_state(workspace: Workspace, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("x")
    (workspace.tree / "work").write_text("done\n")
    taken = workspace.snapshot(1, "one", workspace.head())
    expected = content_of(workspace.tree)
    _mess(workspace.tree, outside)
    git(workspace.tree, "add", "README.md")
    git(workspace.tree, "commit", "-qm", "own")
    restored = workspace.restore(taken.commit, "2-1")
    expected |= {
        "new": "directory",
        "new/deep.cache": (False, b"kept"),
        "build": "directory",
        "build/output": (False, b"kept"),
    }
    assert content_of(workspace.tree) == expected
    assert content_of(outside) == {"file": (False, b"x")}
    assert git(workspace.tree, "status", "--porcelain") == ""
    assert git(workspace.tree, "rev-parse", "HEAD") == workspace.head() == taken.commit
    assert restored.kept == git(workspace.repository, "rev-parse", "refs/agentgate/interrupted/2-1")
    kept = {file.path for file in workspace.numstat(taken.commit, restored.kept)}
    assert kept == {"README.md", "src/main.py", "new/file", "outside", "nested/file", "locked/file"}
    assert git(workspace.repository, "log", "--format=%s", f"{taken.commit}..{restored.kept}").splitlines() == [
        "Interrupted: 2-1",
        "own",
    ]


def test_a_restore_that_was_killed_keeps_the_state_it_found_first(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workspace.tree / "half").write_text("done")

    def dies(*_: object) -> bool:
        (workspace.tree / "half").unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "check_out", dies)
        with pytest.raises(KeyboardInterrupt):
            workspace.restore(workspace.head(), "1-1")
    restored = workspace.restore(workspace.head(), "1-1")
    assert restored.kept
    assert workspace.read_file_at(restored.kept, "half") == b"done"


def test_going_back_further_moves_the_branch_too(workspace: Workspace) -> None:
    start = workspace.head()
    (workspace.tree / "a").write_text("x")
    workspace.snapshot(1, "one", start)
    workspace.restore(start)
    assert workspace.head() == start == git(workspace.tree, "rev-parse", "HEAD")
    assert not (workspace.tree / "a").exists()
    (workspace.tree / "b").write_text("x")
    assert [file.path for file in workspace.snapshot(2, "two", start).files] == ["b"]


@pytest.mark.parametrize("label", ["../x", "", "a b", "-x", "a.lock"])
def test_a_kept_state_needs_a_name_that_is_safe(workspace: Workspace, label: str) -> None:
    with pytest.raises(WorkspaceError, match="cannot name"):
        workspace.restore(workspace.head(), label)


def test_a_clean_room_is_a_clean_checkout(workspace: Workspace) -> None:
    (workspace.tree / "a").write_text("x")
    taken = workspace.snapshot(1, "one", workspace.head())
    room = workspace.clean_room(taken.commit)
    assert not room.kept_caches
    assert content_of(room.path) == content_of(workspace.tree)
    assert git(room.path, "status", "--porcelain") == ""
    assert git(room.path, "rev-parse", "HEAD") == taken.commit
    assert git(room.path, "log", "--format=%s", "-2").splitlines() == ["one", "second"]
    assert git(room.path, "remote") == ""


def test_a_clean_room_is_reset_between_iterations_but_keeps_its_caches(workspace: Workspace, tmp_path: Path) -> None:
    start = workspace.head()
    expected = content_of(workspace.clean_room(start).path)
    room = workspace.clean_room_path
    _mess(room, tmp_path)
    git(room, "add", "README.md", "new", "build", "-f")
    git(room, "commit", "-qm", "a check commits")
    (workspace.tree / "README.md").write_text("next\n")
    taken = workspace.snapshot(1, "one", start)
    again = workspace.clean_room(taken.commit)
    assert again.kept_caches
    assert content_of(room) == expected | {
        "README.md": (False, b"next\n"),
        "new": "directory",
        "new/deep.cache": (False, b"kept"),
        "build": "directory",
        "build/output": (False, b"kept"),
    }
    assert git(room, "status", "--porcelain") == ""
    assert git(room, "rev-parse", "HEAD") == taken.commit
    pristine = workspace.clean_room(start, pristine=True)
    assert not pristine.kept_caches
    assert content_of(room) == expected


def test_a_link_in_place_of_the_clean_room_is_not_entered(workspace: Workspace, tmp_path: Path) -> None:
    outside = tmp_path / "precious"
    outside.mkdir()
    (outside / "file").write_text("x")
    workspace.clean_room_path.symlink_to(outside)
    assert not workspace.clean_room(workspace.head()).kept_caches
    assert content_of(outside) == {"file": (False, b"x")}
    assert not workspace.clean_room_path.is_symlink()
