"""Addresses of repositories elsewhere: which are taken, and how one is told without giving a secret away. Pure."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from agentgate_engine.errors import UsageError

GITHUB = "https://github.com"
_REPOSITORY = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})/(?!\.{1,2}\Z)[A-Za-z0-9._-]{1,100}\Z")
_SCP = re.compile(r"(?P<user>[^@/\s]+@)?(?P<host>[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9a-fA-F:]+\]):(?!/)(?P<path>\S+)\Z")
_SECRET = re.compile(r"(://)[^/@\s]*@")
_INSTEAD = (
    "leave them out and let git find them as it does for you: a credential helper (git config credential.helper),"
    " an ssh key, or for GitHub a token in GH_TOKEN"
)


def check_url(url: str) -> str:
    """An address that git can fetch from, without credentials; a path on this machine comes back absolute.

    Raises:
        UsageError: it is no address, holds credentials, or speaks a protocol that could start programs.
    """
    text = url.strip().rstrip("/")
    shown = without_secrets(text)
    if not text or text.startswith("-") or any(sign.isspace() or not sign.isprintable() for sign in text):
        raise UsageError(f"{shown!r} is not the address of a git repository: give https://..., ssh://... or a path")
    if re.match(r"[A-Za-z0-9+.-]+::", text):
        raise UsageError(f"{shown!r} names a helper program instead of a repository: give https:// or ssh://")
    if "://" not in text:
        if (match := _SCP.match(text)) and not Path(text).exists():
            if ":" in (match["user"] or ""):
                raise UsageError(f"the address of {match['host']} holds a password: {_INSTEAD}")
            return text
        return str(Path(text).expanduser().absolute())
    try:
        parts = urlsplit(text)
        user, password, _ = parts.username, parts.password, parts.port
    except ValueError as fault:
        raise UsageError(f"{shown!r} is not an address: {fault}") from None
    if parts.scheme not in ("https", "http", "ssh", "git", "file"):
        raise UsageError(f"{shown!r}: git is not asked to speak {parts.scheme}; give https:// or ssh://")
    if password is not None or (user is not None and parts.scheme in ("http", "https")):
        raise UsageError(f"{shown} holds credentials, which would be stored with the order: {_INSTEAD}")
    if parts.query or parts.fragment:
        raise UsageError(f"{re.split('[?#]', shown)[0]} has a ? or # part, which may hold a secret: {_INSTEAD}")
    if not parts.path.strip("/") or (parts.scheme != "file" and not parts.hostname):
        raise UsageError(f"{shown!r} names no repository: give the whole address, as in https://host/owner/name.git")
    return text


def github_url(repository: str, base: str = GITHUB) -> str:
    """The address of `owner/name` on GitHub, or on the GitHub server at `base`.

    Raises:
        UsageError: `repository` is not `owner/name`.
    """
    name = repository.removesuffix(".git")
    if not _REPOSITORY.match(name):
        raise UsageError(f"{without_secrets(repository)!r} is not a GitHub repository: give owner/name")
    return check_url(f"{base.rstrip('/')}/{name}.git")


def without_secrets(text: str) -> str:
    """`text` without user names and passwords in addresses, and without anything a terminal would act on."""
    plain = _SECRET.sub(r"\1***@", text)
    return "".join(sign if sign.isprintable() else "?" for sign in plain)
