"""The operator's repository stays as it is, and nothing that an agent leaves behind ever runs in a git call of ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentgate_engine.errors import WorkspaceError
from agentgate_engine.workspace.fetch_back import fetch_back
from agentgate_engine.workspace.manager import WorkspaceManager
from agentgate_engine.workspace.workspace import Workspace
from tests.workspace.conftest import RUN, Canary, fingerprint, git

_PROGRAMS = (
    "core.fsmonitor",
    "core.sshCommand",
    "core.gitProxy",
    "core.pager",
    "core.editor",
    "core.alternateRefsCommand",
    "diff.external",
    "filter.bird.clean",
    "filter.bird.smudge",
    "filter.bird.process",
    "diff.bird.textconv",
    "diff.bird.command",
    "merge.bird.driver",
    "uploadpack.packObjectsHook",
    "credential.helper",
    "gpg.program",
)


def _trap(directory: Path, canary: Canary) -> None:
    """All that an agent can configure in a repository of its own to have a program run."""
    canary.hooks(directory / ".git" / "hooks")
    canary.hooks(directory / "hooks")
    for name in _PROGRAMS:
        git(directory, "config", name, str(canary.script))
    git(directory, "config", "core.hooksPath", str(directory / "hooks"))
    git(directory, "config", "commit.gpgSign", "true")
    git(directory, "config", "filter.bird.required", "true")
    git(directory, "config", "remote.origin.url", f"ext::{canary.script}")
    git(directory, "config", "remote.origin.promisor", "true")
    git(directory, "config", "protocol.ext.allow", "always")
    (directory / ".gitattributes").write_text("* filter=bird diff=bird merge=bird\n")
    (directory / ".git" / "info" / "attributes").write_text("* filter=bird diff=bird\n")


def test_an_agent_that_misbehaves_in_every_way(
    manager: WorkspaceManager, workspace: Workspace, source: Path, canary: Canary, tmp_path: Path
) -> None:
    (source / "dirty").write_text("x")
    (source / "README.md").write_text("stashed\n")
    git(source, "stash")
    (source / "README.md").write_text("dirty\n")
    canary.hooks(source / ".git" / "hooks")
    before = fingerprint(source)
    canary.hush()
    start = workspace.head()

    (workspace.tree / "work.txt").write_text("one\n")
    git(workspace.tree, "add", "-A")
    git(workspace.tree, "commit", "-qm", "own work")
    (workspace.tree / "put aside.txt").write_text("one\n")
    git(workspace.tree, "stash", "-u")
    git(workspace.tree, "push", "origin", "HEAD:main", check=False)
    git(workspace.tree, "tag", "agents-tag")
    _trap(workspace.tree, canary)
    git(workspace.tree, "init", "-q", "nested")
    (workspace.tree / "nested" / "file").write_text("x")
    git(workspace.tree / "nested", "add", "-A")
    git(workspace.tree / "nested", "commit", "-qm", "nested")
    _trap(workspace.tree / "nested", canary)
    canary.hush()

    first = workspace.snapshot(1, "one", start)
    assert first.agent_commits == 1
    workspace.tree_now()
    workspace.diff(start, first.commit)
    room = workspace.clean_room(first.commit).path
    _trap(room, canary)
    canary.hush()
    (workspace.tree / "work.txt").write_text("two\n")
    second = workspace.snapshot(2, "two", first.commit)
    workspace.clean_room(second.commit)
    workspace.restore(first.commit, "x")
    manager.prepare(RUN, source, start)
    fetch_back(workspace, source, workspace.head())
    assert canary.sang == ""

    git(workspace.tree, "status", check=False)
    assert canary.sang, "the canary can sing"
    canary.hush()
    assert git(source, "rev-parse", f"agentgate/{RUN}") == first.commit
    git(source, "-c", "core.hooksPath=/dev/null", "update-ref", "-d", f"refs/heads/agentgate/{RUN}")
    after = fingerprint(source)
    for part in ("index", "refs", "stash", "status"):
        assert after[part] == before[part], part
    changed = _differing(before["files"], after["files"])
    assert all("/.git/objects/" in name for name in changed), changed


def _differing(before: object, after: object) -> set[str]:
    assert isinstance(before, dict)
    assert isinstance(after, dict)
    return {name for name in {*before, *after} if before.get(name) != after.get(name)}


def test_fetching_back_makes_one_branch_and_nothing_else(workspace: Workspace, source: Path) -> None:
    (source / "README.md").write_text("dirty\n")
    git(source, "config", "fetch.prune", "true")
    git(source, "config", "fetch.writeCommitGraph", "true")
    git(source, "config", "remote.pushDefault", "nowhere")
    before = fingerprint(source)
    (workspace.tree / "a").write_text("x")
    first = workspace.snapshot(1, "one", workspace.head())
    fetch_back(workspace, source, workspace.head())
    fetch_back(workspace, source, workspace.head())
    after = fingerprint(source)
    changed = {name for name in _differing(before["files"], after["files"]) if "/.git/objects/" not in name}
    assert changed == {str(source / ".git" / "refs" / "heads" / "agentgate" / RUN)}
    assert after["refs"] == f"{first.commit} commit\trefs/heads/agentgate/{RUN}\n{before['refs']}"
    assert (after["status"], after["stash"], after["index"]) == (before["status"], before["stash"], before["index"])
    second = workspace.snapshot(2, "two", first.commit)
    fetch_back(workspace, source, workspace.head())
    assert git(source, "rev-parse", f"agentgate/{RUN}") == second.commit


def test_a_branch_with_other_work_is_never_moved(workspace: Workspace, source: Path) -> None:
    git(source, "branch", f"agentgate/{RUN}")
    git(source, "checkout", "-q", f"agentgate/{RUN}")
    git(source, "commit", "-q", "--allow-empty", "-m", "mine")
    git(source, "checkout", "-q", "main")
    mine = git(source, "rev-parse", f"agentgate/{RUN}")
    workspace.snapshot(1, "one", workspace.head())
    with pytest.raises(WorkspaceError, match="rename it"):
        fetch_back(workspace, source, workspace.head())
    assert git(source, "rev-parse", f"agentgate/{RUN}") == mine


def test_a_branch_that_is_checked_out_is_not_moved_under_the_operator(
    workspace: Workspace, source: Path, tmp_path: Path
) -> None:
    first = workspace.snapshot(1, "one", workspace.head())
    fetch_back(workspace, source, workspace.head())
    git(source, "worktree", "add", "-q", str(tmp_path / "other"), f"agentgate/{RUN}")
    fetch_back(workspace, source, workspace.head())
    workspace.snapshot(2, "two", first.commit)
    with pytest.raises(WorkspaceError, match=r"checked out in .*other"):
        fetch_back(workspace, source, workspace.head())
    assert git(source, "rev-parse", f"agentgate/{RUN}") == first.commit


def test_a_branch_named_agentgate_is_in_the_way(workspace: Workspace, source: Path) -> None:
    git(source, "branch", "agentgate")
    with pytest.raises(WorkspaceError, match="rename it"):
        fetch_back(workspace, source, workspace.head())


def test_fetching_back_into_a_shallow_repository_and_a_worktree(
    manager: WorkspaceManager, source: Path, tmp_path: Path
) -> None:
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{source}", "shallow")
    git(source, "worktree", "add", "-q", "--detach", str(tmp_path / "linked"))
    for number, name in enumerate(("shallow", "linked"), start=1):
        place = tmp_path / name
        workspace = manager.prepare(f"abcd2345.{number}", place, git(place, "rev-parse", "HEAD"))
        (workspace.tree / "a").write_text("x")
        taken = workspace.snapshot(1, "one", workspace.head())
        fetch_back(workspace, place, workspace.head())
        assert git(place, "rev-parse", workspace.branch) == taken.commit


def test_modes_changed_all_over_the_tree_do_not_reach_the_operator(workspace: Workspace, source: Path) -> None:
    before = fingerprint(source)
    for path in [*workspace.tree.rglob("*")]:
        if path.is_file() and not path.is_symlink():
            path.chmod(0o666)
            path.write_bytes(b"garbage")
    workspace.snapshot(1, "one", workspace.head())
    assert fingerprint(source) == before


def test_what_is_delivered_is_the_commit_that_was_verified(workspace: Workspace, source: Path) -> None:
    """A check moved the run's branch in our repository, and that was what the operator got."""
    verified = workspace.snapshot(1, "work", workspace.start_commit).after_sha
    tree = git(workspace.repository, "rev-parse", f"{verified}^{{tree}}")
    identity = ("-c", "user.name=x", "-c", "user.email=x@y")
    evil = git(workspace.repository, *identity, "commit-tree", tree, "-p", verified, "-m", "evil")
    git(workspace.repository, "update-ref", workspace.ref, evil)
    note = fetch_back(workspace, source, verified)
    assert note is not None
    assert evil[:12] in note
    assert git(source, "rev-parse", workspace.ref) == verified
