"""Which runs go: the rules, as a table. Times are days before now, sizes bytes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agentgate_engine.store.retention import DAY_S, RetentionPolicy, RunFacts, choose_runs
from agentgate_engine.store.store import Store
from agentgate_engine.store.store_size import store_sizes

NOW = 1_000 * DAY_S


def fact(name: str, days: float, size: int = 10, kept_for: str | None = None, undelivered: bool = False) -> RunFacts:
    return RunFacts(name, NOW - days * DAY_S, size, kept_for, undelivered)


def chosen(facts: list[RunFacts], **policy: object) -> str:
    """The runs that go, oldest first; those held back for their work in brackets."""
    found = choose_runs(facts, RetentionPolicy(**policy), NOW)  # type: ignore[arg-type]
    return " ".join(f"[{one.run_id}]" if one.held else one.run_id for one in found)


def test_the_defaults_are_those_of_the_original() -> None:
    """upstream.md 2.10: maxRunAgeDays 30, maxRunCount 100."""
    policy = RetentionPolicy()
    assert (policy.older_than_s, policy.keep, policy.max_bytes) == (30 * DAY_S, 100, None)
    many = [fact(f"r{n:03}", n / 100) for n in range(103)]
    assert chosen([*many, fact("old", 31), fact("young", 29.9)]) == "old young r102 r101 r100"


RUNS = [fact("a", 40), fact("b", 20), fact("c", 10), fact("d", 1)]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({}, "a"),
        ({"older_than_s": 15 * DAY_S}, "a b"),
        ({"older_than_s": 100 * DAY_S}, ""),
        ({"keep": 1}, "a b c"),
        ({"keep": 0}, "a b c d"),
        ({"max_bytes": 30}, "a"),
        ({"max_bytes": 29}, "a b"),
        ({"max_bytes": 0}, "a b c d"),
        ({"max_bytes": 1_000}, "a"),
    ],
)
def test_age_count_and_bytes_each_let_the_oldest_go(policy: dict[str, float], expected: str) -> None:
    """upstream.md 2.10: retention by age, count and bytes."""
    assert chosen(RUNS, **policy) == expected


@pytest.mark.parametrize(
    ("facts", "policy", "expected"),
    [
        ([fact("p", 99, kept_for="is pinned"), fact("a", 40)], {}, "a"),
        ([fact("r", 99, kept_for="has not ended"), fact("a", 1)], {"keep": 0}, "a"),
        ([fact("p", 99, kept_for="is pinned"), fact("a", 1), fact("b", 2)], {"keep": 2}, ""),
        ([fact("p", 99, 100, kept_for="is pinned"), fact("a", 2), fact("b", 1)], {"max_bytes": 110}, "a"),
        ([fact("p", 99, 100, kept_for="is pinned"), fact("a", 2)], {"max_bytes": 5}, "a"),
        ([fact("u", 40, undelivered=True), fact("a", 35)], {}, "[u] a"),
        ([fact("u", 40, undelivered=True)], {"include_undelivered": True}, "u"),
        ([fact("u", 40, undelivered=True), fact("a", 2), fact("b", 1)], {"max_bytes": 20}, "[u] a"),
        ([fact("u", 2, undelivered=True), fact("a", 1)], {"keep": 1}, "[u]"),
    ],
)
def test_what_must_stay_stays(facts: list[RunFacts], policy: dict[str, float], expected: str) -> None:
    """upstream.md 2.10: running and pinned runs are never removed; work that was never delivered only when asked."""
    assert chosen(facts, **policy) == expected


def test_each_choice_says_why() -> None:
    reasons = {one.run_id: one.reason for one in choose_runs(RUNS, RetentionPolicy(keep=2, max_bytes=10), NOW)}
    assert reasons == {
        "a": "ended more than 30 days ago",
        "b": "not one of the newest 2",
        "c": "the runs hold more than 10 bytes",
    }


def test_what_takes_the_room(tmp_path: Path) -> None:
    """upstream.md 2.10: storage usage by part, the largest first; what is shared with a repository is not counted."""
    layout = Store.create_or_open(tmp_path / "store").layout
    (layout.runs / "a").write_bytes(b"x" * 10)
    (layout.workspaces / "b").write_bytes(b"x" * 30)
    (tmp_path / "object").write_bytes(b"x" * 500)
    os.link(tmp_path / "object", layout.workspaces / "object")
    assert list(store_sizes(layout).items()) == [("workspaces", 30), ("runs", 10)]
