"""Addresses of repositories: which are taken, which are refused, and that none gives a secret away."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentgate_engine.errors import UsageError
from agentgate_engine.workspace.mirror import network_variables, reason_in
from agentgate_engine.workspace.remote_url import check_url, github_url, without_secrets


@pytest.mark.parametrize(
    ("url", "taken"),
    [
        ("https://example.org/o/r.git", "https://example.org/o/r.git"),
        ("https://example.org/o/r.git/", "https://example.org/o/r.git"),
        ("ssh://git@example.org:2222/o/r.git", "ssh://git@example.org:2222/o/r.git"),
        ("git@example.org:o/r.git", "git@example.org:o/r.git"),
        ("file:///srv/r.git", "file:///srv/r.git"),
        ("/srv/r.git", "/srv/r.git"),
    ],
)
def test_addresses_that_git_can_fetch_from(url: str, taken: str) -> None:
    assert check_url(url) == taken


def test_a_relative_path_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert check_url("r.git") == str(tmp_path / "r.git")


@pytest.mark.parametrize(
    "url",
    [
        "https://someone:s3cret@example.org/o/r.git",
        "https://s3cret@example.org/o/r.git",
        "ssh://git:s3cret@example.org/o/r.git",
        "git:s3cret@example.org:o/r.git",
        "https://example.org/o/r.git?access_token=s3cret",
        "https://example.org/o/r.git#s3cret",
    ],
)
def test_credentials_are_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(UsageError, match="credential helper") as caught:
        check_url(url)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "--upload-pack=touch x",
        "ext::sh -c touch%20x",
        "ext::x",
        "ftp://example.org/r",
        "https://example.org",
        "https:///r.git",
        "https://[::1/r",
        "https://example.org:port/r",
        "https://example.org/a b",
        "https://example.org/\x1b[31m",
    ],
)
def test_what_is_no_address_is_refused_in_one_printable_sentence(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_url(url)
    assert str(caught.value).isprintable()


def test_a_github_repository_is_an_address() -> None:
    assert github_url("o/r") == "https://github.com/o/r.git" == github_url("o/r.git")
    assert github_url("o/r", "https://git.example.org/") == "https://git.example.org/o/r.git"


@pytest.mark.parametrize("name", ["", "o", "o/", "/r", "o/r/x", "o/..", "-o/r", "o/r?x", "https://github.com/o/r"])
def test_what_is_no_github_repository_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="owner/name"):
        github_url(name)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("fatal: repository '/x' does not exist\n", "repository '/x' does not exist"),
        (
            "git@example.org: Permission denied (publickey).\r\nfatal: Could not read from remote repository.\n\n"
            "Please make sure you have the correct access rights\nand the repository exists.\n",
            "git@example.org: Permission denied (publickey)",
        ),
        ("fatal: unable to access 'https://u:p@h/r/': no\n", "unable to access 'https://***@h/r/': no"),
        ("warning: odd\nerror: it broke\n", "error: it broke"),
        ("fatal: \x1b]0;title\x07no\n", "?]0;title?no"),
        ("", "git said nothing"),
    ],
)
def test_the_line_of_gits_that_says_why(said: str, reason: str) -> None:
    assert reason_in(said) == reason


def test_nobody_is_ever_asked_and_the_operators_own_way_holds() -> None:
    made = network_variables({"GIT_SSL_CAINFO": "/ca", "GIT_DIR": "/elsewhere", "HOME": "/h"}, {})
    assert made["GIT_TERMINAL_PROMPT"] == "0"
    assert made["GIT_ASKPASS"] == ""
    assert "BatchMode=yes" in made["GIT_SSH_COMMAND"]
    assert made["GIT_SSL_CAINFO"] == "/ca"
    assert not {"GIT_DIR", "HOME"} & set(made)
    assert network_variables({"GIT_SSH_COMMAND": "mine"}, {})["GIT_SSH_COMMAND"] == "mine"
    assert network_variables({}, {"GIT_ASKPASS": "/helper"})["GIT_ASKPASS"] == "/helper"


def test_text_loses_what_a_terminal_would_act_on() -> None:
    assert without_secrets("a\x1b[2Jb https://x:y@h/") == "a?[2Jb https://***@h/"
