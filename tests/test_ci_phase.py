"""What continuous integration said, taken into a report that was judged here."""

from __future__ import annotations

import pytest

from agentgate_engine.models.git_ops import GitOps
from agentgate_engine.models.verification import Check, CheckStatus, Diagnostic, Level, LevelResult
from agentgate_engine.phases.ci_phase import with_checks, within_the_run
from tests.verify.reports import check, report_of

PASSED, FAILED, WARNING, FLAKY = CheckStatus.PASSED, CheckStatus.FAILED, CheckStatus.WARNING, CheckStatus.FLAKY


def ci(name: str, status: CheckStatus, *messages: str) -> Check:
    identity = f"L1/ci:{name}"
    marks = [Diagnostic(level=Level.L1, check=identity, type="ci_failure", message=each) for each in messages]
    return check(identity, status, command=None, exit_code=None, diagnostics=marks)


@pytest.mark.parametrize(
    ("ours", "theirs", "level"),
    [
        ([PASSED], [PASSED], PASSED),
        ([PASSED], [PASSED, FAILED], FAILED),
        ([WARNING], [PASSED], WARNING),
        ([FLAKY], [PASSED], FLAKY),
        ([PASSED], [], PASSED),
        ([], [PASSED], PASSED),
        ([], [FAILED], FAILED),
    ],
)
def test_the_worst_check_is_the_levels(ours: list[CheckStatus], theirs: list[CheckStatus], level: CheckStatus) -> None:
    """upstream.md 2.6: what continuous integration said decides with what was judged here."""
    own = [check(f"L1/own{n}", status) for n, status in enumerate(ours)]
    found = with_checks(report_of(*own), [ci(f"c{n}", status) for n, status in enumerate(theirs)], ["a note"])
    assert found.l1_result.status is level and found.l1_result.passed is (level is not FAILED)
    assert found.passed is (level is not FAILED) and "a note" in found.notes
    assert [each.name for each in found.l1_result.checks] == [
        *(each.name for each in own),
        *(f"ci:c{n}" for n in range(len(theirs))),
    ]


def test_a_level_that_had_no_check_is_judged_now() -> None:
    """upstream.md 2.3: it is no longer among the skipped ones, and has no reason for being empty."""
    bare = report_of()
    empty = LevelResult(level=Level.L1, status=CheckStatus.SKIPPED, passed=False, reason="nothing to run")
    bare = bare.model_copy(update={"l1_result": empty, "skipped_levels": [Level.L1, Level.L2]})
    found = with_checks(bare, [ci("build", PASSED)], [])
    assert found.skipped_levels == [Level.L2] and found.l1_result.reason is None
    assert with_checks(bare, [], []).l1_result == empty


def test_doing_it_again_replaces_what_was_said_before() -> None:
    """An engine that died between the file and the event leaves nothing twice, nor a check that is gone."""
    first = with_checks(report_of(check("L1/own", PASSED)), [ci("old", FAILED, "boom"), ci("b", FAILED, "bang")], ["n"])
    again = with_checks(first, [ci("b", FAILED, "bang")], ["n"])
    assert [each.name for each in again.l1_result.checks] == ["own", "ci:b"]
    assert [each.message for each in again.diagnostics] == ["bang"] and again.notes.count("n") == 1
    assert again.first_failed is not None and again.first_failed.id == "L1/ci:b"
    assert not again.passed and "ci:b" in again.summary


@pytest.mark.parametrize(
    ("asked", "waited", "left", "most"),
    [(1800, 0, 3000, 1800), (1800, 0, 60, 60), (1800, 100, 60, 160), (1800, 1790, 60, 1800), (1800, 5, -3, 5)],
)
def test_the_wait_ends_with_the_runs_own_time(asked: float, waited: float, left: float, most: float) -> None:
    """upstream.md L12: else it would ask GitHub without a pause, for a run without time sleeps no more."""
    ops = within_the_run(GitOps(ci_timeout_seconds=asked), waited_s=waited, left_s=left)
    assert ops.ci_timeout_seconds == most
