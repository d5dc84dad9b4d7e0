"""Progress, measured on checks and cases against the best iteration before."""

from __future__ import annotations

import pytest

from agentgate_engine.strategies.progress import passing_fraction, progress_of

from .support import It, event


@pytest.mark.parametrize(
    ("checks", "passed", "expected"),
    [
        ("++xx", False, 0.5),
        ("+~fx", False, 0.75),
        ("+...", False, 0.25),
        ("+x--", False, 0.5),
        ("", False, 0.0),
        ("", True, 1.0),
        ("--", True, 1.0),
    ],
)
def test_the_share_of_passing_checks(checks: str, passed: bool, expected: float) -> None:
    """upstream.md 2.3: a check that was not reached does not pass, a skipped one does not count."""
    assert passing_fraction(event(It(checks, passed=passed)).current) == expected


@pytest.mark.parametrize(
    ("iterations", "expected"),
    [
        pytest.param([It("xx")], True, id="the first has nothing to compare with"),
        pytest.param([It("xx"), It("+x")], True, id="one more passes"),
        pytest.param([It("xx"), It("xx")], False, id="standing still"),
        pytest.param([It("+x"), It("xx")], False, id="going back"),
        pytest.param([It("+x"), It("xx"), It("+x")], False, id="back to the best is no progress"),
        pytest.param([It("+" * 15 + "x" * 5), It("+" * 16 + "x" * 4)], True, id="a fifth of the failures gone"),
        pytest.param([It("x" * 20), It("+" + "x" * 19)], False, id="a twentieth is below the threshold"),
        pytest.param([It("+xx"), It("x..")], False, id="fewer failures because nothing was run"),
        pytest.param([It("+x", cases=10), It("+x", cases=9)], True, id="a tenth of the cases mended"),
        pytest.param([It("+x", cases=100), It("+x", cases=95)], False, id="a twentieth of the cases"),
        pytest.param([It("+x", cases=10), It("+x", cases=12)], False, id="more cases fail"),
        pytest.param([It("+x", cases=5), It("+x", cases=8), It("+x", cases=5)], False, id="cases back to the best"),
        pytest.param([It("+x", cases=5), It("+x", cases=0)], False, id="a check that names no case any more"),
        pytest.param([It("+x", cases=5), It("xx", cases=1)], False, id="cases do not make up for a check"),
        pytest.param([It("xx", text="failing"), It("xx", text="all is well now")], False, id="words are no progress"),
    ],
)
def test_what_counts_as_progress(iterations: list[It], expected: bool) -> None:
    """upstream.md 2.3: bonus iterations only if progressing, by a threshold of 0.1."""
    assert progress_of(event(*iterations), 0.1).made is expected


def test_the_threshold_decides_and_standing_still_never_counts() -> None:
    """upstream.md 2.3: progressThreshold is used, unlike the original's."""
    iterations = [It("x" * 10), It("+" + "x" * 9)]
    assert [progress_of(event(*iterations), share).made for share in (0, 0.05, 0.1, 0.11, 1)] == [
        True,
        True,
        True,
        False,
        False,
    ]
    assert progress_of(event(It("x"), It("x")), 0).made is False


def test_the_detail_says_what_was_measured() -> None:
    assert progress_of(event(It("xx"), It("+x")), 0.1).detail == "50% of the checks pass, at best 0% before"
    cases = progress_of(event(It("x", cases=8), It("x", cases=6)), 0.1)
    assert cases.detail == "6 test cases fail, at best 8 before"
