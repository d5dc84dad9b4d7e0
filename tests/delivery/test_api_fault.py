"""What GitHub's refusals mean, as a table."""

from __future__ import annotations

import json

import pytest

from agentgate_engine.delivery.api_fault import SECONDARY_WAIT_S, Asked, Refused, fault_of, words_of

NOW = 1_700_000_000.0
ASKED = Asked("open a pull request in o/r", "the scope repo")
SECONDARY = json.dumps({"message": "You have exceeded a secondary rate limit"}).encode()


@pytest.mark.parametrize(
    ("status", "headers", "body", "retryable", "wait"),
    [
        (401, {}, b"{}", False, None),
        (403, {}, b"{}", False, None),
        (404, {}, b"{}", False, None),
        (410, {}, b"{}", False, None),
        (422, {}, b"{}", False, None),
        (302, {}, b"", False, None),
        (500, {}, b"<html>", True, None),
        (503, {"retry-after": "9"}, b"", True, None),
        (429, {"retry-after": "9"}, b"", True, 9.0),
        (429, {}, b"", True, SECONDARY_WAIT_S),
        (429, {"retry-after": "Tue, 14 Nov 2023 22:13:50 GMT"}, b"", True, 30.0),
        (429, {"retry-after": "Tue, 14 Nov 2023 22:00:00 GMT"}, b"", True, 0.0),
        (429, {"retry-after": "soon"}, b"", True, SECONDARY_WAIT_S),
        (403, {"retry-after": "9"}, b"{}", True, 9.0),
        (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1700000040"}, b"{}", True, 41.0),
        (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1600000000"}, b"{}", True, 1.0),
        (403, {"x-ratelimit-remaining": "0"}, b"{}", True, SECONDARY_WAIT_S),
        (403, {"x-ratelimit-remaining": "12"}, b"{}", False, None),
        (403, {}, SECONDARY, True, SECONDARY_WAIT_S),
    ],
)
def test_what_may_be_asked_again_and_when(
    status: int, headers: dict[str, str], body: bytes, retryable: bool, wait: float | None
) -> None:
    """upstream.md 6.7: 401, 403, 404, 422 are final; limits wait as long as GitHub asks; 5xx back off."""
    fault = fault_of(ASKED, status, headers, body, NOW)
    assert (fault.status, fault.retryable, fault.retry_after_s) == (status, retryable, wait)
    assert "open a pull request in o/r" in str(fault)


@pytest.mark.parametrize(
    ("status", "headers", "advice"),
    [
        (401, {}, "gh auth login"),
        (403, {}, "the scope repo"),
        (403, {"x-accepted-github-permissions": "pull_requests=write"}, "pull_requests=write"),
        (403, {"x-github-sso": "required; url=https://x"}, "single sign-on"),
        (404, {}, "may not see it"),
        (500, {}, "githubstatus.com"),
    ],
)
def test_the_message_says_what_to_do(status: int, headers: dict[str, str], advice: str) -> None:
    """upstream.md 6.6: each error names a way on."""
    assert advice in str(fault_of(ASKED, status, headers, b"{}", NOW))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"message": "Validation Failed", "errors": [{"message": "No commits"}]}', "Validation Failed; No commits"),
        (b'{"message": "Bad", "errors": [{"field": "base", "code": "invalid"}, "text"]}', "Bad; base invalid; text"),
        (b'{"message": "a\\u001b[2Jb\\nc\\u202e"}', "ab c\ufffd"),
        (b"<html>oops\x1b[31m</html>", "<html>oops</html>"),
        (b'{"message": "token ghp_0123456789abcdefghij seen"}', "token [masked] seen"),
        (b"", ""),
    ],
)
def test_hostile_words_are_cleaned(body: bytes, words: str) -> None:
    """upstream.md L19: no control sequence and no secret of a body gets through."""
    assert words_of(body) == words


def test_endless_words_are_cut() -> None:
    """upstream.md L19: an error stays an error, however much a server says."""
    body = json.dumps({"message": "x" * 50_000, "errors": ["y" * 9000] * 50}).encode()
    assert len(words_of(body)) <= 400
    assert len(words_of(b"z" * 10_000_000)) <= 200


def test_a_refusal_keeps_its_words() -> None:
    """upstream.md 6.4: what decides on 'already exists'."""
    fault = fault_of(ASKED, 422, {}, b'{"message": "No", "errors": ["It already exists"]}', NOW)
    assert isinstance(fault, Refused) and fault.words == "No; It already exists"
