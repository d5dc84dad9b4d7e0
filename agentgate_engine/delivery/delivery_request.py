"""What a delivery to GitHub is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeVar

from agentgate_engine.delivery.pull_request_text import PullRequestFacts
from agentgate_engine.errors import GitHubError
from agentgate_engine.models.delivery import GitHubOperation, GitHubSummary
from agentgate_engine.models.git_ops import GitHubMode, GitMode, GitOps
from agentgate_engine.store.masking import mask_within
from agentgate_engine.workspace.workspace import Workspace

T = TypeVar("T")


class CallWithRetries(Protocol):
    """Calls until it works or must not be called again, and gives the value with the number of retries.

    `call` raises GitHubError, whose `retryable` and `retry_after_s` (the least wait, in seconds) count.
    """

    async def __call__(self, operation: str, call: Callable[[], Awaitable[T]]) -> tuple[T, int]: ...


@dataclass(frozen=True, slots=True)
class DeliveryRequest:
    """What to deliver. `commit` is the verified one; `source` the operator's repository; `base_branch` the branch there
    that the work started from. `replaces` is what this run pushed before, if it did. `again` says that an earlier
    delivery of the run came to its end: labels and reviewers are then as people want them."""

    ops: GitOps
    workspace: Workspace
    source: Path
    commit: str
    base_branch: str | None
    facts: PullRequestFacts
    replaces: str | None = None
    again: bool = False

    @property
    def branch(self) -> str:
        return self.workspace.branch


@dataclass(frozen=True, slots=True)
class DeliveryOutcome:
    """`fatal` is set when the mode says that the run fails; `warnings` is what the operator has to be told."""

    summary: GitHubSummary
    fatal: GitHubError | None = None
    warnings: tuple[str, ...] = ()
    remote_url: str | None = None
    repository: str | None = None
    pull_request: int | None = None

    @classmethod
    def refused(cls, request: DeliveryRequest, fault: GitHubError) -> DeliveryOutcome:
        """A delivery that could not begin, told as its mode says."""
        mode = request.ops.github_mode
        first = "create_fork" if request.ops.mode is GitMode.FORK else "push"
        failed = GitHubOperation(operation=first, success=False, error=str(fault), mode=mode)
        fatal = fault if mode is GitHubMode.FAIL_FAST else None
        return cls(GitHubSummary.of(mode, request.branch, [failed]), fatal, () if fatal else (str(fault),))

    def masked(self, mask: Callable[[str], str]) -> DeliveryOutcome:
        """The same without secrets, for events and records: what git and servers say goes into its errors."""
        told = mask_within(self.summary.model_dump(mode="json", by_alias=True), mask)
        fatal = self.fatal
        if fatal is not None:
            fatal = GitHubError(
                mask(str(fatal)), status=fatal.status, retryable=fatal.retryable, retry_after_s=fatal.retry_after_s
            )
        return replace(
            self,
            summary=GitHubSummary.model_validate(told),
            fatal=fatal,
            warnings=tuple(mask(warning) for warning in self.warnings),
        )
