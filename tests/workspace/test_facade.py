"""The facade: preparing for a run, its snapshots, how it stands, and getting rid of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentgate_engine.errors import SnapshotError, UsageError, WorkspaceError
from agentgate_engine.models.run_state import RunState
from agentgate_engine.models.work_order import WorkspaceSource
from agentgate_engine.workspace.disk_usage import disk_usage
from agentgate_engine.workspace.git import Git
from agentgate_engine.workspace.manager import WorkspaceManager
from agentgate_engine.workspace.source import save_uncommitted
from tests.workspace.conftest import RUN, content_of, git, put_run


@pytest.fixture
def order(source: Path, tmp_path: Path, manager: WorkspaceManager) -> WorkspaceSource:
    put_run(tmp_path / "store", RUN, RunState.QUEUED)
    return WorkspaceSource(path=str(source), base_commit=git(source, "rev-parse", "HEAD"))


def _leases(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "store" / "leases").glob("*"))


def test_preparing_leases_branches_and_keeps_the_start(
    manager: WorkspaceManager, order: WorkspaceSource, tmp_path: Path, source: Path
) -> None:
    """upstream.md 8.3: acquire, branch agentgate/{runId}, snapshot of the start; 8.1: the count goes 1 then 0."""
    (source / "README.md").write_text("mine\n")
    save_uncommitted(source, tmp_path / "patch")
    workspace = manager.prepare_for_run(RUN, order, tmp_path / "patch", fence=4)
    assert git(workspace.tree, "symbolic-ref", "--short", "HEAD") == f"agentgate/{RUN}"
    assert [(state.name, state.commit) for state in manager.list_kept(RUN)] == [("start", workspace.start_commit)]
    assert workspace.read_file_at(workspace.start_commit, "README.md") == b"mine\n"
    assert len(_leases(tmp_path)) == 1
    status = manager.status(RUN)
    assert (status.state, status.branch, status.head) == ("active", f"agentgate/{RUN}", workspace.start_commit)
    assert status.lease is not None
    assert (status.lease.path, status.lease.run_id, status.lease.fence) == (str(workspace.tree), RUN, 4)
    assert manager.prepare_for_run(RUN, order, fence=5) == workspace, "again after a crash"
    assert len(_leases(tmp_path)) == 1
    assert manager.remove(RUN, keep_repository=True) == []
    assert _leases(tmp_path) == []
    assert manager.status(RUN).state == "kept"


@pytest.mark.parametrize("step", [1, 4, 8, 12, 16, 20, 24])
def test_a_failure_at_any_step_leaves_no_lease_and_no_directory(
    manager: WorkspaceManager, order: WorkspaceSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """upstream.md 8.3: a branch failure leaves no lease (and no directory)."""
    real, count = Git.run, 0

    def fails(self: Git, *arguments: str, **options: object) -> object:
        nonlocal count
        count += 1
        if count == step:
            raise WorkspaceError("git broke")
        return real(self, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Git, "run", fails)
    with pytest.raises(WorkspaceError):
        manager.prepare_for_run(RUN, order)
    assert count >= step, "the step is one of those that are taken"
    assert _leases(tmp_path) == []
    assert manager.list() == []
    assert not (tmp_path / "store" / "workspaces" / RUN).exists()


def test_a_branch_that_cannot_be_made_leaves_no_lease_and_no_directory(
    manager: WorkspaceManager, order: WorkspaceSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """upstream.md 8.3: the step of the branch itself."""
    real = Git.run

    def fails(self: Git, *arguments: str, **options: object) -> object:
        if arguments[:2] == ("update-ref", f"refs/heads/agentgate/{RUN}"):
            raise WorkspaceError("no such branch for you")
        return real(self, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Git, "run", fails)
    with pytest.raises(WorkspaceError, match="no such branch for you"):
        manager.prepare_for_run(RUN, order)
    assert _leases(tmp_path) == []
    assert manager.list() == []


def test_a_run_that_went_on_keeps_its_snapshots_when_preparing_fails(
    manager: WorkspaceManager, order: WorkspaceSource, tmp_path: Path
) -> None:
    workspace = manager.prepare_for_run(RUN, order)
    taken = workspace.snapshot(1, "one", workspace.head())
    other = order.model_copy(update={"base_commit": "1" * 40})
    with pytest.raises(WorkspaceError, match="requeue"):
        manager.prepare_for_run(RUN, other)
    assert _leases(tmp_path) == []
    assert manager.open(RUN).head() == taken.commit


def test_snapshots_are_made_listed_restored_compared_and_deleted(
    manager: WorkspaceManager, order: WorkspaceSource
) -> None:
    """upstream.md 8.2: the facade's operations on snapshots."""
    workspace = manager.prepare_for_run(RUN, order)
    start = workspace.head()
    (workspace.tree / "a").write_text("one\n")
    first = manager.snapshot(RUN, 1, "one", start)
    (workspace.tree / "a").write_text("two\n")
    second = manager.snapshot(RUN, 2, "two", first.commit)
    assert manager.list_snapshots(RUN) == [first, second]
    assert b"+two" in manager.diff(RUN, first.commit, second.commit)
    assert manager.status(RUN).files == ()
    (workspace.tree / "a").write_text("three\n")
    files = manager.status(RUN).files
    assert files is not None
    assert [file.path for file in files] == ["a"]
    restored = manager.restore(RUN, first.commit, "aside")
    assert (workspace.tree / "a").read_text() == "one\n"
    assert [state.name for state in manager.list_kept(RUN)] == ["start", "aside"]
    assert restored.kept is not None
    assert workspace.read_file_at(restored.kept, "a") == b"three\n"
    with pytest.raises(SnapshotError, match="stands on snapshot 1"):
        manager.delete_snapshot(RUN, 1)
    manager.delete_snapshot(RUN, 2)
    assert [snapshot.iteration for snapshot in manager.list_snapshots(RUN)] == [1]
    with pytest.raises(SnapshotError, match="no snapshot 2"):
        manager.delete_snapshot(RUN, 2)


