"""The operator's GitHub token: where it is found, and a class that never shows it."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from typing import NoReturn

from agentgate_engine.errors import GitHubError, UsageError
from agentgate_engine.store.masking import Masker

TOKEN_VARIABLES = ("AGENTGATE_GITHUB_TOKEN", "GH_TOKEN", "GITHUB_TOKEN")
GH_DEADLINE_S = 5.0
HIDDEN = "[masked:GITHUB_TOKEN]"

_FORM = re.compile(r"[\x21-\x7e]{1,1024}\Z")


class Token:
    """A secret that no `repr`, `str`, format, copy to disk or error shows. `origin` says where it was found."""

    __slots__ = ("_value", "origin")

    def __init__(self, value: str, origin: str) -> None:
        """Take a secret.

        Raises:
            UsageError: it cannot be one: a header could not carry it. The message names the origin, not the value.
        """
        if not _FORM.match(value):
            raise UsageError(f"the GitHub token from {origin} has spaces or control characters: set it again")
        self._value = value
        self.origin = origin

    def reveal(self) -> str:
        """The secret itself; for a request header and for the environment of a push, and for nothing else."""
        return self._value

    def hide_in(self, text: str) -> str:
        """`text` without the secret."""
        return text.replace(self._value, HIDDEN)

    def added_to(self, masker: Masker) -> Masker:
        """A masker that also masks this secret, which `gh` may keep outside the environment."""
        return Masker(((self._value, "GITHUB_TOKEN"), *masker.values))

    def hidden_by(self, mask: Callable[[str], str]) -> Callable[[str], str]:
        """As `added_to`, for a mask that is a function."""
        return lambda text: mask(self.hide_in(text))

    def __repr__(self) -> str:
        return f"Token(from {self.origin})"

    __str__ = __repr__

    def __reduce__(self) -> NoReturn:
        raise TypeError("a token is never written anywhere")


def find_token(environment: Mapping[str, str], host: str = "github.com") -> Token | None:
    """The token for `host`: of the first variable that is set, else of `gh auth token`. Blocks for up to 5 s.

    Raises:
        UsageError: the first one that is set cannot be a token.
    """
    for name in TOKEN_VARIABLES:
        if value := environment.get(name, "").strip():
            return Token(value, name)
    program = shutil.which("gh", path=environment.get("PATH"))
    if program is None:
        return None
    try:
        said = subprocess.run(
            [program, "auth", "token", "--hostname", host],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=GH_DEADLINE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    value = said.stdout.decode("ascii", "replace").strip()
    return Token(value, "gh auth token") if said.returncode == 0 and value else None


def no_token(host: str, what: str) -> GitHubError:
    """The error for something on `host` that needs a token when none was found."""
    first, *others = TOKEN_VARIABLES
    return GitHubError(
        f"no token for {host}, which {what} needs: set {first} (or {' or '.join(others)}) in the environment of the"
        f" engine, or run gh auth login --hostname {host}"
    )
