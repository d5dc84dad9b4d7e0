"""The client against the stub: pages, redirects, lost connections, and what its errors keep to themselves."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from aiohttp import web

from agentgate_engine.delivery.github_client import github_client
from agentgate_engine.delivery.token import Token
from agentgate_engine.errors import GitHubError

from ..tools.github_description import Description
from ..tools.github_stub import Fault, GitHubStub
from .conftest import REPOSITORY, SECRET, TOKEN


async def test_repo_info(github: GitHubStub) -> None:
    """upstream.md 8.2 (getRepoInfo): the default branch and where to push."""
    async with github_client(github.api_url, TOKEN) as client:
        info = await client.repository(REPOSITORY)
    assert (info.full_name, info.default_branch, info.fork) == (REPOSITORY, "main", False)


async def test_all_pages_of_check_runs_are_read(github: GitHubStub) -> None:
    """upstream.md 8.2: more than a hundred checks are no reason to miss a failure."""
    github.check_runs = [{"id": n, "name": f"c{n}", "status": "queued", "conclusion": None} for n in range(230)]
    async with github_client(github.api_url, TOKEN) as client:
        found = await client.check_runs(REPOSITORY, "0" * 40)
    assert [each.id for each in found] == list(range(230)) and github.asked("GET") == 3


@pytest.mark.parametrize("kind", ["drop", "slow"])
async def test_a_connection_that_breaks_may_be_tried_again(github: GitHubStub, kind: str) -> None:
    """upstream.md 6.4: so may one that never answers."""
    github.faults = [Fault(kind, seconds=30.0)]
    async with github_client(github.api_url, TOKEN, timeout_s=0.3) as client:
        with pytest.raises(GitHubError, match="could not be reached") as fault:
            await client.login()
    assert fault.value.retryable and fault.value.status is None


async def test_nobody_listens() -> None:
    """upstream.md 6.4: a refused connection may be tried again."""
    async with github_client("http://127.0.0.1:1/api/v3", TOKEN) as client:
        with pytest.raises(GitHubError) as fault:
            await client.login()
    assert fault.value.retryable and SECRET not in str(fault.value)


async def test_the_wrong_token_is_refused_once(github: GitHubStub) -> None:
    """upstream.md 6.7: 401 is final."""
    async with github_client(github.api_url, Token("another-secret-4712", "GH_TOKEN")) as client:
        with pytest.raises(GitHubError, match="does not accept the token") as fault:
            await client.login()
    assert not fault.value.retryable and fault.value.status == 401


async def test_no_log_shows_the_token(github: GitHubStub, caplog: pytest.LogCaptureFixture) -> None:
    """upstream.md L19: not even with every logger wide open."""
    caplog.set_level(logging.DEBUG)
    async with github_client(github.api_url, TOKEN) as client:
        await client.repository(REPOSITORY)
    assert caplog.text and SECRET not in caplog.text and SECRET not in repr(client)


async def test_a_moved_repository_is_followed_but_never_to_another_host() -> None:
    """upstream.md L19: a redirect does not carry the token away; on the same host the method stays."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(f"{request.method} {request.path}")
        if request.path.startswith("/repositories/"):
            return web.json_response({"html_url": "https://x/1", "body": "b"}, status=201)
        away = request.path.startswith("/repos/octo/away")
        place = f"http://localhost:{request.url.port}/repositories/1" if away else "/repositories/1"
        return web.json_response({"message": "Moved"}, status=301, headers={"location": place})

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with github_client(f"http://127.0.0.1:{runner.addresses[0][1]}", TOKEN) as client:
            assert (await client.add_comment("octo/old", 1, "hello")).html_url == "https://x/1"
            with pytest.raises(GitHubError, match="status 301"):
                await client.add_comment("octo/away", 1, "hello")
    finally:
        await runner.cleanup()
    assert asked == [
        "POST /repos/octo/old/issues/1/comments",
        "POST /repositories/1",
        "POST /repos/octo/away/issues/1/comments",
    ]


async def test_an_answer_of_another_kind_is_said_so(github: GitHubStub) -> None:
    """upstream.md 6.7: a proxy's page is no answer; asking again would not help."""
    github.repositories[REPOSITORY].default_branch = None  # pyright: ignore[reportAttributeAccessIssue]
    github.description = None
    async with github_client(github.api_url, TOKEN) as client:
        with pytest.raises(GitHubError, match="default_branch") as fault:
            await client.repository(REPOSITORY)
    assert not fault.value.retryable


def test_the_description_finds_what_is_wrong(description: Description | None) -> None:
    """upstream.md 8.2: what holds the stub and the client to GitHub's own interface can fail."""
    if description is None:
        pytest.skip("npm's @octokit/openapi cannot be fetched here")
    pulls, good = "/repos/{owner}/{repo}/pulls", {"title": "t", "head": "h", "base": "b", "draft": True}
    assert description.mistakes_of_request("POST", pulls, {}, good) == []
    assert description.mistakes_of_request("POST", pulls, {}, None) == ["the body is missing"]
    for body in ({"title": "t", "head": "h"}, good | {"draft": "yes"}, good | {"labels": []}):
        assert len(description.mistakes_of_request("POST", pulls, {}, body)) == 1
    assert description.mistakes_of_request("GET", pulls, {"state": "merged"}, None)
    assert description.mistakes_of_request("GET", pulls, {"page": "x", "sha": "1"}, None)
    filled = description.filled("POST", pulls, 201, {"number": 7})
    assert description.mistakes_of_response("POST", pulls, 201, filled) == []
    assert description.mistakes_of_response("POST", pulls, 201, {"number": 7})
    assert description.mistakes_of_response("POST", pulls, 418, {})
    assert not description.knows("DELETE", pulls)


def test_httpx_is_not_needed_to_look(tmp_path: Path) -> None:
    """upstream.md 8.2: importing the room costs no HTTP client."""
    import subprocess
    import sys

    code = (
        "import sys; import agentgate_engine.delivery.github_delivery, agentgate_engine.delivery.wait_for_ci;"
        "sys.exit('httpx' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
