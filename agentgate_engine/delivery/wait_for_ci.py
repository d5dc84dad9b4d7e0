"""The wait for continuous integration as a run takes it: events on the way, a verdict and its record at the end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from agentgate_engine.clock import Clock, to_stamp
from agentgate_engine.delivery.ci_verdict import CiVerdict
from agentgate_engine.delivery.github_client import github_client
from agentgate_engine.delivery.poll_ci import CiWait, poll_ci
from agentgate_engine.delivery.remote import git_host_of
from agentgate_engine.delivery.token import Token, no_token
from agentgate_engine.models.delivery import CiSummary
from agentgate_engine.models.events import CiPolled
from agentgate_engine.models.git_ops import GitOps


async def wait_for_ci(
    ops: GitOps,
    token: Token | None,
    repository: str,
    sha: str,
    *,
    since: float,
    told: Callable[[CiPolled], Awaitable[None]],
    sleep: Callable[[float], Awaitable[None]],
    clock: Clock = Clock(),  # noqa: B008 - a clock has no state
) -> CiVerdict:
    """Poll as the order says. `since` is when this wait began (epoch seconds), an earlier engine's part included.

    Raises:
        GitHubError: GitHub will not show the checks.
    """
    if token is None:
        raise no_token(git_host_of(ops.api_url), "waiting for continuous integration")
    wait = CiWait(since=since, interval_s=ops.ci_poll_seconds, timeout_s=ops.ci_timeout_seconds)

    async def tell(verdict: CiVerdict) -> None:
        await told(ci_polled(verdict))

    async with github_client(ops.api_url, token, clock=clock) as client:
        return await poll_ci(client, repository, sha, wait, told=tell, sleep=sleep, clock=clock)


def ci_polled(verdict: CiVerdict) -> CiPolled:
    """The event for what one look found."""
    return CiPolled(
        state=verdict.state,
        url=verdict.url,
        passed=verdict.count("passed"),
        failed=verdict.count("failed"),
        pending=verdict.unfinished,
        text=verdict.text,
    )


def ci_summary(verdict: CiVerdict, *, since: float, now: float) -> CiSummary:
    """The record of a wait, for `delivery.json`. Times are epoch seconds."""
    return CiSummary(
        state=verdict.state,
        commit=verdict.sha,
        passed=verdict.count("passed"),
        failed=verdict.count("failed"),
        pending=verdict.unfinished,
        text=verdict.text,
        started_at=to_stamp(since),
        updated_at=to_stamp(now),
    )
