"""GitHub's REST interface, as far as a delivery needs it: one request a method, errors as `GitHubError`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote, urljoin, urlsplit

from pydantic import JsonValue, TypeAdapter, ValidationError

from agentgate_engine import __version__
from agentgate_engine.clock import Clock
from agentgate_engine.delivery.api_answers import (
    Account,
    Annotation,
    CheckRun,
    CheckRunPage,
    CombinedStatus,
    Comment,
    CommitStatus,
    PullRequest,
    RepositoryInfo,
    WorkflowRun,
    WorkflowRunPage,
)
from agentgate_engine.delivery.api_fault import Asked, fault_of
from agentgate_engine.delivery.hostile_text import one_line
from agentgate_engine.delivery.token import Token
from agentgate_engine.errors import GitHubError

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")
Json = Mapping[str, JsonValue]
Query = Mapping[str, str | int]

API_VERSION = "2022-11-28"
TIMEOUT_S = 30.0
MAX_PAGES = 5
_PAGE = 100
_MAX_MOVES = 3
_PULLS = "the scope repo, or public_repo (fine-grained: Pull requests, write)"
_ISSUES = "the scope repo, or public_repo (fine-grained: Issues or Pull requests, write)"
_METADATA = "the scope repo (fine-grained: Metadata, read)"
_CHECKS = "the scope repo (fine-grained: Checks, Commit statuses and Actions, read)"

_PULL_LIST = TypeAdapter(list[PullRequest])
_COMMENT_LIST = TypeAdapter(list[Comment])
_ANNOTATION_LIST = TypeAdapter(list[Annotation])


@asynccontextmanager
async def github_client(
    api_url: str,
    token: Token,
    *,
    timeout_s: float = TIMEOUT_S,
    clock: Clock = Clock(),  # noqa: B008 - no state
) -> AsyncGenerator[GitHubClient]:
    """A client for the installation at `api_url`. `timeout_s` holds for each wait of a request."""
    import httpx

    headers = {
        "Accept": "application/vnd.github+json",
        "Authorization": f"Bearer {token.reveal()}",
        "User-Agent": f"agentgate/{__version__}",
        "X-GitHub-Api-Version": API_VERSION,
    }
    timeout = httpx.Timeout(timeout_s, connect=min(10.0, timeout_s))
    async with httpx.AsyncClient(headers=headers, timeout=timeout, follow_redirects=False) as http:
        yield GitHubClient(http, api_url, token, clock)


class GitHubClient:
    """Get one from `github_client`. Repositories are `owner/name`. Every method raises GitHubError."""

    def __init__(self, http: httpx.AsyncClient, api_url: str, token: Token, clock: Clock) -> None:
        self._http = http
        self._api = api_url.rstrip("/") + "/"
        self._token = token
        self._clock = clock

    async def login(self) -> str:
        """The account that the token belongs to."""
        asked = Asked("see whose token it is", "to belong to a user")
        return _parsed(Account, await self._send("GET", "user", asked), asked).login

    async def repository(self, repository: str) -> RepositoryInfo:
        """What GitHub says of a repository; its default branch among it."""
        asked = Asked(f"look at {repository}", _METADATA)
        return _parsed(RepositoryInfo, await self._send("GET", _repo(repository), asked), asked)

    async def repository_or_none(self, repository: str) -> RepositoryInfo | None:
        """As `repository`; None where there is none that the token may see."""
        try:
            return await self.repository(repository)
        except GitHubError as fault:
            if fault.status == 404:
                return None
            raise

    async def has_branch(self, repository: str, branch: str) -> bool:
        """Whether the repository has a branch of this name."""
        asked = Asked(f"look for the branch {branch} of {repository}", _METADATA)
        try:
            await self._send("GET", f"{_repo(repository)}/branches/{quote(branch, safe='/')}", asked)
        except GitHubError as fault:
            if fault.status == 404:
                return False
            raise
        return True

    async def pull_requests(self, repository: str, *, head: str, state: str = "open") -> list[PullRequest]:
        """Those from `head` (`owner:branch`), newest first."""
        asked = Asked(f"look for the pull request of {head} in {repository}", _PULLS)
        query = {"head": head, "state": state, "per_page": _PAGE}
        found = await self._send("GET", f"{_repo(repository)}/pulls", asked, query=query)
        return _parsed(_PULL_LIST, found, asked)

    async def create_pull_request(
        self, repository: str, *, head: str, base: str, title: str, body: str, draft: bool
    ) -> PullRequest:
        """Open a pull request. Not to be repeated without looking first: see `open_pull_request`."""
        asked = Asked(f"open a pull request from {head} to {base} in {repository}", _PULLS)
        sent: Json = {"title": title, "head": head, "base": base, "body": body, "draft": draft}
        return _parsed(PullRequest, await self._send("POST", f"{_repo(repository)}/pulls", asked, sent), asked)

    async def update_pull_request(self, repository: str, number: int, *, body: str) -> PullRequest:
        """Replace the text of a pull request."""
        asked = Asked(f"change the text of {repository}#{number}", _PULLS)
        sent: Json = {"body": body}
        return _parsed(
            PullRequest, await self._send("PATCH", f"{_repo(repository)}/pulls/{number}", asked, sent), asked
        )

    async def add_labels(self, repository: str, number: int, labels: list[str]) -> None:
        """Add labels to those that are there."""
        asked = Asked(f"label {repository}#{number} as {', '.join(labels)}", _ISSUES)
        sent: Json = {"labels": [*labels]}
        await self._send("POST", f"{_repo(repository)}/issues/{number}/labels", asked, sent)

    async def request_reviewers(self, repository: str, number: int, reviewers: list[str]) -> None:
        """Ask logins, and teams as `organisation/team`, for a review."""
        asked = Asked(f"ask {', '.join(reviewers)} to review {repository}#{number}", _PULLS)
        people: list[JsonValue] = [name for name in reviewers if "/" not in name]
        teams: list[JsonValue] = [name.partition("/")[2] for name in reviewers if "/" in name]
        sent: dict[str, JsonValue] = {}
        if people:
            sent["reviewers"] = people
        if teams:
            sent["team_reviewers"] = teams
        await self._send("POST", f"{_repo(repository)}/pulls/{number}/requested_reviewers", asked, sent)

    async def comments(self, repository: str, number: int) -> list[Comment]:
        """The comments of a pull request, oldest first, 500 at most."""
        asked = Asked(f"read the comments of {repository}#{number}", _ISSUES)
        found: list[Comment] = []
        for page in range(1, MAX_PAGES + 1):
            query = {"per_page": _PAGE, "page": page}
            answer = await self._send("GET", f"{_repo(repository)}/issues/{number}/comments", asked, query=query)
            more = _parsed(_COMMENT_LIST, answer, asked)
            found += more
            if len(more) < _PAGE:
                break
        return found

    async def add_comment(self, repository: str, number: int, body: str) -> Comment:
        """Say something. Not to be repeated without looking first: see `comment_once`."""
        asked = Asked(f"comment on {repository}#{number}", _ISSUES)
        sent: Json = {"body": body}
        return _parsed(
            Comment, await self._send("POST", f"{_repo(repository)}/issues/{number}/comments", asked, sent), asked
        )

    async def create_fork(self, repository: str) -> RepositoryInfo:
        """Fork into the token's account, or get the fork that is there. It may take minutes until it can be used."""
        asked = Asked(f"fork {repository}", "the scope repo, or public_repo (fine-grained: Administration, write)")
        sent: Json = {"default_branch_only": True}
        return _parsed(RepositoryInfo, await self._send("POST", f"{_repo(repository)}/forks", asked, sent), asked)

    async def check_runs(self, repository: str, sha: str) -> list[CheckRun]:
        """The newest check run of each name that apps made for a commit, 500 at most."""
        asked = Asked(f"see the checks of {sha[:12]} in {repository}", _CHECKS)
        found: list[CheckRun] = []
        for page in range(1, MAX_PAGES + 1):
            query = {"filter": "latest", "per_page": _PAGE, "page": page}
            answer = await self._send("GET", f"{_repo(repository)}/commits/{sha}/check-runs", asked, query=query)
            part = _parsed(CheckRunPage, answer, asked)
            found += part.check_runs
            if len(found) >= part.total_count or not part.check_runs:
                break
        return found

    async def annotations(self, repository: str, check_run: int) -> list[Annotation]:
        """The first 50 places that a check run points at."""
        asked = Asked(f"read the annotations of check run {check_run} in {repository}", _CHECKS)
        path = f"{_repo(repository)}/check-runs/{check_run}/annotations"
        return _parsed(_ANNOTATION_LIST, await self._send("GET", path, asked, query={"per_page": 50}), asked)

    async def statuses(self, repository: str, sha: str) -> list[CommitStatus]:
        """The newest status of each context that services set on a commit, 100 at most."""
        asked = Asked(f"see the statuses of {sha[:12]} in {repository}", _CHECKS)
        path = f"{_repo(repository)}/commits/{sha}/status"
        return _parsed(CombinedStatus, await self._send("GET", path, asked, query={"per_page": _PAGE}), asked).statuses

    async def workflow_runs(self, repository: str, sha: str) -> list[WorkflowRun]:
        """The runs of GitHub Actions for a commit, 100 at most."""
        asked = Asked(f"see the workflow runs of {sha[:12]} in {repository}", _CHECKS)
        query = {"head_sha": sha, "per_page": _PAGE}
        answer = await self._send("GET", f"{_repo(repository)}/actions/runs", asked, query=query)
        return _parsed(WorkflowRunPage, answer, asked).workflow_runs

    async def _send(
        self, method: str, path: str, asked: Asked, body: Json | None = None, *, query: Query | None = None
    ) -> bytes:
        """The body of a success. A repository that moved is followed with the same method, on the same host."""
        url, moves = urljoin(self._api, path), 0
        while True:
            answer = await self._ask(method, url, asked, body, query)
            if answer.is_success:
                return answer.content
            moved = urljoin(url, answer.headers.get("location", ""))
            if not answer.is_redirect or moves == _MAX_MOVES or not _same_place(moved, self._api):
                hidden = self._token.hide_in(answer.text).encode()
                raise fault_of(asked, answer.status_code, answer.headers, hidden, self._clock.now())
            url, query, moves = moved, None, moves + 1

    async def _ask(self, method: str, url: str, asked: Asked, body: Json | None, query: Query | None) -> httpx.Response:
        import httpx

        try:
            return await self._http.request(method, url, params=query, json=body)
        except httpx.HTTPError as fault:
            said = one_line(self._token.hide_in(str(fault)), 200) or type(fault).__name__
        host = urlsplit(self._api).netloc
        if "CERTIFICATE_VERIFY_FAILED" in said:
            advice = f"the certificate of {host} is not trusted: name its authority in SSL_CERT_FILE"
            raise GitHubError(f"cannot {asked.what}: {advice} ({said})")
        raise GitHubError(f"cannot {asked.what}: {host} could not be reached ({said})", retryable=True)


def _repo(repository: str) -> str:
    owner, _, name = repository.partition("/")
    return f"repos/{quote(owner, safe='')}/{quote(name, safe='')}"


def _same_place(url: str, api: str) -> bool:
    there, here = urlsplit(url), urlsplit(api)
    return (there.scheme, there.netloc) == (here.scheme, here.netloc)


def _parsed(kind: type[T] | TypeAdapter[T], body: bytes, asked: Asked) -> T:
    adapter = kind if isinstance(kind, TypeAdapter) else TypeAdapter(kind)
    try:
        return adapter.validate_json(body)
    except ValidationError as fault:
        first = fault.errors(include_url=False, include_input=False)[0]
        key = ".".join(str(part) for part in first["loc"]) or "the document"
        raise GitHubError(
            f"cannot {asked.what}: the answer is not what GitHub's description says: {key}: {first['msg']}"
        ) from None
