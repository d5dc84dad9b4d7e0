"""Which runs go: by age, by count, by bytes. Pure, so that a dry run and a real one cannot differ."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

DAY_S = 86_400.0
What = Literal["runs", "workspaces", "logs", "mirrors", "quarantine"]
EVERYTHING: tuple[What, ...] = get_args(What)


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """What is kept (upstream.md 2.10: 30 days, 100 runs). Ages in seconds; `max_bytes` None is no bound."""

    older_than_s: float = 30 * DAY_S
    keep: int = 100
    max_bytes: int | None = None
    compress_after_s: float = 7 * DAY_S
    what: frozenset[What] = frozenset(EVERYTHING)
    include_undelivered: bool = False


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What decides about a run. `ended_at` is Unix time; `size` the bytes that it and its workspace hold.

    `kept_for` says why it stays whatever its age (not over, pinned, another order waits for it), None when it may go.
    `undelivered`: its workspace holds work that stands nowhere else.
    """

    run_id: str
    ended_at: float
    size: int
    kept_for: str | None
    undelivered: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """A run that goes, and why; `held`: it would, but its work was never delivered."""

    run_id: str
    reason: str
    held: bool


def choose_runs(facts: Iterable[RunFacts], policy: RetentionPolicy, now: float) -> list[Choice]:
    """The runs that go, oldest first, and those that only their undelivered work keeps.

    By age; then all but the newest `keep` of those that have ended; then the oldest until what is left of all runs
    holds no more than `max_bytes`.
    """
    every = sorted(facts, key=lambda one: (one.ended_at, one.run_id))
    may_go = [one for one in every if one.kept_for is None]
    reasons: dict[str, str] = {}
    for one in may_go:
        if now - one.ended_at > policy.older_than_s:
            reasons[one.run_id] = f"ended more than {_days(policy.older_than_s)} ago"
    for one in may_go[: max(0, len(may_go) - policy.keep)]:
        reasons.setdefault(one.run_id, f"not one of the newest {policy.keep}")
    _over_the_bytes(every, may_go, policy, reasons)
    chosen = [one for one in may_go if one.run_id in reasons]
    return [Choice(one.run_id, reasons[one.run_id], not _goes(one, policy)) for one in chosen]


def _over_the_bytes(
    every: Sequence[RunFacts], may_go: Sequence[RunFacts], policy: RetentionPolicy, reasons: dict[str, str]
) -> None:
    if policy.max_bytes is None:
        return
    left = sum(one.size for one in every if not (one.run_id in reasons and _goes(one, policy)))
    for one in may_go:
        if left <= policy.max_bytes:
            return
        if one.run_id not in reasons:
            reasons[one.run_id] = f"the runs hold more than {policy.max_bytes} bytes"
            left -= one.size if _goes(one, policy) else 0


def _goes(one: RunFacts, policy: RetentionPolicy) -> bool:
    return policy.include_undelivered or not one.undelivered


def _days(seconds: float) -> str:
    if seconds % DAY_S == 0:
        return f"{seconds / DAY_S:g} days" if seconds != DAY_S else "1 day"
    return f"{seconds:g} s"
