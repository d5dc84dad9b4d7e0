"""URLs of git's: what they say, and what must not stay in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentgate_engine.delivery.remote import belongs_to, git_host_of, parse_remote, repository_of, resolve_remote
from agentgate_engine.errors import GitHubError

from ..workspace.conftest import git
from .conftest import Desk

HERE = Path("/home/olga/project")
API = "https://api.github.com"


@pytest.mark.parametrize(
    ("url", "shown", "scheme", "host", "slug"),
    [
        ("https://github.com/octo/shop.git", None, "https", "github.com", "octo/shop"),
        ("https://GitHub.com/octo/shop/", None, "https", "github.com", "octo/shop"),
        ("https://olga:pw@github.com/octo/shop", "https://github.com/octo/shop", "https", "github.com", "octo/shop"),
        ("https://olga@github.com/octo/shop", "https://github.com/octo/shop", "https", "github.com", "octo/shop"),
        ("git@github.com:octo/shop.git", None, "ssh", "github.com", "octo/shop"),
        ("ssh://git@ssh.github.com:443/octo/shop.git", None, "ssh", "ssh.github.com", "octo/shop"),
        ("ssh://git:pw@host/octo/shop", "ssh://git@host/octo/shop", "ssh", "host", "octo/shop"),
        ("git+ssh://git@host/octo/shop", None, "ssh", "host", "octo/shop"),
        ("http://127.0.0.1:8080/a/b/c.git", None, "http", "127.0.0.1", None),
        ("/srv/git/shop.git", None, "file", None, None),
        ("../shop.git", "/home/olga/project/../shop.git", "file", None, None),
        ("file:///srv/git/shop.git", None, "file", None, None),
        ("./odd:name.git", "/home/olga/project/odd:name.git", "file", None, None),
    ],
)
def test_a_url_is_taken_apart(url: str, shown: str | None, scheme: str, host: str | None, slug: str | None) -> None:
    """upstream.md L19: what can be shown has no password in it."""
    found = parse_remote(url, HERE)
    assert (found.url, found.scheme, found.host, found.slug) == (shown or url, scheme, host, slug)


def test_the_secret_of_a_url_is_kept_aside() -> None:
    """upstream.md L19: it still serves the push, as a Token."""
    found = parse_remote("https://olga:p%40ss@github.com/octo/shop", HERE)
    assert found.secret is not None and (found.user, found.secret.reveal()) == ("olga", "p@ss")
    assert "p@ss" not in repr(found) and "p%40ss" not in repr(found)
    token = "ghp_0123456789abcdefghij"
    bare = parse_remote(f"https://{token}@github.com/octo/shop", HERE)
    assert bare.secret is not None and bare.secret.reveal() == token and token not in repr(bare)


@pytest.mark.parametrize("url", ["ext::sh -c id", "git://github.com/octo/shop", "ftp://host/x", "s3::bucket"])
def test_other_kinds_are_refused(url: str) -> None:
    """upstream.md 8.2 (push): no remote helper is started."""
    with pytest.raises(GitHubError, match="https"):
        parse_remote(url, HERE)


@pytest.mark.parametrize(
    ("api", "host"),
    [
        (API, "github.com"),
        ("https://github.example.org/api/v3", "github.example.org"),
        ("https://api.acme.ghe.com", "acme.ghe.com"),
        ("https://api.example.org", "api.example.org"),
    ],
)
def test_an_installation_has_one_git_host(api: str, host: str) -> None:
    """upstream.md 8.2: GitHub Enterprise is told from github.com."""
    assert git_host_of(api) == host


@pytest.mark.parametrize(
    ("url", "belongs"),
    [
        ("https://github.com/octo/shop", True),
        ("git@ssh.github.com:octo/shop", True),
        ("https://github.com.evil.example/octo/shop", False),
        ("https://gitlab.com/octo/shop", False),
        ("https://evil.example/github.com/shop", False),
        ("/srv/git/github.com/shop.git", False),
    ],
)
def test_only_its_own_remotes_belong_to_an_installation(url: str, belongs: bool) -> None:
    """upstream.md L19: no other host is ever offered the token."""
    assert belongs_to(parse_remote(url, HERE), API) is belongs


def test_the_repository_is_told_by_the_remote_or_by_name() -> None:
    """upstream.md 8.2 (getRepoInfo): a path says nothing, so it has to be named."""
    assert repository_of(parse_remote("git@github.com:octo/shop.git", HERE), API, None) == "octo/shop"
    assert repository_of(parse_remote("git@github.com:octo/shop.git", HERE), API, "up/shop") == "up/shop"
    for url in ("/srv/shop.git", "git@gitlab.com:octo/shop.git"):
        with pytest.raises(GitHubError, match="--github-repo"):
            repository_of(parse_remote(url, HERE), API, None)


def test_the_operators_configuration_decides(desk: Desk) -> None:
    """upstream.md 8.2 (push): pushurl, insteadOf and pushInsteadOf count, as for his own git push."""
    source = desk.source
    assert resolve_remote(source, "origin").url == str(desk.bare)
    git(source, "config", "remote.origin.pushurl", "git@github.com:octo/shop.git")
    assert resolve_remote(source, "origin").url == "git@github.com:octo/shop.git"
    git(source, "config", "--unset", "remote.origin.pushurl")
    git(source, "remote", "set-url", "origin", "hub:octo/shop.git")
    git(source, "config", "url.https://github.com/.insteadOf", "hub:")
    assert resolve_remote(source, "origin").url == "https://github.com/octo/shop.git"
    assert resolve_remote(source, "hub:octo/other.git").url == "https://github.com/octo/other.git"
    git(source, "config", "url.ssh://git@github.com/.pushInsteadOf", "hub:")
    assert resolve_remote(source, "origin").url == "ssh://git@github.com/octo/shop.git"


def test_an_unknown_remote_is_named(desk: Desk) -> None:
    """upstream.md 8.2 (push): the message names those that are there."""
    with pytest.raises(GitHubError, match=r"no remote upstream \(it has origin\)"):
        resolve_remote(desk.source, "upstream")
    with pytest.raises(GitHubError):
        resolve_remote(desk.source, "--upload-pack=id")
