"""Times and sizes as they are typed."""

from __future__ import annotations

import argparse

import pytest

from agentgate_engine.cli.quantities import byte_count, time_span


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30d", 2_592_000), ("30", 2_592_000), ("12h", 43_200), ("90m", 5400), ("45s", 45), ("2w", 1_209_600), ("0", 0)],
)
def test_a_time(text: str, seconds: float) -> None:
    assert time_span(text) == seconds


@pytest.mark.parametrize(
    ("text", "count"),
    [("10G", 10 << 30), ("500m", 500 << 20), ("1.5K", 1536), ("12", 12), ("2TiB", 2 << 40), ("3 kb", 3072)],
)
def test_a_size(text: str, count: int) -> None:
    assert byte_count(text) == count


@pytest.mark.parametrize("text", ["", "-1d", "d", "1y", "1e9", "inf"])
def test_what_is_neither_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is no time"):
        time_span(text)
    with pytest.raises(argparse.ArgumentTypeError, match="is no size"):
        byte_count(text)
