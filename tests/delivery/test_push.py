"""The push of one commit to real bare repositories, on the disk and behind HTTP."""

from __future__ import annotations

import asyncio
import os
import select
import shutil
from pathlib import Path

import pytest

from agentgate_engine.delivery.network_git import fetch_variables
from agentgate_engine.delivery.push import Pushed, place_of, push_branch
from agentgate_engine.delivery.remote import parse_remote, resolve_remote
from agentgate_engine.delivery.token import Token
from agentgate_engine.errors import GitHubError
from agentgate_engine.workspace.git import Git

from ..tools.git_http import GitHttp
from ..workspace.conftest import Canary, git
from .conftest import BRANCH, SECRET, Desk

API = "https://api.github.com"


def push(desk: Desk, commit: str, url: str | None = None, **more: object) -> Pushed:
    remote = parse_remote(url or str(desk.bare), desk.source)
    place = place_of(desk.workspace, desk.source, commit)
    given = {"source": desk.source, "token": None, "api_url": API} | more
    return push_branch(place, remote, BRANCH, commit, **given)  # pyright: ignore[reportArgumentType]


def test_exactly_the_commit_and_nothing_else(desk: Desk) -> None:
    """upstream.md 8.2 (push): one ref; no tag, no upstream, no ref of the run."""
    first = desk.commit("a.txt", "a\n")
    desk.commit("b.txt", "b\n")
    git(desk.workspace.repository, "tag", "v1", first)
    assert push(desk, first) == Pushed(str(desk.bare), BRANCH, first, already_there=False)
    refs = git(desk.bare, "for-each-ref", "--format=%(refname) %(objectname)")
    main = git(desk.source, "rev-parse", "HEAD")
    assert refs.splitlines() == [f"refs/heads/{BRANCH} {first}", f"refs/heads/main {main}"]


def test_again_is_fine_and_later_goes_forward(desk: Desk) -> None:
    """upstream.md 8.2 (push): what is there already is a success."""
    first = desk.commit("a.txt", "a\n")
    push(desk, first)
    assert push(desk, first).already_there
    second = desk.commit("b.txt", "b\n")
    assert not push(desk, second).already_there and desk.remote_tip() == second


def test_a_foreign_branch_is_never_overwritten(desk: Desk) -> None:
    """upstream.md 8.2 (push, force=false): final, and says what to do."""
    git(desk.source, "checkout", "-q", "-b", BRANCH)
    (desk.source / "theirs.txt").write_text("theirs\n")
    git(desk.source, "add", "-A")
    git(desk.source, "commit", "-qm", "theirs")
    git(desk.source, "push", "-q", "origin", BRANCH)
    theirs = desk.remote_tip()
    commit = desk.commit("a.txt", "a\n")
    for replaces in (None, git(desk.source, "rev-parse", "main"), desk.workspace.base_commit):
        with pytest.raises(GitHubError, match="rename it") as refused:
            push(desk, commit, replaces=replaces)
        assert not refused.value.retryable and desk.remote_tip() == theirs


def test_our_own_earlier_tip_may_be_replaced_unless_somebody_moved_it(desk: Desk) -> None:
    """upstream.md 8.2 (push): with a lease on exactly what this run pushed before."""
    base = desk.workspace.head()
    first = desk.commit("a.txt", "a\n")
    push(desk, first)
    desk.workspace.restore(base)
    other = desk.commit("b.txt", "b\n")
    with pytest.raises(GitHubError):
        push(desk, other)
    assert not push(desk, other, replaces=first).already_there and desk.remote_tip() == other
    assert push(desk, other, replaces=first).already_there
    desk.workspace.restore(base)
    third = desk.commit("c.txt", "c\n")
    with pytest.raises(GitHubError, match="somebody else moved it"):
        push(desk, third, replaces=first)
    assert desk.remote_tip() == other


def test_no_hook_of_ours_runs_and_the_servers_decide(desk: Desk, canary: Canary) -> None:
    """upstream.md 8.2 (push): the operator's pre-push stays out; a server's refusal is final and quoted."""
    canary.hooks(desk.source / ".git" / "hooks")
    canary.hooks(desk.workspace.repository / "hooks")
    first = desk.commit("a.txt", "a\n")
    push(desk, first)
    assert canary.sang == ""
    hook = desk.bare / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nprintf 'GH013: Repository rule violations \\033[31m\\n' >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(GitHubError, match="a rule of the repository refuses it") as refused:
        push(desk, desk.commit("b.txt", "b\n"))
    assert not refused.value.retryable and "\x1b" not in str(refused.value)


