"""Working in the operator's own checkout: his files, never his repository, and nothing of his lost."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from agentgate_engine.errors import SnapshotError, UsageError, WorkspaceError
from agentgate_engine.models.run_state import RunState
from agentgate_engine.models.work_order import WorkspaceSource
from agentgate_engine.workspace.fetch_back import fetch_back, how_to_go_on
from agentgate_engine.workspace.lease import LeaseHeld
from agentgate_engine.workspace.manager import WorkspaceManager
from agentgate_engine.workspace.resolved_source import SourceRequest, resolve_source
from agentgate_engine.workspace.source import save_uncommitted
from agentgate_engine.workspace.workspace import Workspace
from tests.workspace.conftest import RUN, Canary, content_of, git, put_run

OTHER = "bcde2345.1"


@pytest.fixture
def store(tmp_path: Path, manager: WorkspaceManager) -> Path:
    for run_id in (RUN, OTHER):
        put_run(tmp_path / "store", run_id, RunState.BUILDING)
    return tmp_path / "store"


@pytest.fixture
def order(source: Path, store: Path) -> WorkspaceSource:
    request = SourceRequest(path=source, in_place=True)
    return resolve_source(request, store / "mirrors", os.environ).record()


@pytest.fixture
def here(manager: WorkspaceManager, order: WorkspaceSource) -> Workspace:
    return manager.prepare_for_run(RUN, order)


def _git_of(source: Path) -> dict[str, bytes]:
    """Every file of the operator's repository."""
    return {str(path): path.read_bytes() for path in (source / ".git").rglob("*") if path.is_file()}


def test_the_run_works_on_the_operators_files_and_not_on_his_repository(
    manager: WorkspaceManager, here: Workspace, source: Path, store: Path
) -> None:
    """upstream.md 8.6: in place, one lease on the real path; none after the run."""
    before = _git_of(source)
    assert here.tree == source
    assert [lease.path for lease in manager.leases.all()] == [str(source)]
    (source / "README.md").write_text("new\n")
    (source / "added").write_text("x")
    first = here.snapshot(1, "one", here.head())
    assert [file.path for file in first.files] == ["README.md", "added"]
    assert first.notes == []
    room = here.clean_room(first.commit).path
    assert room != source
    assert (room / "README.md").read_text() == "new\n"
    here.tree_now()
    assert manager.status(RUN).state == "active"
    assert manager.prepare_for_run(RUN, manager_order(source, first.before_sha)) == here
    assert manager.remove(RUN, keep_repository=True) == []
    assert (source / "README.md").read_text() == "new\n", "the work stays where it was done"
    assert manager.delete_run_workspace(RUN).left_behind == ()
    assert (source / "added").exists()
    assert list((store / "leases").iterdir()) == []
    assert _git_of(source) == before


def manager_order(source: Path, base: str) -> WorkspaceSource:
    return WorkspaceSource(path=str(source), base_commit=base, in_place=True)


def test_a_second_run_in_the_same_checkout_has_to_wait(
    manager: WorkspaceManager, here: Workspace, order: WorkspaceSource, store: Path, tmp_path: Path, source: Path
) -> None:
    """upstream.md 8.6: two orders on one directory exclude each other; a clone of it does not."""
    (tmp_path / "link").symlink_to(source)
    for path in (source, tmp_path / "link"):
        with pytest.raises(LeaseHeld) as caught:
            manager.prepare_for_run(OTHER, order.model_copy(update={"path": str(path)}))
        assert caught.value.holder == RUN
    assert manager.list() == [RUN]
    assert manager.prepare_for_run(OTHER, order.model_copy(update={"in_place": False})).tree != source
    manager.remove(OTHER, keep_repository=False)
    put_run(store, RUN, RunState.SUCCEEDED)
    assert manager.prepare_for_run(OTHER, order).tree == source, "a run that is over holds nothing"


def test_a_dirty_checkout_is_refused_unless_it_is_welcome(
    manager: WorkspaceManager, source: Path, store: Path, tmp_path: Path
) -> None:
    (source / "README.md").write_text("mine\n")
    (source / "mine").write_text("x")
    with pytest.raises(UsageError, match=r"README\.md, mine.*--include-dirty"):
        resolve_source(SourceRequest(path=source, in_place=True), store / "mirrors", os.environ)
    request = SourceRequest(path=source, in_place=True, include_dirty=True)
    found = resolve_source(request, store / "mirrors", os.environ)
    save_uncommitted(source, tmp_path / "patch")
    here = manager.prepare_for_run(RUN, found.record(patch="patch"), tmp_path / "patch")
    assert here.start_commit != here.base_commit
    assert here.read_file_at(here.start_commit, "mine") == b"x"
    assert here.snapshot(1, "one", here.head()).files_changed == 0, "what was there is not the agent's work"


