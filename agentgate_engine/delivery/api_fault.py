"""What an answer that is no success means: whether it may be asked again, when, and what the operator can do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from pydantic import ValidationError

from agentgate_engine.delivery.api_answers import ErrorAnswer
from agentgate_engine.delivery.hostile_text import one_line
from agentgate_engine.errors import GitHubError

SECONDARY_WAIT_S = 60.0
"""What GitHub's documentation asks for, where a limit is reached and no header says how long."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for: in words (`open a pull request in o/r`), and what a token needs for it."""

    what: str
    needs: str


class Refused(GitHubError):
    """GitHub refused the content of a request (422). `words` are its reasons, cleaned."""

    def __init__(self, message: str, words: str) -> None:
        super().__init__(message, status=422)
        self.words = words


def fault_of(asked: Asked, status: int, headers: Mapping[str, str], body: bytes, now: float) -> GitHubError:
    """The error for an answer with `status`. `headers` has lower-case names, `now` is in seconds since the epoch."""
    words = words_of(body)
    cannot = f"cannot {asked.what}"
    said = f" GitHub says: {words}" if words else ""
    wait = _wait(status, headers, words, now)
    if wait is not None:
        message = f"{cannot}: GitHub's rate limit is reached, it asks to wait {wait:.0f} s.{said}"
        return GitHubError(message, status=status, retryable=True, retry_after_s=wait)
    match status:
        case 401:
            advice = "GitHub does not accept the token: make a new one, or run gh auth login"
        case 403 if "x-github-sso" in headers:
            advice = "the organisation wants single sign-on: authorise the token for it in GitHub's settings"
        case 403:
            advice = f"the token may not do this: it needs {asked.needs}{_accepted(headers)}"
        case 404:
            advice = f"there is no such thing, or the token may not see it: check the name; it needs {asked.needs}"
        case 410:
            advice = "the repository has turned this off"
        case 422:
            return Refused(f"{cannot}: GitHub refused it as it stands.{said}", words)
        case _ if status >= 500:
            message = f"{cannot}: GitHub is at fault (status {status}); see githubstatus.com.{said}"
            return GitHubError(message, status=status, retryable=True)
        case _:
            advice = f"GitHub answered with status {status}"
    return GitHubError(f"{cannot}: {advice}.{said}", status=status)


def words_of(body: bytes) -> str:
    """The message of an error answer with its details, cleaned and at most 400 characters."""
    try:
        answer = ErrorAnswer.model_validate_json(body[:65_536])
    except ValidationError:
        return one_line(body[:1000].decode("utf-8", "replace"), 200)
    details = [
        each if isinstance(each, str) else _detail(each.message, each.field, each.code) for each in answer.errors
    ]
    return one_line("; ".join(part for part in (answer.message, *details[:5]) if part), 400)


def _detail(message: str | None, field: str | None, code: str | None) -> str:
    return message or " ".join(part for part in (field, code) if part)


def _accepted(headers: Mapping[str, str]) -> str:
    named = headers.get("x-accepted-github-permissions") or headers.get("x-accepted-oauth-scopes")
    return f" (GitHub accepts {one_line(named, 100)})" if named else ""


def _wait(status: int, headers: Mapping[str, str], words: str, now: float) -> float | None:
    """How long a limit asks to wait, in seconds; None when the answer is about something else."""
    asked = _retry_after(headers.get("retry-after"), now)
    if status in (403, 429):
        if asked is not None:
            return asked
        if headers.get("x-ratelimit-remaining") == "0":
            reset = headers.get("x-ratelimit-reset", "")
            return max(0.0, float(reset) - now) + 1.0 if reset.isdecimal() else SECONDARY_WAIT_S
        if status == 429 or "rate limit" in words.lower() or "abuse" in words.lower():
            return SECONDARY_WAIT_S
    return None


def _retry_after(value: str | None, now: float) -> float | None:
    """The header as seconds from `now`; it holds seconds or a date."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except (ValueError, TypeError):
        return None
