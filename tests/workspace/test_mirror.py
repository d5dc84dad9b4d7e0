"""Sources elsewhere: fetched into a bare mirror in the store, worked on from there, and brought back to it."""

from __future__ import annotations

import http.server
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentgate_engine.errors import UsageError
from agentgate_engine.workspace.fetch_back import fetch_back, how_to_go_on
from agentgate_engine.workspace.manager import WorkspaceManager
from agentgate_engine.workspace.mirror import follow, is_mirror, mirror_path, network_variables
from agentgate_engine.workspace.resolved_source import ResolvedSource, SourceRequest, resolve_source
from agentgate_engine.workspace.source import read_file_at
from tests.workspace.conftest import RUN, Canary, git


@pytest.fixture
def mirrors(tmp_path: Path) -> Path:
    (tmp_path / "store").mkdir(exist_ok=True)
    return tmp_path / "store" / "mirrors"


@pytest.fixture
def remote(source: Path, tmp_path: Path) -> Path:
    """A bare repository elsewhere with the branches main (its HEAD) and next."""
    git(source, "branch", "next", "HEAD~1")
    git(tmp_path, "clone", "-q", "--bare", str(source), "remote.git")
    return tmp_path / "remote.git"


def _resolve(mirrors: Path, url: str, branch: str | None = None) -> ResolvedSource:
    return resolve_source(SourceRequest("git", url=url, branch=branch), mirrors, os.environ)


@pytest.mark.parametrize("shape", ["{}", "file://{}"])
def test_a_git_url_is_mirrored_and_worked_on(mirrors: Path, remote: Path, tmp_path: Path, shape: str) -> None:
    """upstream.md 2.8: --git-url starts a run from a repository elsewhere, at its HEAD."""
    found = _resolve(mirrors, shape.format(remote))
    assert (found.branch, found.head) == ("main", git(remote, "rev-parse", "main"))
    assert (found.path, found.url) == (mirror_path(mirrors, shape.format(remote)), shape.format(remote))
    assert is_mirror(found.path)
    assert read_file_at(found.path, found.head, "README.md") == b"one\ntwo\nthree\n"
    before = git(remote, "for-each-ref")
    manager = WorkspaceManager(tmp_path / "store" / "workspaces")
    workspace = manager.prepare_for_run(RUN, found.record())
    assert (workspace.tree / "src" / "main.py").exists()
    assert git(workspace.tree, "tag") == "v1"
    (workspace.tree / "new").write_text("x")
    taken = workspace.snapshot(1, "one", workspace.head())
    assert fetch_back(workspace, found.path, taken.commit) is None
    manager.remove(RUN, keep_repository=False)

    assert git(remote, "for-each-ref") == before, "the other side is only read"
    command = how_to_go_on(found.record(), workspace.branch)
    git(tmp_path, "clone", "-q", str(remote), "checkout")
    git(tmp_path / "checkout", *command.split()[1:])
    assert git(tmp_path / "checkout", "rev-parse", "FETCH_HEAD") == taken.commit


def test_a_branch_can_be_chosen_and_its_newest_state_is_fetched(mirrors: Path, remote: Path, source: Path) -> None:
    """upstream.md 2.8: --git-branch."""
    first = _resolve(mirrors, str(remote), "next")
    assert (first.branch, first.head) == ("next", git(source, "rev-parse", "HEAD~1"))
    kept = "refs/heads/agentgate/x"
    git(first.path, "update-ref", kept, first.head)
    git(source, "push", "-qf", str(remote), "main~0:next")
    again = _resolve(mirrors, str(remote), "next")
    assert again.head == git(source, "rev-parse", "main")
    git(source, "push", "-qf", str(remote), "main~1:next")
    assert _resolve(mirrors, str(remote), "next").head == first.head, "a branch that was forced back is followed"
    assert git(first.path, "rev-parse", kept) == first.head, "what a run delivered is not pruned"


def test_a_detached_head_and_another_object_format(mirrors: Path, tmp_path: Path) -> None:
    place = tmp_path / "odd"
    git(tmp_path, "init", "-q", "--object-format=sha256", "odd")
    (place / "file").write_text("x")
    git(place, "add", "-A")
    git(place, "commit", "-qm", "first")
    git(place, "checkout", "-q", "--detach")
    found = _resolve(mirrors, str(place))
    assert (found.branch, found.head) == (None, git(place, "rev-parse", "HEAD"))


