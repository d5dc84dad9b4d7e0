"""GitHub beside a `Site`: the stub in a thread of its own, and a bare repository that is the site's `origin`."""

from __future__ import annotations

import asyncio
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from ..delivery.conftest import description
from ..tools.git_http import GitHttp
from ..tools.github_description import Description
from ..tools.github_stub import GitHubStub, Json
from .site import Site, git

__all__ = ["AGENT", "TOKEN", "Hub", "Json", "Judge", "check", "description", "make_site", "profile", "slow"]

TOKEN = "ghx-token-that-nobody-may-see-4711"
PLAN = 'version: "1"\ntests:\n  - name: done\n    command: test -f done\n'
AGENT = 'touch done; if [ -n "$AGENTGATE_FEEDBACK_FILE" ]; then cp "$AGENTGATE_FEEDBACK_FILE" mended; fi'
"""Passes the plan at once; what continuous integration looks for it writes only when it was told."""

Judge = Callable[[str], list[Json]]


class Hub(GitHubStub):
    """Every repository on it is the same bare one, under names with faults and checks of their own.

    `checks` maps a repository's name to what continuous integration says of a commit; `before` and `after` run at a
    request whose `METHOD /path` begins so, and are then gone.
    """

    def __init__(self, site: Site, description: Description | None) -> None:
        super().__init__(description, token=TOKEN)
        self.bare = site.root / "hub" / "octo" / "shop.git"
        self.site = site
        self.checks: dict[str, Judge] = {}
        self.before: dict[str, Callable[[], object]] = {}
        self.after: dict[str, Callable[[], object]] = {}
        self.git_http = GitHttp(site.root / "hub", {"x-access-token": TOKEN})

    def order(self, name: str, *options: str, command: str = AGENT) -> tuple[str, ...]:
        """The arguments of an order whose pull request is for `octo/NAME`; makes that repository."""
        self.add(f"octo/{name}", self.bare)
        return (command, "--deliver", "pr", "--github-api", self.api_url, "--github-repo", f"octo/{name}", *options)

    def pulls(self, name: str) -> list[Json]:
        return self.repositories[f"octo/{name}"].pulls

    def tip(self, branch: str) -> str:
        return git(self.bare, "rev-parse", f"refs/heads/{branch}")

    def has(self, commit: str, path: str) -> bool:
        """Whether a commit on the remote has a file."""
        command = ["git", "-C", str(self.bare), "cat-file", "-e", f"{commit}:{path}"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    @contextmanager
    def running(self) -> Iterator[Hub]:
        """Serve until the end of the block. Nothing that was asked may have broken GitHub's own description."""
        loop, ready, stop = asyncio.new_event_loop(), threading.Event(), asyncio.Event()

        async def serve() -> None:
            async with AsyncExitStack() as stack:
                await stack.enter_async_context(self.serving())
                await stack.enter_async_context(self.git_http.serving())
                ready.set()
                await stop.wait()

        thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), name="github", daemon=True)
        thread.start()
        assert ready.wait(20)
        try:
            yield self
        finally:
            loop.call_soon_threadsafe(stop.set)
            thread.join(20)
            loop.close()
        assert self.mistakes == []

    def _note(self, request: web.Request, body: object) -> None:
        super()._note(request, body)
        self._happen(self.before, request)

    async def _create(self, request: web.Request) -> web.Response:
        made = await super()._create(request)
        self._happen(self.after, request)
        return made

    async def _check_runs(self, request: web.Request) -> web.Response:
        judge = self.checks.get(request.match_info["repo"], lambda _: [])
        self.check_runs = await asyncio.to_thread(judge, request.match_info["ref"])
        return await super()._check_runs(request)

    @staticmethod
    def _happen(hooks: dict[str, Callable[[], object]], request: web.Request) -> None:
        for start in list(hooks):
            if f"{request.method} {request.path}".replace("/api/v3", "").startswith(start):
                hooks.pop(start)()


def make_site(root: Path) -> Site:
    """A machine with a repository whose `origin` is the bare one of a `Hub`, and a token in its environment."""
    site = Site(root)
    site.make_repository({"README.md": "shop\n", "verify.yaml": PLAN})
    bare = root / "hub" / "octo" / "shop.git"
    bare.mkdir(parents=True)
    git(bare, "init", "-q", "--bare", "-b", "main")
    git(bare, "config", "http.receivepack", "true")
    git(site.repository, "remote", "add", "origin", str(bare))
    git(site.repository, "push", "-q", "origin", "main")
    site.environment["AGENTGATE_GITHUB_TOKEN"] = TOKEN
    return site


def profile(site: Site, name: str, **git_ops: Any) -> tuple[str, str]:
    """The options that choose a new profile with these settings of `gitOps`."""
    directory = Path(site.environment["XDG_CONFIG_HOME"]) / "agentgate" / "profiles"
    directory.mkdir(parents=True, exist_ok=True)
    lines = "".join(f"  {key}: {value}\n" for key, value in git_ops.items())
    (directory / f"{name}.yaml").write_text(f'version: "1.0"\ngitOps:\n{lines}')
    return "--profile", name


def check(name: str, conclusion: str | None, **more: Any) -> Json:
    """A check run as GitHub tells of it; without a conclusion it is under way."""
    status = "completed" if conclusion else "in_progress"
    return {"id": 1, "name": name, "status": status, "conclusion": conclusion, **more}


def slow(_: str) -> list[Json]:
    """A check that is never done."""
    return [check("build", None)]
