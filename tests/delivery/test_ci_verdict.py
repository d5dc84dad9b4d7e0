"""What the three lists of GitHub add up to."""

from __future__ import annotations

import pytest

from agentgate_engine.delivery.api_answers import Annotation, CheckOutput, CheckRun, CommitStatus, WorkflowRun
from agentgate_engine.delivery.ci_checks import ci_checks
from agentgate_engine.delivery.ci_verdict import judge, timed_out, with_marks
from agentgate_engine.feedback import build_feedback
from agentgate_engine.models.verification import CheckStatus, Level, LevelResult, PersistedVerificationReport

SHA = "5" * 40


def run(name: str, conclusion: str | None, status: str = "completed", number: int = 1) -> CheckRun:
    return CheckRun(id=number, name=name, status=status, conclusion=conclusion)


def status(context: str, state: str) -> CommitStatus:
    return CommitStatus(context=context, state=state)


def workflow(state: str, conclusion: str | None) -> WorkflowRun:
    return WorkflowRun(id=9, name="CI", status=state, conclusion=conclusion, html_url="https://x/9", event="push")


@pytest.mark.parametrize(
    ("checks", "statuses", "workflows", "state", "states"),
    [
        ([], [], [], "none_found", []),
        ([run("a", "success")], [], [], "passed", ["passed"]),
        ([run("a", "neutral"), run("b", "skipped")], [], [], "passed", ["passed", "passed"]),
        ([run("a", "failure")], [], [], "failed", ["failed"]),
        ([run("a", "timed_out")], [], [], "failed", ["failed"]),
        ([run("a", "cancelled")], [], [], "failed", ["failed"]),
        ([run("a", "startup_failure")], [], [], "failed", ["failed"]),
        ([run("a", "stale")], [], [], "failed", ["failed"]),
        ([run("a", None, "in_progress")], [], [], "pending", ["pending"]),
        ([run("a", None, "queued"), run("b", "failure")], [], [], "pending", ["failed", "pending"]),
        ([run("a", "action_required")], [], [], "pending", ["person"]),
        ([], [status("ci", "success")], [], "passed", ["passed"]),
        ([], [status("ci", "pending")], [], "pending", ["pending"]),
        ([], [status("ci", "error")], [], "failed", ["failed"]),
        ([], [status("ci", "failure")], [], "failed", ["failed"]),
        ([run("a", "success")], [], [workflow("in_progress", None)], "pending", ["pending", "passed"]),
        ([run("a", "success")], [], [workflow("completed", "success")], "passed", ["passed"]),
        ([run("a", "failure")], [], [workflow("completed", "failure")], "failed", ["failed"]),
        ([], [], [workflow("completed", "startup_failure")], "failed", ["failed"]),
        ([], [], [workflow("completed", "action_required")], "pending", ["person"]),
    ],
)
def test_the_verdict(
    checks: list[CheckRun],
    statuses: list[CommitStatus],
    workflows: list[WorkflowRun],
    state: str,
    states: list[str],
) -> None:
    """upstream.md 6 (waitForCI): nothing is over while a workflow runs, and failures come first."""
    verdict = judge(SHA, checks, statuses, workflows)
    assert (verdict.state, [each.state for each in verdict.findings]) == (state, states)
    assert verdict.text


def test_the_end_of_the_time() -> None:
    """upstream.md 6 (waitForCI): what failed by then failed; else it is a timeout that names what is open."""
    late = timed_out(judge(SHA, [run("a", None, "queued"), run("b", "action_required", number=2)], [], []), 90)
    assert late.state == "timeout" and "90 s" in late.text and "b, a" in late.text and "approval" in late.text
    assert (
        timed_out(judge(SHA, [run("a", None, "queued"), run("b", "failure", number=2)], [], []), 90).state == "failed"
    )


def test_two_jobs_of_one_name_are_two_checks() -> None:
    """upstream.md 6 (waitForCI): ids are unique and in a fixed order."""
    verdict = judge(SHA, [run("test", "success"), run("test", "failure", number=2)], [], [])
    assert [check.id for check in ci_checks(verdict, tree_hash="t", plan_hash="p")] == ["L1/ci:test", "L1/ci:test (2)"]


def test_a_failure_becomes_a_check_and_feedback() -> None:
    """upstream.md 6 (waitForCI): name, conclusion, title, summary and annotations reach the agent, cleaned."""
    hostile = CheckOutput(title="2 tests\x1b[2J failed", summary="see \x1b]0;x\x07below\n" + "y" * 9000)
    failed = CheckRun(
        id=4, name="unit\x1b[31m", status="completed", conclusion="failure", html_url="https://x/4", output=hostile
    )
    verdict = judge(SHA, [failed], [], [])
    marks = [
        Annotation(path="b.py", start_line=2, annotation_level="warning", message="careful"),
        Annotation(path="a.py", start_line=7, start_column=3, annotation_level="failure", title="T", message="m\x00"),
    ]
    finding = with_marks(verdict.findings[0], marks)
    assert [each.path for each in finding.marks] == ["a.py", "b.py"]
    (check,) = ci_checks(type(verdict)("failed", SHA, (finding,)), tree_hash="t", plan_hash="p")
    assert (check.id, check.level, check.status, check.passed) == ("L1/ci:unit", Level.L1, CheckStatus.FAILED, False)
    assert check.message == "failure in continuous integration: 2 tests failed" and check.details == "https://x/4"
    assert len(check.stdout) == 4000 and "\x1b" not in check.model_dump_json()
    first = check.diagnostics[0]
    assert (first.type, first.file, first.line, first.column, first.message) == ("ci_failure", "a.py", 7, 3, "T: m^@")
    report = _report(LevelResult(level=Level.L1, status=CheckStatus.FAILED, passed=False, checks=[check]))
    feedback = build_feedback(report, created_at="2026-01-01T00:00:00.000Z")
    assert "L1/ci:unit" in feedback.text and "a.py:7: T: m^@" in feedback.text and feedback.file_references[0] == "a.py"


def test_an_unfinished_check_was_not_run() -> None:
    """upstream.md 6 (waitForCI): neither passed nor failed."""
    (check,) = ci_checks(judge(SHA, [run("a", None, "queued")], [], []), tree_hash="t", plan_hash="p")
    assert check.status is CheckStatus.NOT_RUN and not check.passed


def _report(level_1: LevelResult) -> PersistedVerificationReport:
    other = {level: LevelResult(level=level, status=CheckStatus.PASSED, passed=True) for level in Level}
    return PersistedVerificationReport(
        id="v",
        snapshot_id="s",
        run_id="abcd2345.1",
        iteration=1,
        passed=False,
        summary="continuous integration failed",
        l0_result=other[Level.L0],
        l1_result=level_1,
        l2_result=other[Level.L2],
        l3_result=other[Level.L3],
        total_duration=0,
        started_at="",
        created_at="",
        captured_at="",
        tree_hash="t",
        plan_hash="p",
    )