def test_what_cannot_be_read_is_refused_with_gits_reason(mirrors: Path, remote: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"does not appear to be a git repository|does not exist"):
        _resolve(mirrors, str(tmp_path / "nowhere"))
    with pytest.raises(UsageError, match="no branch 'gone'; it has main, next"):
        _resolve(mirrors, str(remote), "gone")
    with pytest.raises(UsageError, match="no branch"):
        _resolve(mirrors, str(remote), "*")
    git(tmp_path, "init", "-q", "--bare", "empty.git")
    with pytest.raises(UsageError, match="has no commit yet"):
        _resolve(mirrors, str(tmp_path / "empty.git"))
    assert not list(mirrors.glob("*.git")), "no mirror of what cannot be read"


def test_what_a_killed_fetch_left_is_in_nobodys_way(mirrors: Path, remote: Path) -> None:
    found = _resolve(mirrors, str(remote))
    (found.path / "refs" / "remotes" / "origin" / "main.lock").write_text("")
    (found.path / "objects" / "pack").mkdir(exist_ok=True)
    (found.path / "objects" / "pack" / "tmp_pack_x").write_text("half")
    (found.path / "agentgate-mirror").unlink()
    assert _resolve(mirrors, str(remote)).head == found.head
    assert not (found.path / "objects" / "pack" / "tmp_pack_x").exists()


def test_the_other_side_has_nothing_to_run_here(mirrors: Path, remote: Path, canary: Canary) -> None:
    canary.hooks(remote / "hooks")
    git(remote, "config", "uploadpack.packObjectsHook", str(canary.script))
    _resolve(mirrors, str(remote))
    assert canary.sang == ""


class _WantsCredentials(http.server.BaseHTTPRequestHandler):
    seen: list[str | None]

    def do_GET(self) -> None:
        self.seen.append(self.headers.get("Authorization"))
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="x"')
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def closed_server() -> Iterator[tuple[str, list[str | None]]]:
    """A server that lets nobody in, and the Authorization of each request that came."""
    handler = type("Handler", (_WantsCredentials,), {"seen": []})
    with http.server.HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", handler.seen
        server.shutdown()
        thread.join()


def test_nobody_is_asked_for_a_password(
    mirrors: Path, closed_server: tuple[str, list[str | None]], canary: Canary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_ASKPASS", str(canary.script))
    monkeypatch.setenv("GIT_ASKPASS", str(canary.script))
    with pytest.raises(UsageError, match="nobody is asked for any here"):
        _resolve(mirrors, f"{closed_server[0]}/o/r.git")
    assert canary.sang == ""


def test_a_token_travels_in_the_environment_and_stands_nowhere(
    mirrors: Path, closed_server: tuple[str, list[str | None]]
) -> None:
    """upstream.md 2.8: --github o/r, with a token that no file and no command line holds."""
    base, seen = closed_server
    given = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"http.{base}/.extraheader",
        "GIT_CONFIG_VALUE_0": "Authorization: Bearer t0ken",
    }
    request = SourceRequest("github", repository="o/r", github_base=base)
    with pytest.raises(UsageError) as caught:
        resolve_source(request, mirrors, os.environ, git_environment=given)
    assert "Bearer t0ken" in seen
    assert "t0ken" not in str(caught.value)
    held = [path for path in mirrors.rglob("*") if path.is_file() and b"t0ken" in path.read_bytes()]
    assert held == []


def test_two_submits_at_once_share_one_mirror(mirrors: Path, remote: Path) -> None:
    heads: list[str] = []

    def fetch() -> None:
        heads.append(follow(str(remote), None, mirrors, network_variables(os.environ, {})).head)

    threads = [threading.Thread(target=fetch) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(heads) == {git(remote, "rev-parse", "main")}
    assert len(heads) == 3
    assert subprocess.run(["git", "-C", str(mirror_path(mirrors, str(remote))), "fsck"], check=False).returncode == 0
