"""What a verification reads from git, on real repositories."""

from __future__ import annotations

import pytest

from agentgate_engine.phases.judged_trees import JudgedTrees
from agentgate_engine.verify.tree_readers import AddedLine, BaseFile, TreeChange
from agentgate_engine.workspace.workspace import Workspace


@pytest.fixture
def trees(workspace: Workspace) -> JudgedTrees:
    """A snapshot that changes, adds, renames, deletes and links."""
    tree = workspace.tree
    (tree / "README.md").write_text("one\nTWO\nthree\n@@ -1 +9 @@\n+++ b/x\n")
    (tree / "new dir").mkdir()
    (tree / "new dir" / 'q"uote.py').write_text("a = 1\nbreakpoint()")
    (tree / "big.txt").write_text("TODO\n" * 300_000)
    (tree / "data.bin").write_bytes(b"\0\1" * 10)
    (tree / "run.sh").unlink()
    (tree / "src" / "main.py").rename(tree / "moved.py")
    (tree / "link.py").symlink_to("/etc/passwd")
    start = workspace.start_commit
    taken = workspace.snapshot(1, "work", start)
    workspace.clean_room(taken.after_sha)
    return JudgedTrees(workspace, start, taken.after_sha)


def test_every_changed_path_has_its_size(trees: JudgedTrees) -> None:
    found = {change.path: change for change in trees.changes()}
    assert found["README.md"].status == "modified"
    assert found["big.txt"] == TreeChange("big.txt", "added", 1_500_000)
    assert found["run.sh"] == TreeChange("run.sh", "deleted", 0)
    assert found["data.bin"].size == 20
    assert {path: change.status for path, change in found.items() if path.endswith("py")} == {
        'new dir/q"uote.py': "added",
        "src/main.py": "deleted",
        "moved.py": "added",
        "link.py": "added",
    }


def test_only_new_lines_are_told_with_their_place(trees: JudgedTrees) -> None:
    """upstream.md 2.1: common-mistakes looks at lines added since the base."""
    lines = trees.added_lines()
    assert [line for line in lines if line.path == "README.md"] == [
        AddedLine("README.md", 2, "TWO"),
        AddedLine("README.md", 4, "@@ -1 +9 @@"),
        AddedLine("README.md", 5, "+++ b/x"),
    ]
    quoted = [line for line in lines if "uote" in line.path]
    assert quoted == [
        AddedLine('new dir/q"uote.py', 1, "a = 1"),
        AddedLine('new dir/q"uote.py', 2, "breakpoint()"),
    ]
    assert not [line for line in lines if line.path in ("big.txt", "data.bin")], "too large, or no text"


def test_a_file_is_read_at_the_base_and_not_as_the_agent_left_it(trees: JudgedTrees) -> None:
    """upstream.md 2.1: fixtures are those of the base commit."""
    assert trees.at_base("README.md", 100) == BaseFile(14, b"one\ntwo\nthree\n")
    assert trees.at_base("README.md", 13) == BaseFile(14, None)
    assert trees.at_base("run.sh", 100) == BaseFile(10, b"#!/bin/sh\n")
    for path in ("big.txt", "src", "nothing", ":(glob)*", "*"):
        assert trees.at_base(path, 100) is None


def test_what_checks_left_in_the_clean_room_is_told(trees: JudgedTrees) -> None:
    """upstream.md 2.1: clean-state."""
    assert trees.left_behind() == []
    room = trees.workspace.clean_room_path
    (room / "README.md").write_text("changed by a check\n")
    (room / "run-me").write_text("x")
    (room / "out").mkdir()
    (room / "out" / "a").write_text("x")
    (room / "x.cache").write_text("ignored")
    (room / "moved.py").touch()
    (room / "data.bin").unlink()
    assert sorted(trees.left_behind()) == ["README.md", "data.bin", "out/", "run-me"]


def test_a_check_cannot_hide_what_it_left(trees: JudgedTrees) -> None:
    """The clean room's own .git is what a check could change; it is not what is asked."""
    room = trees.workspace.clean_room_path
    (room / ".git" / "info").mkdir(exist_ok=True)
    (room / ".git" / "info" / "exclude").write_text("*\n")
    (room / "left").write_text("x")
    assert trees.left_behind() == ["left"]