def test_a_lost_record_is_made_again_from_the_commits(manager: WorkspaceManager, order: WorkspaceSource) -> None:
    workspace = manager.prepare_for_run(RUN, order)
    (workspace.tree / "a").write_text("one\n")
    first = manager.snapshot(RUN, 1, "one", workspace.head())
    (workspace.admin / "snapshots" / "1.json").unlink()
    assert [(s.commit, s.files_changed) for s in manager.list_snapshots(RUN)] == [(first.commit, 1)]


@pytest.mark.parametrize(
    ("call", "family"),
    [
        (lambda manager: manager.snapshot(RUN, 1, "x", "1" * 40), SnapshotError),
        (lambda manager: manager.restore(RUN, "1" * 40), SnapshotError),
        (lambda manager: manager.list_snapshots("abcd2345.9"), SnapshotError),
        (lambda manager: manager.delete_snapshot(RUN, 9), SnapshotError),
        (lambda manager: manager.diff(RUN, "1" * 40, "2" * 40), WorkspaceError),
        (lambda manager: manager.status("abcd2345.9"), WorkspaceError),
    ],
)
def test_every_fault_is_of_one_family(
    manager: WorkspaceManager, order: WorkspaceSource, call: object, family: type[Exception]
) -> None:
    """upstream.md 8.2: each maps errors to one exception family."""
    manager.prepare_for_run(RUN, order)
    assert callable(call)
    with pytest.raises(family):
        call(manager)
    with pytest.raises(UsageError):
        manager.status("../elsewhere")


def test_the_tree_stays_as_the_agent_left_it_until_a_restore_is_asked_for(
    manager: WorkspaceManager, order: WorkspaceSource
) -> None:
    """upstream.md 8.5: the next iteration goes on from the kept tree; restoring is explicit."""
    workspace = manager.prepare_for_run(RUN, order)
    start = workspace.head()
    (workspace.tree / "half").write_text("done")
    first = manager.snapshot(RUN, 1, "a failed iteration", start)
    left = content_of(workspace.tree)
    manager.prepare_for_run(RUN, order)
    assert content_of(workspace.tree) == left
    (workspace.tree / "rest").write_text("done")
    second = manager.snapshot(RUN, 2, "the next", first.commit)
    assert second.before_sha == first.after_sha
    assert [file.path for file in second.files] == ["rest"]
    manager.restore(RUN, start)
    assert not (workspace.tree / "half").exists()


def test_an_iteration_that_changed_nothing_has_a_record_of_its_own(
    manager: WorkspaceManager, order: WorkspaceSource
) -> None:
    """upstream.md 2.5: the id is unique per run and iteration, and nothing is overwritten when nothing changed."""
    workspace = manager.prepare_for_run(RUN, order)
    (workspace.tree / "a").write_text("one\n")
    first = manager.snapshot(RUN, 1, "one", workspace.head())
    second = manager.snapshot(RUN, 2, "two", first.commit)
    assert (first.id, second.id) == (f"{RUN}/1", f"{RUN}/2")
    assert (second.files_changed, second.tree_before) == (0, second.tree_after)
    assert first.commit != second.commit
    assert manager.list_snapshots(RUN) == [first, second]


