"""A fork to push to, where the token's account may not write to the repository itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from agentgate_engine.delivery.api_answers import RepositoryInfo
from agentgate_engine.delivery.github_client import GitHubClient
from agentgate_engine.errors import GitHubError

FORK_PATIENCE_S = 300.0
_POLL_S = 5.0


async def ensure_fork(
    client: GitHubClient, repository: str, sleep: Callable[[float], Awaitable[None]]
) -> RepositoryInfo:
    """The fork of `repository` in the token's account, made if it is missing, once it can be pushed to.

    Raises:
        GitHubError: it cannot be made; retryable when it was not ready within five minutes.
    """
    login = await client.login()
    owner, _, name = repository.partition("/")
    if login.lower() == owner.lower():
        raise GitHubError(f"{repository} belongs to {login}, who cannot fork it: use --deliver pr instead of fork")
    known = await client.repository_or_none(f"{login}/{name}")
    if known is not None and _is_fork_of(known, repository):
        return known
    asked = await client.create_fork(repository)
    waited = 0.0
    while (ready := await _ready(client, asked.full_name)) is None:
        if waited >= FORK_PATIENCE_S:
            raise GitHubError(f"the fork {asked.full_name} is not ready after {waited:.0f} s", retryable=True)
        await sleep(_POLL_S)
        waited += _POLL_S
    return ready


async def _ready(client: GitHubClient, fork: str) -> RepositoryInfo | None:
    """GitHub copies in the background: the fork is there once its default branch is."""
    found = await client.repository_or_none(fork)
    return found if found and await client.has_branch(fork, found.default_branch) else None


def _is_fork_of(found: RepositoryInfo, repository: str) -> bool:
    return found.fork and found.parent is not None and found.parent.full_name.lower() == repository.lower()
