"""How a result is delivered: into the repository it came from, as a pushed branch, or as a pull request."""

from __future__ import annotations

import re
from enum import StrEnum
from urllib.parse import urlsplit

from pydantic import Field

from agentgate_engine.errors import UsageError
from agentgate_engine.models.build_error import BuildErrorType
from agentgate_engine.models.record import Record
from agentgate_engine.models.retry import RetryPolicy

GITHUB_RETRY = RetryPolicy(max_attempts=3, initial_backoff_ms=2000, retryable_errors=[BuildErrorType.GITHUB_ERROR])
"""How a push and a call of GitHub's are repeated (upstream.md 6.4)."""

_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,99}/[A-Za-z0-9._-]{1,100}\Z")
_REVIEWER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}(/[A-Za-z0-9._-]{1,100})?\Z")
_BRANCH = re.compile(r"(?![-/.])(?!.*(\.\.|//|@\{|\.lock(/|\Z)))[^\x00-\x20\x7f~^:?*\[\\]{1,200}(?<![/.])\Z")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class GitMode(StrEnum):
    """`local` fetches the branch back; `push` also pushes it; `pr` and `fork` open a pull request from it."""

    LOCAL = "local"
    PUSH = "push"
    PR = "pr"
    FORK = "fork"


class GitHubMode(StrEnum):
    """What a failed push or pull request means for the run."""

    FAIL_FAST = "fail_fast"
    BEST_EFFORT = "best_effort"
    DISABLED = "disabled"


GIT_MODE_NAMES = {
    "local": GitMode.LOCAL,
    "direct": GitMode.LOCAL,
    "push": GitMode.PUSH,
    "push_only": GitMode.PUSH,
    "branch": GitMode.PUSH,
    "pr": GitMode.PR,
    "github_pr": GitMode.PR,
    "fork": GitMode.FORK,
}
"""Both vocabularies of the original beside ours."""


def git_mode_of(name: str) -> GitMode:
    """The mode that a name of any vocabulary means.

    Raises:
        UsageError: no such mode.
    """
    if name not in GIT_MODE_NAMES:
        raise UsageError(f"no git mode {name!r}; there are {', '.join(GIT_MODE_NAMES)}")
    return GIT_MODE_NAMES[name]


def default_github_mode(name: str) -> GitHubMode:
    """`pr` and `fork` fail fast, `local` does nothing on GitHub, everything else tries (upstream.md 6.2)."""
    match GIT_MODE_NAMES.get(name):
        case GitMode.PR | GitMode.FORK:
            return GitHubMode.FAIL_FAST
        case GitMode.LOCAL:
            return GitHubMode.DISABLED
        case _:
            return GitHubMode.BEST_EFFORT


class GitOps(Record):
    """What to do with a verified branch.

    `remote` is a name in the operator's repository or a URL without credentials; `base` the branch that a pull request
    is for (default: the one the work started from, where GitHub has it, else GitHub's default branch). `repository` is
    `owner/name`, where the remote does not tell it. A reviewer is a login, or a team as `organisation/team`.
    """

    mode: GitMode = GitMode.LOCAL
    github_mode: GitHubMode = GitHubMode.DISABLED
    remote: str = "origin"
    base: str | None = None
    repository: str | None = None
    api_url: str = "https://api.github.com"
    title: str | None = None
    body: str | None = None
    draft: bool = True
    labels: list[str] = []
    reviewers: list[str] = []
    wait_for_ci: bool = False
    ci_poll_seconds: float = Field(default=30, gt=0)
    ci_timeout_seconds: float = Field(default=1800, gt=0)
    max_ci_iterations: int = Field(default=3, ge=1, le=20)


def checked_git_ops(ops: GitOps) -> GitOps:
    """`ops` as they were, when nothing in them can only fail later.

    Raises:
        UsageError: the message names the option and what it takes.
    """
    remote = urlsplit(ops.remote) if "://" in ops.remote else None
    if not ops.remote or ops.remote.startswith("-") or not ops.remote.isprintable():
        raise UsageError(f"--remote takes the name of a remote or a URL, not {ops.remote!r}")
    if remote and (remote.password or (remote.username and remote.scheme in ("http", "https"))):
        raise UsageError("--remote has a user or a password in its URL: leave it out, and give a token by environment")
    api = urlsplit(ops.api_url)
    if api.scheme not in ("http", "https") or not api.hostname or api.query or api.fragment:
        raise UsageError(f"--github-api takes a URL such as https://github.example.org/api/v3, not {ops.api_url!r}")
    if api.username or api.password:
        raise UsageError(
            "--github-api has a user or a password in its URL: leave it out, and give a token by environment"
        )
    if api.scheme == "http" and api.hostname not in _LOOPBACK:
        raise UsageError(f"--github-api {ops.api_url} would send the token in the open: give a URL with https")
    if ops.repository is not None and not _REPOSITORY.match(ops.repository):
        raise UsageError(f"--github-repo takes OWNER/NAME, not {ops.repository!r}")
    if ops.base is not None and not _BRANCH.match(ops.base):
        raise UsageError(f"--base takes the name of a branch, not {ops.base!r}")
    for label in ops.labels:
        if not label.strip() or not label.isprintable() or len(label) > 50:
            raise UsageError(f"--label takes up to 50 characters, not {label!r}")
    for reviewer in ops.reviewers:
        if not _REVIEWER.match(reviewer):
            raise UsageError(f"--reviewer takes a login, or a team as ORGANISATION/TEAM, not {reviewer!r}")
    if ops.wait_for_ci and (ops.mode not in (GitMode.PR, GitMode.FORK) or ops.github_mode is GitHubMode.DISABLED):
        raise UsageError(
            "--wait-for-ci needs a pull request: add --deliver pr (or fork), and no --github-mode disabled"
        )
    return ops
