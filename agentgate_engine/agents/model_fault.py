"""What an error from a model's API means for the run: whether to wait, to fix the credentials, or to give up."""

from __future__ import annotations

import re

from agentgate_engine.models.agent_result import AgentOutcome

_READ = 4000

_BY_TEXT = (
    (
        AgentOutcome.AUTH,
        r"not logged in|invalid (x-)?api.key|authentication.(error|failed)|please run /login|"
        r"oauth token .*(expired|revoked)",
    ),
    (AgentOutcome.LIMIT_REACHED, r"credit balance is too low|insufficient.quota"),
    (AgentOutcome.RATE_LIMITED, r"rate.limit|usage limit|too many requests|\(429\)"),
    (
        AgentOutcome.OVERLOADED,
        r"overloaded|timed? ?out|connection (error|refused|reset|closed)|econn(refused|reset)|socket hang up|"
        r"fetch failed|network error|internal server error|service unavailable|api error: 5\d\d",
    ),
)
_PATTERNS = tuple((outcome, re.compile(pattern, re.IGNORECASE)) for outcome, pattern in _BY_TEXT)


def outcome_of_fault(status: int | None, text: str) -> AgentOutcome | None:
    """The outcome that an HTTP status, or an error text when there is no status, stands for. None = nothing known.

    The text must be the agent's own error report, never the model's words: those can say anything.
    """
    if status is not None:
        return _of_status(status)
    shown = text[:_READ]
    return next((outcome for outcome, pattern in _PATTERNS if pattern.search(shown)), None)


def _of_status(status: int) -> AgentOutcome | None:
    if status in (401, 403):
        return AgentOutcome.AUTH
    if status == 429:
        return AgentOutcome.RATE_LIMITED
    if status == 408 or 500 <= status <= 599:
        return AgentOutcome.OVERLOADED
    return None
