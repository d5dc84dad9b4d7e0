"""Secrets are masked wherever people read, and nothing else is touched."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgate_engine.store.masking import Masker, looks_secret, mask_within

CANARY = "canary-7421-value"


@pytest.mark.parametrize("name", ["API_KEY", "GITHUB_TOKEN", "DB_PASSWORD", "aws_secret", "AUTHORIZATION", "X_AUTH"])
def test_names_of_secrets(name: str) -> None:
    assert looks_secret(name)


@pytest.mark.parametrize("name", ["PATH", "GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "KEYBOARD", "MONKEY", "LANG"])
def test_names_of_no_secrets(name: str) -> None:
    """An author's name was masked wherever it stood, and kept from the checks."""
    assert not looks_secret(name)


@pytest.mark.parametrize(
    "secret",
    [
        *(
            "sk-ant-api03-abcdefgh",
            "ghp_abcdefghij0123456789",
            "github_pat_abcdefghij0123456789",
            "AKIAABCDEFGHIJKLMNOP",
        ),
        *("xoxb-123456789012-abc", "glpat-abcdefghij0123456789", "eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.SflKxwRJSMeKKF2Q"),
    ],
)
def test_known_shapes_are_masked_wherever_they_come_from(secret: str) -> None:
    masked = Masker().mask(f"before {secret} after")
    assert masked == "before [masked] after"


def test_values_of_secret_variables_are_masked_by_name_the_longest_first() -> None:
    masker = Masker.from_environment(
        {"A_TOKEN": CANARY, "B_TOKEN": f"{CANARY}-long", "SHORT_KEY": "abc", "PATH": "/bin"}
    )
    assert masker.mask(f"{CANARY}-long {CANARY} abc /bin") == "[masked:B_TOKEN] [masked:A_TOKEN] abc /bin"


def test_a_password_in_an_address_is_masked_and_its_user_is_not() -> None:
    assert Masker().mask("https://olga:hunter2@host/x") == "https://olga:[masked]@host/x"


def test_the_author_that_git_commits_with_is_not_masked() -> None:
    masker = Masker.from_environment({"GIT_AUTHOR_NAME": "Alexandra", "GIT_AUTHOR_EMAIL": "alexandra@example.org"})
    assert masker.mask("by Alexandra <alexandra@example.org>") == "by Alexandra <alexandra@example.org>"


def test_a_document_keeps_its_numbers_and_its_shape() -> None:
    """A password of digits that stood among the numbers made the record unreadable, and the run fail."""
    masker = Masker.from_environment({"DB_PASSWORD": "12345678"})
    found = mask_within({"bytes": 123456789, "text": ["it is 12345678", None, True]}, masker.mask)
    assert found == {"bytes": 123456789, "text": ["it is [masked:DB_PASSWORD]", None, True]}


def test_a_secret_of_several_lines_is_masked_in_a_document() -> None:
    """As JSON it is spelled with \\n, and was not found."""
    masker = Masker.from_environment({"SSH_KEY": 'line "one"\nline two'})
    assert mask_within({"output": 'cat: line "one"\nline two'}, masker.mask) == {"output": "cat: [masked:SSH_KEY]"}


@given(st.text())
def test_what_is_masked_can_always_be_written_and_masking_twice_changes_nothing(text: str) -> None:
    masker = Masker.from_environment({"A_TOKEN": CANARY})
    once = masker.mask(text + "\ud800" + CANARY)
    once.encode()
    assert CANARY not in once
    assert masker.mask(once) == once
