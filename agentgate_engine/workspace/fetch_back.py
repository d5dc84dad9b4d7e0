"""The one write into the operator's repository: the branch of a run, and nothing else.

A source elsewhere (`git`, `github`) has its mirror in place of that repository: the branch stands there until it is
pushed or fetched from there by hand.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from agentgate_engine.errors import UsageError, WorkspaceError
from agentgate_engine.models.work_order import WorkspaceSource
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


_ANY_COMMIT = "--upload-pack=git -c uploadpack.allowAnySHA1InWant=true upload-pack"


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
    _fetch(source, workspace.repository, f"{workspace.ref}:{workspace.ref}")
    return note


def how_to_go_on(source: WorkspaceSource, branch: str) -> str:
    """The command that an operator would give next, once `branch` has been fetched back into the source."""
    place = shlex.quote(source.path)
    if source.type in ("git", "github"):
        return f"git fetch {place} {branch}"
    if source.in_place:
        return f"git -C {place} add --all && git -C {place} commit"
    return f"git -C {place} merge {branch}"


def fetch_as(repository: Path, commit: str, target: Path, branch: str) -> None:
    """Make the new branch `branch` in the operator's repository at `target`, on a commit that `repository` has. There
    already on that commit is fine.

    Nothing else changes there, as with `fetch_back`.

    Raises:
        UsageError: `branch` is no name for one, or `target` no repository.
        WorkspaceError: there is a branch of that name with other work.
    """
    source = top_of(target)
    full = f"refs/heads/{branch}"
    if branch.startswith("-") or source.run("check-ref-format", full, ok=(0, 1)).code:
        raise UsageError(f"{branch!r} cannot be the name of a branch: choose another with --branch")
    found = source.run("for-each-ref", "--format=%(objectname) %(refname)", full).text.splitlines()
    present = {name: value for value, _, name in (line.partition(" ") for line in found)}.get(full)
    if present is not None:
        if present == commit:
            return
        raise WorkspaceError(
            f"{source.directory} has a branch {branch} at {present[:12]}, and nothing is written over: choose another"
            " name with --branch"
        )
    _fetch(source, repository, f"{commit}:{full}")


def _fetch(source: Git, repository: Path, specification: str) -> None:
    # A program that the agent configured in a checkout it worked on in place must not run: hence the alternateRefs one.
    quiet = source.configured(
        ("core.logAllRefUpdates", "false"), ("fetch.showForcedUpdates", "true"), ("core.alternateRefsCommand", "true")
    )
    quiet.run("fetch", *_QUIETLY, _ANY_COMMIT, "--", str(repository), specification, deadline=600.0)


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
