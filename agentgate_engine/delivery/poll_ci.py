"""Waiting for continuous integration: GitHub is asked again and again until it has a verdict or the time is over."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from agentgate_engine.clock import Clock
from agentgate_engine.delivery.api_answers import WorkflowRun
from agentgate_engine.delivery.ci_verdict import CiFinding, CiVerdict, judge, timed_out, with_marks
from agentgate_engine.delivery.github_client import GitHubClient
from agentgate_engine.errors import GitHubError

GRACE_S = 60.0
"""How long checks may take to appear before none are expected."""

MAX_ANNOTATED = 5
"""Failed checks whose annotations are fetched, one request each."""


@dataclass(frozen=True, slots=True)
class CiWait:
    """How to wait, in seconds. `since` is when waiting began (epoch): an engine that takes over waits only the rest."""

    since: float
    interval_s: float = 30.0
    timeout_s: float = 1800.0
    grace_s: float = GRACE_S


async def poll_ci(
    client: GitHubClient,
    repository: str,
    sha: str,
    wait: CiWait,
    *,
    told: Callable[[CiVerdict], Awaitable[None]],
    sleep: Callable[[float], Awaitable[None]],
    clock: Clock = Clock(),  # noqa: B008 - a clock has no state
) -> CiVerdict:
    """The verdict on a commit: `passed`, `failed`, `timeout`, or `none_found` when no check came within the grace.

    A pass counts when the next look finds the same checks passed: some services report late. `told` hears of every
    change. A rate limit or a fault of GitHub's is waited out, within the time there is.

    Raises:
        GitHubError: GitHub will not show the checks, or was not to be reached until the time was over.
    """
    last: CiVerdict | None = None
    while True:
        verdict, fault = await _look(client, repository, sha)
        pause = max(wait.interval_s, (fault.retry_after_s or 0.0) if fault else 0.0)
        passed = clock.now() - wait.since
        if verdict is not None:
            settled = last is not None and last.state == "passed" and _names(verdict) == _names(last)
            if last is None or verdict != last:
                await told(verdict)
            last = verdict
            if verdict.state == "failed":
                return await _annotated(client, repository, verdict)
            if verdict.state == "passed" and settled:
                return verdict
            if verdict.state == "none_found" and passed >= wait.grace_s:
                return verdict
            if verdict.state == "none_found":
                pause = min(pause, max(1.0, wait.grace_s - passed))
        left = wait.timeout_s - passed
        if left <= 0:
            return await _given_up(client, repository, last, fault, wait)
        await sleep(min(pause, left))


async def _look(client: GitHubClient, repository: str, sha: str) -> tuple[CiVerdict | None, GitHubError | None]:
    try:
        checks = await client.check_runs(repository, sha)
        statuses = await client.statuses(repository, sha)
        return judge(sha, checks, statuses, await _workflow_runs(client, repository, sha)), None
    except GitHubError as fault:
        if not fault.retryable:
            raise
        return None, fault


async def _workflow_runs(client: GitHubClient, repository: str, sha: str) -> list[WorkflowRun]:
    """Actions may be turned off, or not be shown to this token: then the checks have to do."""
    try:
        return await client.workflow_runs(repository, sha)
    except GitHubError as fault:
        if fault.status in (403, 404) and not fault.retryable:
            return []
        raise


async def _given_up(
    client: GitHubClient, repository: str, last: CiVerdict | None, fault: GitHubError | None, wait: CiWait
) -> CiVerdict:
    if last is None:
        assert fault is not None, "a look ends in a verdict or in a fault"
        raise GitHubError(f"no word on the checks within {wait.timeout_s:g} s: {fault}", status=fault.status) from fault
    if last.state in ("passed", "none_found"):
        return last
    return await _annotated(client, repository, timed_out(last, wait.timeout_s))


async def _annotated(client: GitHubClient, repository: str, verdict: CiVerdict) -> CiVerdict:
    """The verdict with the places that its failures name. Without them it still is the verdict."""
    asked = [each for each in verdict.failures if each.check_run is not None][:MAX_ANNOTATED]
    marked = {each.name: await _marked(client, repository, each) for each in asked}
    return replace(verdict, findings=tuple(marked.get(each.name, each) for each in verdict.findings))


async def _marked(client: GitHubClient, repository: str, finding: CiFinding) -> CiFinding:
    assert finding.check_run is not None, "only check runs have annotations"
    try:
        return with_marks(finding, await client.annotations(repository, finding.check_run))
    except GitHubError as fault:
        return replace(finding, output=f"{finding.output}\n(its annotations could not be read: {fault})".strip())


def _names(verdict: CiVerdict) -> set[str]:
    return {each.name for each in verdict.findings}
