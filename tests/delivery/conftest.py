"""An operator's repository with a bare remote, a run's workspace with a verified commit, and GitHub as a stub."""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
import pytest_asyncio

from agentgate_engine.delivery.delivery_request import DeliveryRequest
from agentgate_engine.delivery.github_delivery import GitHubDelivery
from agentgate_engine.delivery.pull_request_text import PullRequestFacts
from agentgate_engine.delivery.token import Token
from agentgate_engine.errors import GitHubError
from agentgate_engine.models.events import Payload
from agentgate_engine.models.git_ops import GitHubMode, GitMode, GitOps
from agentgate_engine.workspace.manager import WorkspaceManager
from agentgate_engine.workspace.workspace import Workspace

from ..tools.github_description import Description, cache_directory, fetched
from ..tools.github_stub import GitHubStub
from ..workspace.conftest import Canary, git

T = TypeVar("T")

RUN = "abcd2345.1"
BRANCH = f"agentgate/{RUN}"
REPOSITORY = "octo/shop"
SECRET = "ghx-token-that-nobody-may-see-4711"
TOKEN = Token(SECRET, "a test")


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("XDG_CONFIG_HOME", "AGENTGATE_GITHUB_TOKEN", "GH_TOKEN", "GITHUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@dataclass
class Desk:
    """What a delivery works with: the operator's checkout, its bare remote, and the workspace of a run."""

    source: Path
    bare: Path
    workspace: Workspace

    def commit(self, name: str, content: str) -> str:
        """A commit of the run, as a snapshot makes it."""
        iteration = len(list((self.workspace.admin / "snapshots").iterdir())) + 1
        before = self.workspace.head()
        (self.workspace.tree / name).write_text(content)
        return self.workspace.snapshot(iteration, f"change {name}", before).after_sha

    def remote_tip(self, branch: str = BRANCH, bare: Path | None = None) -> str:
        return git(bare or self.bare, "rev-parse", f"refs/heads/{branch}", check=False).splitlines()[0]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    bare, source = tmp_path / "hub" / "octo" / "shop.git", tmp_path / "project"
    bare.mkdir(parents=True)
    source.mkdir()
    git(bare, "init", "-q", "--bare", "-b", "main")
    git(source, "init", "-q", "-b", "main")
    (source / "README.md").write_text("one\n")
    git(source, "add", "-A")
    git(source, "commit", "-qm", "first")
    git(source, "remote", "add", "origin", str(bare))
    git(source, "push", "-q", "origin", "main")
    manager = WorkspaceManager(tmp_path / "store" / "workspaces")
    (tmp_path / "store").mkdir()
    return Desk(source, bare, manager.prepare(RUN, source, git(source, "rev-parse", "HEAD")))


@pytest.fixture
def canary(tmp_path: Path) -> Canary:
    return Canary(tmp_path)


@pytest.fixture(scope="session")
def description() -> Description | None:
    """GitHub's own description where it can be had. Only a run that may not skip (CI) insists on it."""
    try:
        return Description(fetched(cache_directory()))
    except (OSError, subprocess.SubprocessError) as fault:
        if os.environ.get("AGENTGATE_TESTS_MAY_NOT_SKIP"):
            pytest.fail(f"npm's @octokit/openapi cannot be fetched: {fault}")
        return None


@pytest_asyncio.fixture
async def github(desk: Desk, description: Description | None) -> AsyncGenerator[GitHubStub]:
    """GitHub with the repository octo/shop. At the end nothing may have broken GitHub's own description."""
    stub = GitHubStub(description, token=SECRET)
    stub.add(REPOSITORY, desk.bare)
    async with stub.serving():
        yield stub
    assert stub.mistakes == []


@dataclass
class Retries:
    """Tries again as upstream.md 6.4 says, and notes the waits instead of waiting."""

    waits: list[float] = field(default_factory=list)

    async def __call__(self, operation: str, call: Callable[[], Awaitable[T]]) -> tuple[T, int]:
        for retried in range(4):
            try:
                return await call(), retried
            except GitHubError as fault:
                if not fault.retryable or retried == 3:
                    raise
                self.waits.append(max(2.0 * 2**retried, fault.retry_after_s or 0.0))
        raise AssertionError("the last try returns or raises")


FACTS = PullRequestFacts(
    RUN, "Repair the shop", "scripted", 2, (("L1/pytest", "passed"),), files_changed=1, duration_ms=61_000, cost_usd=0.5
)


@dataclass
class Courier:
    """Makes deliveries to the stub; keeps what they told."""

    desk: Desk
    github: GitHubStub
    retries: Retries = field(default_factory=Retries)
    told: list[Payload] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    def ops(self, mode: GitMode = GitMode.PR, github_mode: GitHubMode = GitHubMode.FAIL_FAST, **more: Any) -> GitOps:
        given = {"repository": REPOSITORY, "api_url": self.github.api_url} | more
        return GitOps(mode=mode, github_mode=github_mode, **given)

    def delivery(
        self, commit: str, ops: GitOps | None = None, *, token: Token | None = TOKEN, **more: Any
    ) -> GitHubDelivery:
        request = DeliveryRequest(
            ops=ops or self.ops(),
            workspace=self.desk.workspace,
            source=self.desk.source,
            commit=commit,
            base_branch=more.pop("base_branch", "main"),
            facts=more.pop("facts", FACTS),
            **more,
        )

        async def told(payload: Payload) -> None:
            self.told.append(payload)

        async def sleep(seconds: float) -> None:
            self.slept.append(seconds)

        return GitHubDelivery(request, token, self.retries, told, lambda text: text, sleep)


@pytest.fixture
def courier(desk: Desk, github: GitHubStub) -> Courier:
    return Courier(desk, github)