def test_a_repository_that_is_not_there(desk: Desk, tmp_path: Path) -> None:
    """upstream.md 6.7: tried once."""
    with pytest.raises(GitHubError, match="there is no such repository") as refused:
        push(desk, desk.commit("a.txt", "a\n"), str(tmp_path / "gone.git"))
    assert not refused.value.retryable


def test_a_branch_name_that_is_taken_by_a_branch_above_it(desk: Desk) -> None:
    """upstream.md 8.2 (push): a branch `agentgate` leaves no room for ours."""
    git(desk.bare, "branch", "agentgate", "main")
    with pytest.raises(GitHubError, match="stands in the way") as refused:
        push(desk, desk.commit("a.txt", "a\n"))
    assert not refused.value.retryable


def test_a_push_that_takes_too_long_is_ended_and_may_be_tried_again(desk: Desk, tmp_path: Path) -> None:
    """upstream.md 6.4: the deadline ends it with everything it had started."""
    hook = desk.bare / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 600\n")
    hook.chmod(0o755)
    commit = desk.commit("a.txt", "a\n")
    with pytest.raises(GitHubError, match="took longer than") as late:
        push(desk, commit, deadline=2.0)
    assert late.value.retryable
    assert _ended(int((tmp_path / "pid").read_text()))
    hook.unlink()
    assert not push(desk, commit).already_there


def test_nobody_listens(desk: Desk) -> None:
    """upstream.md 6.4: trouble of the network may be tried again."""
    with pytest.raises(GitHubError, match="could not be reached") as fault:
        push(desk, desk.commit("a.txt", "a\n"), "http://127.0.0.1:1/octo/shop.git")
    assert fault.value.retryable


