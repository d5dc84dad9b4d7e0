"""Time as the store writes it. Everything that needs a clock takes one of these as an argument."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Clock:
    """The real clock. Tests pass their own with the same two methods."""

    def now(self) -> float:
        """Seconds since the epoch; for stamps only, never for measuring."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds that never go back; for durations and deadlines."""
        return time.monotonic()


def to_stamp(seconds: float) -> str:
    """Epoch seconds as UTC ISO-8601 with milliseconds and a `Z`."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def from_stamp(stamp: str) -> float:
    """The inverse of `to_stamp`; accepts any ISO-8601 time with an offset.

    Raises:
        ValueError: the text is not a time.
    """
    return datetime.fromisoformat(stamp).timestamp()
