"""One pull request for a branch, however often it is asked for, and however its answers get lost."""

from __future__ import annotations

from dataclasses import dataclass

from agentgate_engine.delivery.api_answers import PullRequest
from agentgate_engine.delivery.api_fault import Refused
from agentgate_engine.delivery.github_client import GitHubClient
from agentgate_engine.errors import GitHubError


@dataclass(frozen=True, slots=True)
class PullRequestPlan:
    """What to open. `owner` is whose `branch` it is: another one than the repository's when it is in a fork."""

    repository: str
    owner: str
    branch: str
    commit: str
    base: str
    title: str
    body: str
    draft: bool

    @property
    def head(self) -> str:
        return f"{self.owner}:{self.branch}"


@dataclass(frozen=True, slots=True)
class Opened:
    """`created` is False for one that was there already, ours from a lost answer included."""

    pull_request: PullRequest
    created: bool


async def open_pull_request(client: GitHubClient, plan: PullRequestPlan) -> Opened:
    """The pull request of the branch: the one that is there, or a new one.

    GitHub is asked first, each time: an answer that got lost left a pull request behind. One that was merged with our
    commit counts as well; one that a person closed does not.

    Raises:
        GitHubError: retryable ones may be tried again with the same plan.
    """
    if (found := await _existing(client, plan)) is not None:
        return Opened(found, created=False)
    try:
        made = await client.create_pull_request(
            plan.repository, head=plan.head, base=plan.base, title=plan.title, body=plan.body, draft=plan.draft
        )
    except Refused as refused:
        return await _refused(client, plan, refused)
    return Opened(made, created=True)


async def _refused(client: GitHubClient, plan: PullRequestPlan, refused: Refused) -> Opened:
    words = refused.words.lower()
    if "already exists" in words:
        if (found := await _existing(client, plan)) is not None:
            return Opened(found, created=False)
        message = f"{refused} It is not in the list of {plan.head} yet"
        raise GitHubError(message, status=422, retryable=True) from refused
    if "draft" in words:
        advice = "this repository has no draft pull requests: use --no-draft"
    elif "no commits between" in words:
        advice = f"{plan.base} already has every commit of {plan.branch}: there is nothing to open"
    elif "base" in words and "invalid" in words:
        advice = f"GitHub has no branch {plan.base}: name one with --base"
    else:
        raise refused
    raise GitHubError(f"{refused} {advice[0].upper()}{advice[1:]}.", status=422) from refused


async def _existing(client: GitHubClient, plan: PullRequestPlan) -> PullRequest | None:
    found = await client.pull_requests(plan.repository, head=plan.head, state="all")
    ours = [each for each in found if each.head.ref == plan.branch]
    opened = [each for each in ours if each.state == "open"]
    merged = [each for each in ours if each.merged_at and each.head.sha == plan.commit]
    same_base = [each for each in opened if each.base.ref == plan.base]
    return next(iter([*same_base, *opened, *merged]), None)


async def comment_once(client: GitHubClient, repository: str, number: int, key: str, text: str) -> str:
    """Have one comment with this `key` (a word) on a pull request, and give its URL. Doing it again is fine."""
    mark = f"<!-- agentgate:{key} -->"
    for comment in await client.comments(repository, number):
        if mark in comment.body:
            return comment.html_url
    return (await client.add_comment(repository, number, f"{text}\n\n{mark}")).html_url