def test_commits_of_the_agents_own_are_counted(manager: WorkspaceManager, order: WorkspaceSource, source: Path) -> None:
    """upstream.md 2.5: self-commits counted, and the user's branch untouched."""
    before = git(source, "for-each-ref")
    workspace = manager.prepare_for_run(RUN, order)
    for name in ("a", "b"):
        (workspace.tree / name).write_text("x")
        git(workspace.tree, "add", name)
        git(workspace.tree, "commit", "-qm", name)
    taken = manager.snapshot(RUN, 1, "one", workspace.start_commit)
    assert (taken.agent_commits, taken.files_changed) == (2, 2)
    assert git(source, "for-each-ref") == before


def test_an_agent_that_only_removed_its_git_directory_is_told_of_once(
    manager: WorkspaceManager, order: WorkspaceSource
) -> None:
    """It was told of twice, once as commits that nobody knew of."""
    workspace = manager.prepare_for_run(RUN, order)
    (workspace.tree / ".git").rename(workspace.scratch / "gone")
    taken = manager.snapshot(RUN, 1, "one", workspace.start_commit)
    assert len(taken.notes) == 1
    assert "made again" in taken.notes[0]
    assert git(workspace.tree, "rev-parse", "HEAD") == taken.commit


def test_tags_come_along_and_never_go_back(manager: WorkspaceManager, order: WorkspaceSource, source: Path) -> None:
    """A build that asks git describe for its version gets the answer it gets in the source."""
    git(source, "tag", "-a", "-m", "two", "v2", "HEAD~1")
    workspace = manager.prepare_for_run(RUN, order)
    room = workspace.clean_room(workspace.head()).path
    for place in (workspace.tree, room):
        assert git(place, "describe", "--tags") == "v1"
        assert git(place, "cat-file", "-t", "v2") == "tag"
        assert git(place, "tag") == git(source, "tag") == "v1\nv2"
        assert git(place, "fsck", "--strict") == ""


def test_a_tag_whose_object_is_not_there_stays_out(
    manager: WorkspaceManager, order: WorkspaceSource, source: Path
) -> None:
    (source / ".git" / "refs" / "tags" / "broken").write_text("1" * 40 + "\n")
    workspace = manager.prepare_for_run(RUN, order)
    assert git(workspace.tree, "tag") == "v1"
    assert git(workspace.tree, "fsck", "--strict") == ""


def test_deleting_says_what_the_disk_got_back(
    manager: WorkspaceManager, order: WorkspaceSource, tmp_path: Path
) -> None:
    workspace = manager.prepare_for_run(RUN, order)
    (workspace.tree / "big").write_bytes(b"x" * 300_000)
    with pytest.raises(WorkspaceError, match="cancel it first"):
        manager.delete_run_workspace(RUN)
    put_run(tmp_path / "store", RUN, RunState.FAILED)
    usage = manager.usage(RUN)
    assert usage.shared > 0, "objects that the source has as well"
    assert usage.freed_by_deletion >= 300_000
    freed = manager.delete_run_workspace(RUN)
    assert (freed.bytes, freed.left_behind) == (usage.freed_by_deletion, ())
    assert manager.list() == []
    assert _leases(tmp_path) == []
    assert manager.delete_run_workspace(RUN).bytes == 0


def test_usage_counts_a_file_once_and_follows_no_link(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    (inside / "deep").mkdir(parents=True)
    outside.mkdir()
    empty = disk_usage(inside).total
    (outside / "big").write_bytes(b"x" * 100_000)
    (inside / "link").symlink_to(outside)
    (inside / "one").write_bytes(b"x" * 8192)
    (inside / "deep" / "two").hardlink_to(inside / "one")
    (inside / "shared").hardlink_to(outside / "big")
    usage = disk_usage(inside)
    big = (outside / "big").stat().st_blocks * 512
    assert usage.shared == big
    assert (
        usage.total - big - empty == (inside / "one").stat().st_blocks * 512 + (inside / "link").lstat().st_blocks * 512
    )
    assert disk_usage(tmp_path / "nowhere").total == 0
