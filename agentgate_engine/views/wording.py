"""States as people read them: glyph, word and style, in that order of trust (tui.md 3.4). And times, sizes, money."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from agentgate_engine.clock import from_stamp

Style = Literal["passed", "failed", "running", "waiting", "warning", "canceled", "unknown", "dim", ""]


@dataclass(frozen=True, slots=True)
class Shown:
    """How a state is shown. `ascii` replaces `glyph` where the terminal has no UTF-8; both are one cell wide."""

    glyph: str
    ascii: str
    word: str
    style: Style


PASSED = Shown("✓", "+", "pass", "passed")
FAILED = Shown("✗", "x", "FAIL", "failed")
RUNNING = Shown("▸", "*", "run", "running")
WAITING = Shown("·", ".", "wait", "waiting")
NOT_RUN = Shown("·", ".", "not run", "waiting")
WARNING = Shown("≈", "~", "warn", "warning")
CANCELED = Shown("–", "-", "cancel", "canceled")
UNKNOWN = Shown("?", "?", "no data", "unknown")

_RUN = {"succeeded": PASSED, "failed": FAILED, "canceled": CANCELED, "queued": WAITING}
_CHECK = {"passed": PASSED, "failed": FAILED, "warning": WARNING, "flaky": WARNING, "skipped": CANCELED}
_GLYPH = {"+": PASSED, "x": FAILED, "*": RUNNING, ".": NOT_RUN, "-": CANCELED, "~": WARNING}


def of_run(state: str) -> Shown:
    """A run's state. Every state between queued and the end is `run`."""
    return _RUN.get(state, RUNNING)


def of_check(status: str) -> Shown:
    """A check's or a level's status."""
    return _CHECK.get(status, RUNNING if status == "running" else NOT_RUN)


def of_level_glyph(glyph: str) -> Shown:
    """One of the four signs in `Run.levels`."""
    return _GLYPH.get(glyph, UNKNOWN)


def duration(milliseconds: int | None) -> str:
    """`840ms`, `4.2s`, `3m12s`, `2h05m`; `-` when unknown."""
    if milliseconds is None:
        return "-"
    if milliseconds < 1000:
        return f"{milliseconds}ms"
    seconds = milliseconds / 1000
    if seconds < 10:
        return f"{seconds:.1f}s"
    if seconds < 60:
        return f"{seconds:.0f}s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes}m{rest:02d}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}m" if hours < 48 else f"{hours // 24}d"


def age(stamp: str | None, now: float) -> str:
    """How long ago, in one unit: `4s`, `12m`, `3h`, `2d`; `-` when unknown."""
    if stamp is None:
        return "-"
    try:
        seconds = max(0, int(now - from_stamp(stamp)))
    except ValueError:
        return "-"
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def cost(usd: float | None) -> str:
    """US dollars; `?` when the agent did not tell, never a zero that nobody measured."""
    return "?" if usd is None else f"{usd:.2f}" if usd >= 0.01 or usd == 0 else "<.01"


def tokens(count: int | None) -> str:
    """`840`, `12k`, `1.2M`; `?` when unknown."""
    if count is None:
        return "?"
    if count < 1000:
        return str(count)
    return f"{count / 1000:.0f}k" if count < 1_000_000 else f"{count / 1_000_000:.1f}M"


def size(count: int) -> str:
    """Bytes, as people read them."""
    value, units = float(count), ("B", "KB", "MB", "GB")
    for unit in units:
        if value < 1024 or unit == units[-1]:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    raise AssertionError


def plural(count: int, noun: str, many: str | None = None) -> str:
    """`1 check`, `2 checks`; `many` where the plural is not made with an s."""
    return f"{count} {noun}" if count == 1 else f"{count} {many or noun + 's'}"
