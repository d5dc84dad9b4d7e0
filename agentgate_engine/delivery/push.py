"""The push of one verified commit to one branch, and of nothing else."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from pathlib import Path

from agentgate_engine.delivery.hostile_text import one_line
from agentgate_engine.delivery.network_git import git_for
from agentgate_engine.delivery.push_fault import push_fault
from agentgate_engine.delivery.remote import Remote
from agentgate_engine.delivery.token import Token
from agentgate_engine.errors import GitHubError, WorkspaceError
from agentgate_engine.workspace.git import Git, GitTimeout
from agentgate_engine.workspace.workspace import Workspace

PUSH_DEADLINE_S = 600.0

_EVERY_CODE = tuple(range(-64, 256))
_NOTHING_ELSE = (
    "--porcelain",
    "--no-verify",
    "--no-follow-tags",
    "--no-signed",
    "--recurse-submodules=no",
    "--no-progress",
)


@dataclass(frozen=True, slots=True)
class PushPlace:
    """The repository that has the commit: the run's own, or the operator's after the run's is gone."""

    git_dir: Path
    busy: Path | None


@dataclass(frozen=True, slots=True)
class Pushed:
    """`url` has no secret in it. `already_there`: the branch stood at the commit before."""

    url: str
    branch: str
    commit: str
    already_there: bool


def place_of(workspace: Workspace, source: Path, commit: str) -> PushPlace:
    """Where to push `commit` from.

    Raises:
        GitHubError: neither repository has it.
    """
    if workspace.repository.is_dir() and _has(workspace.git, commit):
        return PushPlace(workspace.repository, workspace.busy)
    operators = Git.operators(source)
    if source.is_dir() and _has(operators, commit):
        return PushPlace(Path(operators.run("rev-parse", "--path-format=absolute", "--git-common-dir").text), None)
    raise GitHubError(
        f"the verified commit {commit[:12]} is neither in the run's repository nor in {source}: requeue the order"
    )


def push_branch(
    place: PushPlace,
    remote: Remote,
    branch: str,
    commit: str,
    *,
    source: Path,
    token: Token | None,
    api_url: str,
    replaces: str | None = None,
    deadline: float = PUSH_DEADLINE_S,
    stopped: threading.Event | None = None,
) -> Pushed:
    """Make `refs/heads/{branch}` on the remote be `commit`. Blocks. Doing it again is fine.

    Our hooks, tags and submodules stay out of it. A branch there only moves forward, except from `replaces`, the
    commit that this run itself pushed before: from that one it may go anywhere. `deadline` is in seconds;
    `stopped` ends it before.

    Raises:
        GitHubError: it was refused (final), or the network is in the way (retryable).
    """
    ref = f"refs/heads/{branch}"
    git = git_for(
        remote,
        git_dir=place.git_dir,
        busy=place.busy,
        source=source,
        token=token,
        api_url=api_url,
        deadline=deadline,
    )
    lease = ()
    if (
        replaces
        and replaces != commit
        and git.run("merge-base", "--is-ancestor", replaces, commit, ok=(0, 1, 128)).code
    ):
        lease = (f"--force-with-lease={ref}:{replaces}",)
    try:
        ended = replace(git, stopped=stopped).run(
            "push", *_NOTHING_ELSE, *lease, "--", remote.url, f"{commit}:{ref}", ok=_EVERY_CODE
        )
    except GitTimeout:
        message = (
            f"cannot push {branch} to {one_line(remote.url, 200)}: it took longer than {deadline:g} s and was ended"
        )
        raise GitHubError(message, retryable=True) from None
    except WorkspaceError as fault:
        raise GitHubError(f"cannot push {branch}: {fault}") from fault
    if ended.code:
        said = (ended.stdout + b"\n" + ended.stderr).decode("utf-8", "replace")
        for secret in filter(None, (token, remote.secret)):
            said = secret.hide_in(said)
        raise push_fault(ended.code, said, url=remote.url, branch=branch)
    there = any(line.startswith(b"=\t") for line in ended.stdout.splitlines())
    return Pushed(remote.url, branch, commit, already_there=there)


def _has(git: Git, commit: str) -> bool:
    return git.run("cat-file", "-e", f"{commit}^{{commit}}", ok=(0, 1, 128)).code == 0
