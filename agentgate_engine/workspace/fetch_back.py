"""The one write into the operator's repository: the branch of a run, and nothing else."""

from __future__ import annotations

from pathlib import Path

from agentgate_engine.errors import WorkspaceError
from agentgate_engine.workspace.git import Git
from agentgate_engine.workspace.source import top_of
from agentgate_engine.workspace.workspace import Workspace

_QUIETLY = (
    "--quiet",
    "--no-tags",
    "--no-prune",
    "--no-write-fetch-head",
    "--no-auto-maintenance",
    "--no-recurse-submodules",
    "--no-write-commit-graph",
    "--refmap=",
)


def fetch_back(workspace: Workspace, source_path: Path, tip: str) -> str | None:
    """Create, or move forward, the branch `agentgate/{runId}` in the operator's repository. Doing it again is fine.

    No hook runs there, and neither HEAD, index, files, tags, stash, configuration nor FETCH_HEAD change.

    `tip` is the commit that was verified. Checks run what an agent wrote, next to our repository: a branch that they
    moved is moved back, and the note that is returned says so.

    Raises:
        WorkspaceError: the branch is there with work that is not ours, or is checked out; nothing was changed.
    """
    source = top_of(source_path)
    found_at, note = workspace.head(), None
    if found_at != tip:
        note = (
            f"the run's branch stood at {found_at[:12]} and not at the verified {tip[:12]}; the verified commit counts"
        )
        workspace.git.run("update-ref", workspace.ref, tip)
    # `rev-parse` would take a tag or a file of the name as well.
    found = source.run("for-each-ref", "--format=%(objectname) %(refname)", "refs/heads/agentgate").text.splitlines()
    branches = {name: value for value, _, name in (line.partition(" ") for line in found)}
    if "refs/heads/agentgate" in branches:
        raise WorkspaceError(
            f"{source.directory} has a branch named agentgate, which leaves no room for {workspace.branch}: rename it"
        )
    present = branches.get(workspace.ref)
    if present == tip:
        return note
    if present and workspace.git.run("merge-base", "--is-ancestor", present, tip, ok=(0, 1, 128)).code:
        raise WorkspaceError(
            f"{source.directory} has a branch {workspace.branch} at {present[:12]} with other commits than those"
            " of this run: rename it, then deliver again"
        )
    place = _checked_out(source, workspace.ref)
    if place:
        raise WorkspaceError(
            f"{workspace.branch} is checked out in {place}: check out another branch there, then deliver again"
        )
    specification = f"{workspace.ref}:{workspace.ref}"
    quiet = source.configured(("core.logAllRefUpdates", "false"), ("fetch.showForcedUpdates", "true"))
    quiet.run("fetch", *_QUIETLY, "--", str(workspace.repository), specification, deadline=600.0)
    return note


def _checked_out(source: Git, ref: str) -> str | None:
    """The working directory that has `ref` checked out, if one has."""
    place = ""
    for line in source.run("worktree", "list", "--porcelain").text.splitlines():
        word, _, value = line.partition(" ")
        if word == "worktree":
            place = value
        elif word == "branch" and value == ref:
            return place
    return None
