"""Git on its way to a server: which of the operator's settings go along, and how a secret does.

A secret stands in the environment of that one git and its children, and nowhere else: not in an argument, a URL or a
file. Git asks for it through a credential helper, only for the host it is meant for, and only when the server wants
one. The operator's own helpers are then out of the way, for git offers them what worked, to keep.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from agentgate_engine.delivery.remote import Remote, belongs_to, parse_remote
from agentgate_engine.delivery.token import Token
from agentgate_engine.workspace.git import NETWORK_VARIABLES, Git, zero_separated

_PROTOCOLS = "file:http:https:ssh"
_NEVER_ASK = {"GIT_ASKPASS": "", "SSH_ASKPASS_REQUIRE": "never"}
_NAME, _SECRET = "AGENTGATE_PUSH_USER", "AGENTGATE_PUSH_SECRET"
# `printf` is built into sh: its words are no arguments of a process.
_HELPER = f'!f() {{ if test "$1" = get; then printf "username=%s\\npassword=%s\\n" "${_NAME}" "${_SECRET}"; fi; }}; f'
_SETTINGS = r"^(http\..*|core\.sshcommand|core\.gitproxy|ssh\.variant|protocol\.version)$"
_CREDENTIALS = r"^credential\."


@dataclass(frozen=True, slots=True)
class NetworkGit(Git):
    """`Git` with secrets in its settings and its variables, which no `repr` shows."""

    config: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    variables: tuple[tuple[str, str], ...] = field(default=(), repr=False)


def git_for(
    remote: Remote,
    *,
    git_dir: Path,
    busy: Path | None,
    source: Path,
    token: Token | None,
    api_url: str,
    deadline: float,
) -> NetworkGit:
    """The git that pushes from `git_dir` to `remote` as the operator's own would from `source`.

    `token` goes along only when the remote is on the installation at `api_url` and the way there is private.
    """
    here = NetworkGit(directory=git_dir, git_dir=git_dir, busy=busy, deadline=deadline, protocols=_PROTOCOLS)
    if remote.scheme == "file":
        return replace(here, hermetic=False)
    settings = _operators(source, _SETTINGS)
    variables = {name: os.environ[name] for name in NETWORK_VARIABLES if name in os.environ} | _NEVER_ASK
    secret, user = remote.secret, remote.user
    if token and belongs_to(remote, api_url):
        secret, user = token, "x-access-token"
    if secret and remote.private_enough:
        settings += credential_settings(remote.url)
        variables |= {_NAME: user or "x-access-token", _SECRET: secret.reveal()}
    else:
        settings += _operators(source, _CREDENTIALS)
        if user:
            settings += ((f"credential.{credential_base(remote.url)}.username", user),)
    return replace(here, config=settings, variables=tuple(variables.items()))


def fetch_variables(url: str, token: Token | None, api_url: str) -> dict[str, str]:
    """What another git needs in its environment to read `url` with the token: nothing, unless the token is for it."""
    remote = parse_remote(url, Path("/"))
    if token is None or not belongs_to(remote, api_url) or not remote.private_enough:
        return {}
    variables = {_NAME: "x-access-token", _SECRET: token.reveal()}
    settings = credential_settings(remote.url)
    for position, (key, value) in enumerate(settings):
        variables |= {f"GIT_CONFIG_KEY_{position}": key, f"GIT_CONFIG_VALUE_{position}": value}
    return variables | {"GIT_CONFIG_COUNT": str(len(settings))}


def credential_settings(url: str) -> tuple[tuple[str, str], ...]:
    """Our credential helper for the host of `url`, and no other one for it."""
    base = credential_base(url)
    return (("credential.helper", ""), (f"credential.{base}.helper", ""), (f"credential.{base}.helper", _HELPER))


def credential_base(url: str) -> str:
    """Scheme, host and port of a URL: what a credential is for."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _operators(source: Path, pattern: str) -> tuple[tuple[str, str], ...]:
    """The operator's settings whose key matches, from all his files, in their order. Values may be secret."""
    listed = Git.operators(source).run("config", "--includes", "-z", "--get-regexp", pattern, ok=(0, 1)).stdout
    pairs = (entry.partition(b"\n") for entry in zero_separated(listed))
    return tuple((os.fsdecode(key), os.fsdecode(value) if middle else "true") for key, middle, value in pairs)
