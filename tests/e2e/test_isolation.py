"""A2: nothing an agent does in its workspace changes the operator's repository, but for the one branch of the run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agentgate_engine.models.ids import RunId

from .shop import shop_files, write_agent
from .site import Site, git


def operators_state(repository: Path) -> dict[str, object]:
    """All that must stay: every file with its mode and bytes, objects and the runs' own branches aside."""
    private = repository / ".git"
    files: dict[str, tuple[int, bytes]] = {}
    for directory, names, found in os.walk(repository):
        here = Path(directory)
        for skipped in (private / "objects", private / "refs" / "heads" / "agentgate"):
            if here == skipped.parent and skipped.name in names:
                names.remove(skipped.name)
        for name in found:
            path = here / name
            files[str(path.relative_to(repository))] = (path.lstat().st_mode, path.read_bytes())
    refs = git(repository, "for-each-ref").split("\n")
    return {
        "files": files,
        "index written": (private / "index").stat().st_mtime_ns,
        "refs": [ref for ref in refs if "refs/heads/agentgate/" not in ref],
        "stash": git(repository, "stash", "list"),
        "config": git(repository, "config", "--local", "--list"),
        "head": git(repository, "rev-parse", "HEAD"),
        "status": git(repository, "status", "--porcelain=v2", "--branch"),
    }


@pytest.fixture
def lived_in(site: Site) -> Site:
    """A repository as operators have them: a tag, a side branch, a stash, a hook, uncommitted work."""
    site.make_repository(shop_files())
    git(site.repository, "tag", "v1")
    git(site.repository, "branch", "side")
    (site.repository / "docs" / "notes.md").write_text("stashed\n")
    git(site.repository, "stash")
    hook = site.repository / ".git" / "hooks" / "reference-transaction"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {site.root}/operators-hook-ran\n")
    hook.chmod(0o755)
    (site.repository / "shop" / "people.py").write_text("in the middle of something\n")
    (site.repository / "scratch.txt").write_text("untracked\n")
    git(site.repository, "add", "-N", "scratch.txt")
    (site.root / "operators-hook-ran").unlink(missing_ok=True)
    return site


@pytest.mark.parametrize("vandal", [False, True], ids=["a quiet agent", "an agent that tries to break things"])
def test_the_operators_repository_is_as_before_but_for_the_branch(lived_in: Site, vandal: bool) -> None:
    before = operators_state(lived_in.repository)
    command = write_agent(lived_in.root, vandal=vandal)
    done = lived_in.agentgate("run", "-p", "mend the shop", "-a", "command", "--command", command, "--json")
    assert done.code == 0, done.err
    run_id = RunId(done.document["runId"])
    assert operators_state(lived_in.repository) == before
    assert not (lived_in.root / "operators-hook-ran").exists()
    assert not (lived_in.root / "home" / "vandal-hook-ran").exists()
    lived_in.assert_ended_well(run_id)
    assert git(lived_in.repository, "rev-list", "--count", f"main..agentgate/{run_id}") == "2"
    assert "return sum(numbers)\n" in git(lived_in.repository, "show", f"agentgate/{run_id}:shop/stock.py") + "\n"
    git(lived_in.repository, "fsck", "--connectivity-only")


def test_a_failed_run_leaves_no_branch_and_keeps_its_work(lived_in: Site) -> None:
    before = operators_state(lived_in.repository)
    done = lived_in.agentgate("run", "-p", "x", "-a", "command", "--command", "echo try >> README.md", "--json")
    assert done.code == 1
    assert operators_state(lived_in.repository) == before
    assert git(lived_in.repository, "branch", "--list", "agentgate/*") == ""
    run_id = RunId(done.document["runId"])
    lived_in.assert_ended_well(run_id, "failed_verification")
    kept = lived_in.home / "workspaces" / run_id
    assert kept.is_dir(), "the snapshots of a failed run are kept"