def _ended(pid: int) -> bool:
    """Whether a process ends: it was signalled, and has ten seconds to notice."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], 10.0)[0])
    finally:
        os.close(descriptor)


class TestOverHttp:
    """upstream.md L19: the token reaches the server it is for, and nothing else sees it."""

    @pytest.fixture(autouse=True)
    def _operators_helper(self, tmp_path: Path) -> None:
        """A credential helper of the operator's that keeps whatever it is told, as `store` and keychains do."""
        self.kept = tmp_path / "kept-by-helper"
        helper = tmp_path / "helper.sh"
        helper.write_text(
            f'#!/bin/sh\necho "$1" >> {self.kept}; cat >> {self.kept}\n'
            'test "$1" = get && printf "username=olga\\npassword=of-the-helper\\n"; true\n'
        )
        helper.chmod(0o755)
        self.configuration = tmp_path / "home" / ".gitconfig"
        self.configuration.write_text(
            f"[credential]\n\thelper = {helper}\n[trace2]\n\tnormalTarget = {tmp_path}/trace\n\tconfigParams = *\n"
            f'[credential "http://127.0.0.1"]\n\thelper = {helper}\n\tusername = olga\n'
        )

    async def test_the_token_is_given_to_its_host_alone(
        self, desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """upstream.md L19: in no command line, no file, no URL, and in no helper's hands."""
        real, seen = shutil.which("git"), tmp_path / "argv"
        (tmp_path / "bin").mkdir()
        wrapper = tmp_path / "bin" / "git"
        wrapper.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >> {seen}\nexec {real} "$@"\n')
        wrapper.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
        commit = desk.commit("a.txt", "a\n")
        async with GitHttp(tmp_path / "hub", {"x-access-token": SECRET}).serving() as server:
            url = f"{server.base}/octo/shop.git"
            token = Token(SECRET, "a test")
            done = await asyncio.to_thread(push, desk, commit, url, token=token, api_url=f"{server.base}/api/v3")
        assert done.url == url and desk.remote_tip() == commit
        assert set(server.offered) == {f"x-access-token:{SECRET}"}
        assert any("remote-http" in line for line in server.seen) and "push" in seen.read_text()
        assert not any(SECRET in line for line in server.seen)
        assert not self.kept.exists()
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert [path for path in files if SECRET.encode() in path.read_bytes()] == []

    async def test_another_host_gets_the_operators_credentials(self, desk: Desk, tmp_path: Path) -> None:
        """upstream.md L19: the token of github.com is not offered to a server that is not GitHub."""
        commit = desk.commit("a.txt", "a\n")
        async with GitHttp(tmp_path / "hub", {"olga": "of-the-helper"}).serving() as server:
            url = f"{server.base}/octo/shop.git"
            await asyncio.to_thread(push, desk, commit, url, token=Token(SECRET, "a test"))
        assert desk.remote_tip() == commit and set(server.offered) == {"olga:of-the-helper"}

    async def test_a_secret_in_the_remotes_url_serves_and_does_not_show(self, desk: Desk, tmp_path: Path) -> None:
        """upstream.md L19: a URL with a password in the operator's configuration stays there."""
        commit = desk.commit("a.txt", "a\n")
        async with GitHttp(tmp_path / "hub", {"ben": "in-the-url"}).serving() as server:
            url = server.base.replace("http://", "http://ben:in-the-url@") + "/octo/shop.git"
            done = await asyncio.to_thread(push, desk, commit, url)
        assert "in-the-url" not in done.url and not any("in-the-url" in line for line in server.seen)
        assert desk.remote_tip() == commit and not self.kept.exists()

    async def test_settings_of_the_operators_repository_go_along(self, desk: Desk, tmp_path: Path) -> None:
        """upstream.md 8.2 (push): an Authorization header that CI put there serves, as for his own push."""
        git(desk.source, "config", "http.extraHeader", "Authorization: Basic Y2k6b2YtY2k=")
        async with GitHttp(tmp_path / "hub", {"ci": "of-ci"}).serving() as server:
            await asyncio.to_thread(push, desk, desk.commit("a.txt", "a\n"), f"{server.base}/octo/shop.git")
        assert set(server.offered) == {"ci:of-ci"} and not any("Y2k6b2YtY2k" in line for line in server.seen)

    @pytest.mark.parametrize(
        ("status", "retryable", "advice"),
        [(403, False, "Contents, write"), (404, False, "no such repository"), (503, True, "overloaded")],
    )
    async def test_what_a_server_answers(
        self, desk: Desk, tmp_path: Path, status: int, retryable: bool, advice: str
    ) -> None:
        """upstream.md 6.7: 403 and 404 are final, 5xx is not."""
        commit = desk.commit("a.txt", "a\n")
        async with GitHttp(tmp_path / "hub", {}).serving() as server:
            server.refuse_with = status
            with pytest.raises(GitHubError, match=advice) as refused:
                await asyncio.to_thread(push, desk, commit, f"{server.base}/octo/shop.git")
        assert (refused.value.retryable, refused.value.status) == (retryable, status)

    async def test_wrong_credentials_are_final(self, desk: Desk, tmp_path: Path) -> None:
        """upstream.md 6.7: 401 is never repeated; nobody is asked for a password."""
        commit = desk.commit("a.txt", "a\n")
        async with GitHttp(tmp_path / "hub", {"x-access-token": "another"}).serving() as server:
            url, api = f"{server.base}/octo/shop.git", f"{server.base}/api/v3"
            with pytest.raises(GitHubError, match="AGENTGATE_GITHUB_TOKEN") as refused:
                await asyncio.to_thread(push, desk, commit, url, token=Token(SECRET, "a test"), api_url=api)
        assert not refused.value.retryable and SECRET not in str(refused.value)

    async def test_a_fetch_gets_the_token_the_same_way(self, desk: Desk, tmp_path: Path) -> None:
        """upstream.md L19: with the operator's configuration in force, his helpers still are not told the token."""
        async with GitHttp(tmp_path / "hub", {"x-access-token": SECRET}).serving() as server:
            url = f"{server.base}/octo/shop.git"
            variables = fetch_variables(url, Token(SECRET, "a test"), f"{server.base}/api/v3")
            reading = Git.operators(desk.source).reaching({**variables, "GIT_ASKPASS": ""})
            said = await asyncio.to_thread(reading.run, "ls-remote", "--", url)
        assert "refs/heads/main" in said.text and set(server.offered) == {f"x-access-token:{SECRET}"}
        assert not self.kept.exists() and not any(SECRET in line for line in server.seen)
        assert fetch_variables("https://gitlab.com/o/r", Token(SECRET, "a test"), API) == {}
        assert fetch_variables("http://github.com/o/r", Token(SECRET, "a test"), API) == {}


def test_the_mirror_of_an_order_from_elsewhere_serves_too(desk: Desk, tmp_path: Path) -> None:
    """upstream.md 8.2 (push): for work on a clone of a URL, the operator's repository is a bare mirror of ours."""
    mirror = tmp_path / "mirror.git"
    git(tmp_path, "init", "-q", "--bare", str(mirror))
    git(mirror, "config", "remote.origin.url", str(desk.bare))
    commit = desk.commit("a.txt", "a\n")
    git(mirror, "fetch", "-q", str(desk.workspace.repository), f"{BRANCH}:{BRANCH}")
    desk.workspace.repository.rename(tmp_path / "away.git")
    place = place_of(desk.workspace, mirror, commit)
    assert place.git_dir == mirror and place.busy is None
    push_branch(place, resolve_remote(mirror, "origin"), BRANCH, commit, source=mirror, token=None, api_url=API)
    assert desk.remote_tip() == commit
