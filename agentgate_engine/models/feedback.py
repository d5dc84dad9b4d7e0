"""What an agent is told after a failed iteration: structured, and the exact text as sent."""

from __future__ import annotations

from agentgate_engine.models.record import Record
from agentgate_engine.models.verification import FailureKind, Level


class FeedbackFailure(Record):
    """One failing check. One check is one failure, however many lines it printed."""

    level: Level
    check: str
    type: FailureKind
    message: str
    details: str = ""
    command: str | None = None
    exit_code: int | None = None
    file: str | None = None
    line: int | None = None
    expected: str | None = None
    actual: str | None = None


class FeedbackRecord(Record):
    """`feedback-{n}.json`: `text` is byte for byte what the next agent call got; the counts say what did not fit.

    `overall_status` is `passed` where a strategy goes on after a pass; `extra` is what the strategy added.
    """

    run_id: str
    iteration: int
    created_at: str
    overall_status: str = "failed"
    summary: str
    failed_level: Level | None = None
    failures: list[FeedbackFailure] = []
    failures_dropped: int = 0
    suggestions: list[str] = []
    file_references: list[str] = []
    extra: str | None = None
    text: str
    bytes: int
    lines_kept: int
    lines_dropped: int
