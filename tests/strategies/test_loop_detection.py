"""Circles: the same tree, the same failure, to and fro."""

from __future__ import annotations

import pytest

from agentgate_engine.strategies.loop_detection import find_loop, loop_metadata

from .support import PASS, It, event


def trees(names: str) -> list[It]:
    return [It(tree=name, signature=f"s{n}") for n, name in enumerate(names)]


def failures(names: str) -> list[It]:
    return [It(tree=f"t{n}", signature=name) for n, name in enumerate(names)]


@pytest.mark.parametrize(
    ("iterations", "expected"),
    [
        pytest.param(trees("a"), None, id="one is no circle"),
        pytest.param(trees("abc"), None, id="always something else"),
        pytest.param(trees("aa"), ("same_tree", 0.67, (1, 2)), id="the same tree twice"),
        pytest.param(trees("aba"), ("same_tree", 0.67, (1, 3)), id="back to an earlier tree"),
        pytest.param(trees("aaa"), ("same_tree", 1.0, (1, 2, 3)), id="the same tree three times"),
        pytest.param(trees("aaaa"), ("same_tree", 1.0, (1, 2, 3, 4)), id="confidence ends at one"),
        pytest.param(trees("aab"), None, id="the newest one left the circle"),
        pytest.param(trees("abab"), ("alternating", 0.9, (1, 2, 3, 4)), id="to and fro"),
        pytest.param(trees("xabab"), ("alternating", 0.9, (2, 3, 4, 5)), id="to and fro later on"),
        pytest.param(trees("abba"), ("same_tree", 0.67, (1, 4)), id="there and back is not to and fro"),
        pytest.param(failures("aa"), ("same_failure", 0.67, (1, 2)), id="the same failure twice"),
        pytest.param(failures("aaa"), ("same_failure", 1.0, (1, 2, 3)), id="the same failure three times"),
        pytest.param(failures("aba"), None, id="a failure has to come back at once"),
        pytest.param([It(), It(), It(), It()], None, id="what is not known is not alike"),
        pytest.param([*trees("aa"), PASS], None, id="a pass closes no circle"),
    ],
)
def test_which_circles_are_seen(iterations: list[It], expected: tuple[str, float, tuple[int, ...]] | None) -> None:
    """upstream.md 2.3: same tree twice (n/3), same failure twice, A-B-A-B at 0.9."""
    loop = find_loop(event(*iterations))
    found = (loop.kind, round(loop.confidence, 2), loop.iterations) if loop else None
    assert found == expected
    assert (loop_metadata(event(*iterations)) == {}) is (expected is None)
    assert (loop.sure if loop else False) is (expected is not None and expected[1] > 0.8)


def test_a_repeated_pass_is_no_circle() -> None:
    again = It("+", passed=True, tree="t")
    assert find_loop(event(again, again, again)) is None
