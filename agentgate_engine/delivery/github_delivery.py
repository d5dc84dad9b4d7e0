"""Push, fork and pull request in their order, under a GitHubMode, each tried again as the caller's policy says."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from agentgate_engine.delivery.api_answers import PullRequest, RepositoryInfo
from agentgate_engine.delivery.delivery_request import CallWithRetries, DeliveryOutcome, DeliveryRequest
from agentgate_engine.delivery.fork import ensure_fork
from agentgate_engine.delivery.github_client import GitHubClient, github_client
from agentgate_engine.delivery.pull_request import Opened, PullRequestPlan, comment_once, open_pull_request
from agentgate_engine.delivery.pull_request_text import body_of, body_with_report, title_of
from agentgate_engine.delivery.push import Pushed, place_of, push_branch
from agentgate_engine.delivery.remote import (
    Remote,
    belongs_to,
    git_host_of,
    parse_remote,
    repository_of,
    resolve_remote,
)
from agentgate_engine.delivery.token import Token, no_token
from agentgate_engine.errors import GitHubError, UsageError, WorkspaceError
from agentgate_engine.models.delivery import GitHubOperation, GitHubOperationName, GitHubSummary
from agentgate_engine.models.events import BranchPushed, Payload, PullRequestCreated, PullRequestMerged
from agentgate_engine.models.git_ops import GitHubMode, GitMode
from agentgate_engine.threads import finish_in_thread, stop_in_thread

T = TypeVar("T")


class _Stopped(Exception):
    """A step failed and the others depend on it."""


@dataclass
class GitHubDelivery:
    """One delivery. Doing it again, after a crash too, neither pushes nor opens anything twice.

    `told` hears of what was done, each time: events of an earlier try are the caller's to know. `mask` goes over every
    text that people wrote before it is published.
    """

    request: DeliveryRequest
    token: Token | None
    call_with_retries: CallWithRetries
    told: Callable[[Payload], Awaitable[None]]
    mask: Callable[[str], str]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    _operations: list[GitHubOperation] = field(default_factory=list[GitHubOperation], init=False)
    _warnings: list[str] = field(default_factory=list[str], init=False)
    _fatal: GitHubError | None = field(default=None, init=False)
    _remote: Remote | None = field(default=None, init=False)
    _repository: str | None = field(default=None, init=False)
    _pull_request: PullRequest | None = field(default=None, init=False)

    async def deliver(self) -> DeliveryOutcome:
        """Do what the order's git mode asks for. Raises nothing of GitHub's: see `DeliveryOutcome`."""
        request, ops = self.request, self.request.ops
        try:
            match ops.mode:
                case GitMode.LOCAL:
                    pass
                case GitMode.PUSH:
                    await self._push(None)
                case GitMode.PR:
                    await self._push_and_open()
                case GitMode.FORK:
                    await self._fork_and_open()
        except _Stopped:
            pass
        opened = self._pull_request
        url = opened.html_url if opened else None
        return DeliveryOutcome(
            summary=GitHubSummary.of(ops.github_mode, request.branch, self._operations, url),
            fatal=self._fatal,
            warnings=tuple(self._warnings),
            remote_url=self._remote.url if self._remote else None,
            repository=self._repository,
            pull_request=opened.number if opened else None,
        )

    async def comment(self, repository: str, number: int, key: str, text: str) -> DeliveryOutcome:
        """Say `text` on a pull request, once for each `key` (a word)."""

        async def say() -> str:
            async with self._client("add_comment") as client:
                return await comment_once(client, repository, number, key, self.mask(text))

        try:
            await self._step("add_comment", say, lambda url: url)
        except _Stopped:
            pass
        summary = GitHubSummary.of(self.request.ops.github_mode, self.request.branch, self._operations)
        return DeliveryOutcome(summary, self._fatal, tuple(self._warnings), None, repository, number)

    async def _push_and_open(self) -> None:
        if self.token is None and self.request.ops.github_mode is GitHubMode.FAIL_FAST:
            await self._open()  # says what is missing before anything is published
        await self._push(None)
        await self._open()

    async def _fork_and_open(self) -> None:
        async def fork() -> RepositoryInfo:
            async with self._client("create_fork") as client:
                repository = repository_of(await self._resolved(), self._api, self.request.ops.repository)
                return await ensure_fork(client, repository, self.sleep)

        made = await self._step("create_fork", fork, lambda info: info.html_url)
        await self._push(made)
        await self._open(made)

    async def _push(self, fork: RepositoryInfo | None) -> None:
        async def push() -> Pushed:
            remote = await self._resolved()
            if fork is not None:
                url = fork.ssh_url if remote.scheme == "ssh" else fork.clone_url
                remote = parse_remote(url, self.request.source)
            self._remote = remote
            return await stop_in_thread(lambda stopped: self._push_now(remote, stopped))

        pushed = await self._step("push", push, lambda done: done.url)
        if pushed is not None:
            await self.told(BranchPushed(branch=pushed.branch, commit=pushed.commit, target=pushed.url))

    def _push_now(self, remote: Remote, stopped: threading.Event) -> Pushed:
        request = self.request
        try:
            place = place_of(request.workspace, request.source, request.commit)
            return push_branch(
                place,
                remote,
                request.branch,
                request.commit,
                source=request.source,
                token=self.token,
                api_url=self._api,
                replaces=request.replaces,
                stopped=stopped,
            )
        except (WorkspaceError, UsageError) as fault:
            raise GitHubError(f"cannot push {request.branch}: {fault}") from fault

    async def _open(self, fork: RepositoryInfo | None = None) -> None:
        async def open_it() -> Opened:
            async with self._client("create_pr") as client:
                return await open_pull_request(client, await self._plan(client, fork))

        opened = await self._step("create_pr", open_it, lambda done: done.pull_request.html_url)
        if opened is None:
            return
        found = opened.pull_request
        self._pull_request = found
        await self.told(PullRequestCreated(url=found.html_url, number=found.number))
        if found.merged_at is not None:
            await self.told(PullRequestMerged(url=found.html_url, commit=found.head.sha))
        await self._complete(opened)

    async def _complete(self, opened: Opened) -> None:
        """The report in its text, labels and reviewers."""
        found, ops, repository = opened.pull_request, self.request.ops, self._repository
        assert repository is not None, "the plan named it"
        old = (found.body or "").replace("\r\n", "\n")
        new = old if opened.created else self.mask(body_with_report(old, self.request.facts))
        wanted = [] if self.request.again else [*ops.labels, *ops.reviewers]
        if new == old and not wanted:
            return

        async def update() -> None:
            async with self._client("update_pr") as client:
                if new != old:
                    await client.update_pull_request(repository, found.number, body=new)
                if wanted and ops.labels:
                    await client.add_labels(repository, found.number, ops.labels)
                if wanted and ops.reviewers:
                    await client.request_reviewers(repository, found.number, ops.reviewers)

        await self._step("update_pr", update, lambda _: found.html_url)

    async def _plan(self, client: GitHubClient, fork: RepositoryInfo | None) -> PullRequestPlan:
        request, ops = self.request, self.request.ops
        upstream = await self._resolved()
        asked = repository_of(upstream, self._api, ops.repository)
        info = await client.repository(asked)
        if info.archived:
            raise GitHubError(f"{info.full_name} is archived: it takes no pull requests")
        self._repository = info.full_name
        pushed_to = fork.full_name if fork else upstream.slug if belongs_to(upstream, self._api) else None
        owner = info.full_name if pushed_to is None or pushed_to.lower() == asked.lower() else pushed_to
        return PullRequestPlan(
            repository=info.full_name,
            owner=owner.partition("/")[0],
            branch=request.branch,
            commit=request.commit,
            base=await self._base(client, info),
            title=self.mask(title_of(request.facts, ops.title)),
            body=self.mask(body_of(request.facts, ops.body)),
            draft=ops.draft,
        )

    async def _base(self, client: GitHubClient, info: RepositoryInfo) -> str:
        """The branch asked for, else the one that the work started from where GitHub has it, else the default one."""
        if self.request.ops.base:
            return self.request.ops.base
        started = self.request.base_branch
        if started is None or started == info.default_branch:
            return info.default_branch
        if await client.has_branch(info.full_name, started):
            return started
        note = (
            f"{info.full_name} has no branch {started}, so the pull request is for {info.default_branch} (see --base)"
        )
        if note not in self._warnings:
            self._warnings.append(note)
        return info.default_branch

    async def _resolved(self) -> Remote:
        """The remote of the order. Looked up each time: the operator may repair it between two tries."""
        try:
            return await finish_in_thread(resolve_remote, self.request.source, self.request.ops.remote)
        except (WorkspaceError, UsageError) as fault:
            raise GitHubError(f"cannot find the remote {self.request.ops.remote}: {fault}") from fault

    @property
    def _api(self) -> str:
        return self.request.ops.api_url

    @asynccontextmanager
    async def _client(self, operation: GitHubOperationName) -> AsyncGenerator[GitHubClient]:
        if self.token is None:
            raise no_token(git_host_of(self._api), operation)
        async with github_client(self._api, self.token) as client:
            yield client

    async def _step(
        self, operation: GitHubOperationName, call: Callable[[], Awaitable[T]], url: Callable[[T], str]
    ) -> T | None:
        """Do one operation as the mode says, and record it. None where the mode is `disabled`.

        Raises:
            _Stopped: it failed. `_fatal` or a warning says so.
        """
        mode, calls = self.request.ops.github_mode, 0
        if mode is GitHubMode.DISABLED:
            self._operations.append(GitHubOperation(operation=operation, success=True, mode=mode, skipped=True))
            return None

        async def counted() -> T:
            nonlocal calls
            calls += 1
            return await call()

        try:
            value, retried = await self.call_with_retries(operation, counted)
        except GitHubError as fault:
            self._failed(operation, fault, max(0, calls - 1))
            raise _Stopped from fault
        done = GitHubOperation(operation=operation, success=True, url=url(value), retried=retried, mode=mode)
        self._operations.append(done)
        return value

    def _failed(self, operation: GitHubOperationName, fault: GitHubError, retried: int) -> None:
        mode = self.request.ops.github_mode
        failed = GitHubOperation(operation=operation, success=False, error=str(fault), retried=retried, mode=mode)
        self._operations.append(failed)
        if mode is GitHubMode.FAIL_FAST:
            self._fatal = fault
            return
        missing = self.request.ops.mode in (GitMode.PR, GitMode.FORK) and operation in ("create_fork", "push")
        self._warnings.append(f"{fault}; so no pull request was opened" if missing else str(fault))
