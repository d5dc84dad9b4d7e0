"""How the result of a run went back to the operator: into his repository, to a remote, into a pull request."""

from __future__ import annotations

from typing import Literal

from agentgate_engine.models.git_ops import GitHubMode
from agentgate_engine.models.record import Record

GitHubOperationName = Literal["push", "create_pr", "create_branch", "add_comment", "update_pr", "create_fork"]
"""The original's five, and `create_fork`."""

CiState = Literal["pending", "passed", "failed", "timeout", "none_found"]


class GitHubOperation(Record):
    """One thing that was to be done on GitHub (upstream.md 6.3). `retried` counts the calls after the first one.

    `skipped` with `success` says that the mode is `disabled`: nothing was called.
    """

    operation: GitHubOperationName
    success: bool
    url: str | None = None
    error: str | None = None
    retried: int = 0
    mode: GitHubMode
    skipped: bool = False


class GitHubSummary(Record):
    """All operations of a delivery (upstream.md 6.5)."""

    mode: GitHubMode
    operations: list[GitHubOperation] = []
    all_succeeded: bool = True
    any_failed: bool = False
    pr_url: str | None = None
    branch_name: str

    @classmethod
    def of(
        cls, mode: GitHubMode, branch: str, operations: list[GitHubOperation], pr_url: str | None = None
    ) -> GitHubSummary:
        """The summary with its two verdicts drawn from the operations."""
        failed = any(not each.success for each in operations)
        return cls(
            mode=mode,
            operations=operations,
            all_succeeded=not failed,
            any_failed=failed,
            pr_url=pr_url,
            branch_name=branch,
        )


class CiSummary(Record):
    """What continuous integration said of the delivered commit, counted."""

    state: CiState
    commit: str
    passed: int = 0
    failed: int = 0
    pending: int = 0
    text: str
    started_at: str
    updated_at: str


class DeliveryRecord(Record):
    """`delivery.json`. Written as `intended` before anything is touched, so that a crash is told from a success.

    `target` is the operator's repository, `remote_url` (without credentials) and `repository` (`owner/name`) are where
    the branch was pushed and the pull request opened. `mode` is `branch` in files of the first version.
    """

    run_id: str
    mode: Literal["branch", "local", "push", "pr", "fork"] = "branch"
    state: Literal["intended", "delivered", "failed"]
    branch: str
    commit: str
    target: str
    remote_url: str | None = None
    repository: str | None = None
    pull_request: int | None = None
    github: GitHubSummary | None = None
    ci: CiSummary | None = None
    warnings: list[str] = []
    error: str | None = None
    next_step: str | None = None
    updated_at: str
