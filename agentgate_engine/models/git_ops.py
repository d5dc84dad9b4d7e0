"""How a result is delivered: into the repository it came from, as a pushed branch, or as a pull request."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from agentgate_engine.errors import UsageError
from agentgate_engine.models.record import Record


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
    is for (default: the one the work started from). `repository` is `owner/name`, where the remote does not tell it.
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