def test_a_checkout_that_changed_before_the_run_began_is_refused(
    manager: WorkspaceManager, order: WorkspaceSource, source: Path, store: Path
) -> None:
    (source / "README.md").write_text("edited while it waited\n")
    with pytest.raises(WorkspaceError, match=r"uncommitted changes.*README\.md"):
        manager.prepare_for_run(RUN, order)
    git(source, "commit", "-qam", "third")
    with pytest.raises(WorkspaceError, match="submit the order again"):
        manager.prepare_for_run(RUN, order)
    assert (source / "README.md").read_text() == "edited while it waited\n"
    assert manager.list() == []
    assert list((store / "leases").iterdir()) == []


def test_a_restore_loses_nothing_of_the_operators(here: Workspace, source: Path) -> None:
    """upstream.md 8.5: restoring is explicit, and here what stood there is always kept first."""
    start = here.head()
    (source / "a").write_text("agent\n")
    first = here.snapshot(1, "one", start)
    (source / "a").write_text("half\n")
    (source / "src" / "main.py").unlink()
    (source / "notes.txt").write_text("written by hand meanwhile\n")
    (source / "x.cache").write_text("ignored\n")
    (source / "build").mkdir()
    (source / "build" / "out").write_text("ignored\n")
    (source / "empty").mkdir()
    git(source, "init", "-q", "nested")
    (source / "nested" / "file").write_text("not ours\n")
    os.mkfifo(source / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(source / "socket"))
    before = _git_of(source)
    restored = here.restore(first.commit)
    assert restored.kept is not None
    assert here.read_file_at(restored.kept, "notes.txt") == b"written by hand meanwhile\n"
    assert here.read_file_at(restored.kept, "a") == b"half\n"
    assert (source / "a").read_text() == "agent\n"
    assert (source / "src" / "main.py").exists()
    assert not (source / "notes.txt").exists()
    for name in ("x.cache", "build/out", "nested/.git", "nested/file", "pipe", "socket", "empty"):
        assert (source / name).exists(), name
    assert _git_of(source) == before
    assert here.head() == first.commit


