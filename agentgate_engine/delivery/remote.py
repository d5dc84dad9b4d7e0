"""Where a branch is pushed to: the operator's remote as a URL without its secrets, and what the URL tells."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from agentgate_engine.delivery.token import Token
from agentgate_engine.errors import GitHubError
from agentgate_engine.views.safe_text import sanitize
from agentgate_engine.workspace.git import Git

_SCP = re.compile(r"(?P<user>[^@/:]+@)?(?P<host>\[[^\]]+\]|[^/:]+):(?P<path>(?!:).*)\Z")
_SLUG = re.compile(r"/*([A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+?)(\.git)?/*\Z")
_TOKEN_AS_USER = re.compile(r"gh[pousr]_\w+\Z|github_pat_\w+\Z|[0-9a-f]{40}\Z")
_SCHEMES = ("https", "http", "ssh", "file")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Remote:
    """A place to push to. `url` can be shown and stored; what stood before its `@` is in `user` and `secret`.

    `host` is None for a path on this machine. `slug` is the `owner/name` that the path may mean.
    """

    url: str
    scheme: str
    host: str | None = None
    slug: str | None = None
    user: str | None = None
    secret: Token | None = None

    @property
    def private_enough(self) -> bool:
        """Whether a secret may travel to it: over TLS, or not leaving the machine."""
        return self.scheme == "https" or (self.scheme == "http" and self.host in _LOOPBACK)


def resolve_remote(source: Path, named: str) -> Remote:
    """What `git push NAMED` would push to in the repository at `source`: `pushurl` and `insteadOf` count.

    `named` is the name of a remote there, or a URL. Of several push URLs the first one counts.

    Raises:
        GitHubError: there is no such remote, or nothing can be pushed to its URL.
    """
    git = Git.operators(source)
    asked = git.run("remote", "get-url", "--push", "--", named, ok=(0, 2, 128))
    if asked.code == 0:
        return parse_remote(asked.text, source)
    if "/" in named or ":" in named:
        return parse_remote(git.run("ls-remote", "--get-url", "--", named).text, source)
    known = ", ".join(git.run("remote").text.split()) or "none"
    raise GitHubError(
        f"{source} has no remote {sanitize(named)} (it has {sanitize(known)}): add it with git remote add, or name"
        " another one with --remote"
    )


def parse_remote(url: str, source: Path) -> Remote:
    """A URL of git's, taken apart. A relative path counts from `source`.

    Raises:
        GitHubError: its kind is not one that a branch can be pushed to.
    """
    if "://" in url:
        return _parse_url(url)
    if re.match(r"[A-Za-z0-9]+::", url):
        raise GitHubError(f"cannot push through the remote helper {sanitize(url.partition(':')[0])}: use https or ssh")
    scp = _SCP.match(url)
    if scp is None:
        return Remote(str(source.joinpath(url)), "file")
    host = scp["host"].strip("[]").lower()
    return Remote(url, "ssh", host, _slug(scp["path"]))


def _parse_url(url: str) -> Remote:
    parts = urlsplit(url)
    scheme = parts.scheme.lower().removeprefix("git+").removesuffix("+git")
    if scheme not in _SCHEMES:
        raise GitHubError(f"cannot push to a remote of the kind {sanitize(scheme)}:// - use https or ssh")
    if scheme == "file":
        return Remote(url, "file")
    if scheme == "ssh":
        place = _without_password(parts)
        return Remote(place, "ssh", parts.hostname, _slug(parts.path))
    user = unquote(parts.username) if parts.username else None
    password = unquote(parts.password) if parts.password else None
    if user and password is None and _TOKEN_AS_USER.match(user):
        user, password = "x-access-token", user
    clean = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    secret = Token(password, "the remote's URL") if password else None
    return Remote(clean, scheme, parts.hostname, _slug(parts.path), user, secret)


def _without_password(parts: SplitResult) -> str:
    """ssh has no use for a password in a URL, and argv is no place for one."""
    user, at, place = parts.netloc.rpartition("@")
    return parts._replace(netloc=user.partition(":")[0] + at + place).geturl()


def _slug(path: str) -> str | None:
    found = _SLUG.match(path)
    return found[1] if found else None


def git_host_of(api_url: str) -> str:
    """The host that git speaks to, of the installation that answers at `api_url`.

    `api.github.com` and `api.NAME.ghe.com` have one of their own; a GitHub Enterprise Server is one host for both.
    """
    host = (urlsplit(api_url).hostname or "").lower()
    return host.removeprefix("api.") if host == "api.github.com" or host.endswith(".ghe.com") else host


def belongs_to(remote: Remote, api_url: str) -> bool:
    """Whether a remote is on the installation at `api_url`. Only such a remote ever gets its token."""
    host = git_host_of(api_url)
    return remote.host is not None and remote.host in (host, f"ssh.{host}")


def repository_of(remote: Remote, api_url: str, named: str | None) -> str:
    """The `owner/name` to open pull requests in: `named`, else what the remote's URL says.

    Raises:
        GitHubError: neither says it.
    """
    if named:
        return named
    if remote.slug and belongs_to(remote, api_url):
        return remote.slug
    raise GitHubError(
        f"the remote {sanitize(remote.url)} does not say which repository of {git_host_of(api_url)} it is: give"
        " --github-repo OWNER/NAME (and --github-api for a GitHub Enterprise Server)"
    )
