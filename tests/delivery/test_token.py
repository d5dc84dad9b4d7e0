"""The token is found where people keep it, and shown nowhere."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from agentgate_engine.delivery.token import Token, find_token, no_token
from agentgate_engine.errors import UsageError
from agentgate_engine.store.masking import Masker

SECRET = "canary-token-7421"


@pytest.mark.parametrize(
    ("environment", "value", "origin"),
    [
        ({"AGENTGATE_GITHUB_TOKEN": "a", "GH_TOKEN": "b", "GITHUB_TOKEN": "c"}, "a", "AGENTGATE_GITHUB_TOKEN"),
        ({"GH_TOKEN": " b\n", "GITHUB_TOKEN": "c"}, "b", "GH_TOKEN"),
        ({"AGENTGATE_GITHUB_TOKEN": "", "GITHUB_TOKEN": "c"}, "c", "GITHUB_TOKEN"),
    ],
)
def test_the_first_variable_that_is_set_counts(environment: dict[str, str], value: str, origin: str) -> None:
    """upstream.md L19: ours before gh's before Actions'."""
    found = find_token(environment | {"PATH": ""})
    assert found is not None and (found.reveal(), found.origin) == (value, origin)


def _gh(directory: Path, script: str) -> dict[str, str]:
    program = directory / "gh"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return {"PATH": f"{directory}:/usr/bin:/bin"}


def test_gh_is_asked_for_the_host(tmp_path: Path) -> None:
    """upstream.md L19: `gh auth token` is the last resort."""
    environment = _gh(tmp_path, f'test "$*" = "auth token --hostname git.example.org" && echo {SECRET}')
    found = find_token(environment, "git.example.org")
    assert found is not None and (found.reveal(), found.origin) == (SECRET, "gh auth token")
    assert find_token(environment, "github.com") is None


def test_nothing_is_no_token(tmp_path: Path) -> None:
    """upstream.md L19: no gh, or one that is not logged in, is no fault."""
    assert find_token({"PATH": str(tmp_path)}) is None
    assert find_token(_gh(tmp_path, "echo not logged in >&2; exit 1")) is None
    assert "gh auth login --hostname github.com" in str(no_token("github.com", "create_pr"))


def test_no_way_of_writing_shows_it() -> None:
    """upstream.md L19: repr, str, format and containers name its origin; it cannot be pickled."""
    token = Token(SECRET, "GH_TOKEN")
    for text in (repr(token), str(token), f"{token}", f"{token!r:>40}", str([token]), "%s" % token):  # noqa: UP031
        assert SECRET not in text and "GH_TOKEN" in text
    with pytest.raises(TypeError):
        pickle.dumps(token)
    assert not hasattr(token, "__dict__")


def test_it_is_masked_in_other_texts() -> None:
    """upstream.md L19: one that gh keeps is in no variable, so the masker has to be told."""
    masker = Token(SECRET, "gh auth token").added_to(Masker())
    assert masker.mask(f"a {SECRET} b") == "a [masked:GITHUB_TOKEN] b"


@pytest.mark.parametrize("value", ["two words", "x\r\nHost: evil", "é", "x" * 2000])
def test_what_no_header_carries_is_no_token(value: str) -> None:
    """upstream.md L19: the message names the variable, not the value."""
    with pytest.raises(UsageError) as refused:
        find_token({"GH_TOKEN": value})
    assert "GH_TOKEN" in str(refused.value) and value not in str(refused.value)