def test_every_restore_keeps_what_it_found_under_a_name_of_its_own(here: Workspace, source: Path) -> None:
    start = here.head()
    for text in ("one\n", "two\n", "one\n"):
        (source / "a").write_text(text)
        here.restore(start, "1-agent-1-1")
    names = {state.name: here.read_file_at(state.commit, "a") for state in here.kept_states()}
    assert names == {"start": None, "1-agent-1-1": b"one\n", "1-agent-1-1-2": b"two\n"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_what_cannot_be_kept_is_not_thrown_away(here: Workspace, source: Path) -> None:
    start = here.head()
    (source / "README.md").write_text("secret\n")
    (source / "README.md").chmod(0)
    with pytest.raises(SnapshotError, match="not everything there can be kept"):
        here.restore(start)


def test_a_state_that_was_put_aside_outlives_the_delivery(
    manager: WorkspaceManager, here: Workspace, source: Path
) -> None:
    """It may hold files of the operator's that nothing else has."""
    (source / "mine").write_text("by hand")
    here.restore(here.head())
    assert manager.remove(RUN, keep_repository=False) == []
    assert [state.name for state in manager.list_kept(RUN)] == ["start", "before-restore"]
    manager.delete_run_workspace(RUN)
    assert manager.list() == []


def test_what_the_agent_commits_in_the_checkout_is_told(here: Workspace, source: Path) -> None:
    """upstream.md 2.5: self-commits counted, in place as well."""
    (source / "a").write_text("x")
    first = here.snapshot(1, "one", here.head())
    assert first.agent_commits == 0
    (source / "b").write_text("x")
    git(source, "add", "b")
    git(source, "commit", "-qm", "own")
    second = here.snapshot(2, "two", first.commit)
    assert (second.agent_commits, [file.path for file in second.files]) == (1, ["b"])
    assert "on its branch there" in second.notes[0]
    assert here.snapshot(3, "three", second.commit).agent_commits == 0


def test_the_branch_of_the_run_comes_back_with_its_history(here: Workspace, source: Path) -> None:
    (source / "a").write_text("x")
    taken = here.snapshot(1, "one", here.head())
    status, index = git(source, "status", "--porcelain"), (source / ".git" / "index").read_bytes()
    assert fetch_back(here, source, taken.commit) is None
    assert git(source, "rev-parse", f"agentgate/{RUN}") == taken.commit
    assert git(source, "status", "--porcelain") == status == "?? a"
    assert (source / ".git" / "index").read_bytes() == index
    assert "add --all" in how_to_go_on(manager_order(source, here.base_commit), here.branch)


def test_programs_that_the_agent_configured_in_the_checkout_do_not_run(
    manager: WorkspaceManager, here: Workspace, source: Path, canary: Canary, tmp_path: Path
) -> None:
    git(tmp_path, "clone", "-q", "--bare", str(source), "lender")
    (source / ".git" / "objects" / "info" / "alternates").write_text(str(tmp_path / "lender" / "objects") + "\n")
    canary.hooks(source / ".git" / "hooks")
    for key in ("core.fsmonitor", "core.alternateRefsCommand", "filter.bird.clean", "filter.bird.smudge"):
        git(source, "config", key, str(canary.script))
    (source / ".gitattributes").write_text("* filter=bird\n")
    (source / "a").write_text("x")
    canary.hush()
    first = here.snapshot(1, "one", here.head())
    here.restore(here.start_commit)
    here.restore(first.commit)
    fetch_back(here, source, first.commit)
    manager.status(RUN)
    assert canary.sang == ""
    git(source, "status", check=False)
    assert canary.sang, "the canary can sing"


def test_a_checkout_whose_repository_is_gone_keeps_its_files(here: Workspace, source: Path, tmp_path: Path) -> None:
    (source / ".git").rename(tmp_path / "gone")
    (source / "a").write_text("x")
    taken = here.snapshot(1, "one", here.head())
    assert [file.path for file in taken.files] == ["a"]
    assert len(taken.notes) == 1
    assert "is gone" in taken.notes[0]
    assert not (source / ".git").exists(), "nothing is made in its place"


def test_a_linked_worktree_is_a_checkout_too(
    manager: WorkspaceManager, source: Path, store: Path, tmp_path: Path
) -> None:
    place = tmp_path / "linked"
    git(source, "worktree", "add", "-q", "-b", "side", str(place))
    order = resolve_source(SourceRequest(path=place, in_place=True), store / "mirrors", os.environ).record()
    here = manager.prepare_for_run(RUN, order)
    (place / "a").write_text("x")
    git(place, "add", "a")
    git(place, "commit", "-qm", "own")
    taken = here.snapshot(1, "one", here.head())
    assert (taken.agent_commits, taken.files_changed) == (1, 1)
    here.restore(here.start_commit)
    assert content_of(place) == content_of(source)


def test_what_cannot_be_put_back_is_not_worked_on(source: Path, store: Path, tmp_path: Path) -> None:
    (source / ".gitmodules").write_text("")
    git(source, "add", "-A")
    git(source, "commit", "-qm", "modules")
    with pytest.raises(UsageError, match="submodules"):
        resolve_source(SourceRequest(path=source, in_place=True), store / "mirrors", os.environ)
    git(source, "rm", "-qf", ".gitmodules")
    (source / ".gitattributes").write_text("*.bin filter=lfs\n")
    git(source, "add", "-A")
    git(source, "commit", "-qm", "lfs")
    with pytest.raises(UsageError, match="Git LFS"):
        resolve_source(SourceRequest(path=source, in_place=True), store / "mirrors", os.environ)


def test_a_store_inside_the_checkout_is_refused(source: Path) -> None:
    (source / "store").mkdir()
    put_run(source / "store", RUN, RunState.LEASED)
    manager = WorkspaceManager(source / "store" / "workspaces")
    with pytest.raises(WorkspaceError, match="--home"):
        manager.prepare_for_run(RUN, manager_order(source, git(source, "rev-parse", "HEAD")))
    assert manager.list() == []
    assert (source / "README.md").exists()


def test_an_option_that_would_do_nothing_is_refused(tmp_path: Path, source: Path) -> None:
    for request, option in (
        (SourceRequest("git", url="/x", in_place=True), "--in-place"),
        (SourceRequest("github", repository="o/r", include_dirty=True), "--include-dirty"),
        (SourceRequest(path=source, branch="main"), "--git-branch"),
        (SourceRequest(path=source, template="python"), "--template"),
        (SourceRequest("git", url="/x", project_name="x"), "--project-name"),
        (SourceRequest("fresh"), "--project-name"),
        (SourceRequest(), "--path"),
    ):
        with pytest.raises(UsageError, match=option):
            resolve_source(request, tmp_path / "mirrors", os.environ)


def test_a_directory_without_a_repository_is_refused_with_the_way_on(tmp_path: Path) -> None:
    """upstream.md 2.8: --path takes a repository, and says how to make one."""
    (tmp_path / "plain").mkdir()
    with pytest.raises(UsageError, match="git init"):
        resolve_source(SourceRequest(path=tmp_path / "plain"), tmp_path / "mirrors", os.environ)


def test_submodules_and_lfs_are_told(source: Path, tmp_path: Path) -> None:
    (source / ".gitmodules").write_text("")
    (source / ".gitattributes").write_text("*.bin filter=lfs\n")
    git(source, "add", "-A")
    git(source, "commit", "-qm", "both")
    (tmp_path / "store").mkdir()
    local = resolve_source(SourceRequest(path=source), tmp_path / "store" / "mirrors", os.environ)
    mirrored = resolve_source(SourceRequest("git", url=str(source)), tmp_path / "store" / "mirrors", os.environ)
    assert len(local.notes) == 2
    assert local.notes == mirrored.notes
