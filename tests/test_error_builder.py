"""BuildErrors say what happened, with particulars, and where everything lies."""

from __future__ import annotations

import pytest

from agentgate_engine.error_builder import (
    error_of_agent,
    error_of_system,
    error_of_timeout,
    error_of_verification,
)
from agentgate_engine.errors import GitHubError, ParkRun, SnapshotError, UsageError, WorkspaceError
from agentgate_engine.models.agent_result import AgentOutcome, PersistedAgentResult, TokenUsage
from agentgate_engine.models.build_error import BuildError, BuildErrorType
from agentgate_engine.models.verification import Case, Check, CheckStatus
from tests.verify.reports import check, diagnostic, report_of

AT = "2026-01-01T00:00:00.000Z"


def agent(outcome: AgentOutcome, code: int | None = 0, signal: str | None = None, **about: object) -> BuildError:
    limit = about.pop("limit_s", None)
    facts = {"run_id": "abcdefgh.1", "iteration": 2, "captured_at": AT, "agent": "scripted", "outcome": outcome}
    facts |= {"success": outcome is AgentOutcome.SUCCESS, "exit_code": code, "signal": signal, **about}
    result = PersistedAgentResult.model_validate(facts)
    return error_of_agent(result, phase="building", failed_at=AT, limit_s=limit)  # type: ignore[arg-type]


AGENT_ROWS = [
    (agent(AgentOutcome.TIMEOUT, None, "SIGTERM", limit_s=600.0), "agent_timeout", "time limit of 600 s", True),
    (agent(AgentOutcome.TIMEOUT, 124), "agent_timeout", "exited with 124", True),
    (agent(AgentOutcome.CRASH, 3), "agent_crash", "exited with code 3 and did not finish", False),
    (
        agent(AgentOutcome.CRASH, 137),
        "agent_crash",
        "code 137 (a process in it was killed), and not by AgentGate",
        False,
    ),
    (
        agent(AgentOutcome.CRASH, None, "SIGKILL"),
        "agent_crash",
        "killed by SIGKILL, and not by AgentGate: the machine may",
        False,
    ),
    (agent(AgentOutcome.CRASH, None, "SIGSEGV"), "agent_crash", "died of SIGSEGV", False),
    (agent(AgentOutcome.CRASH, None), "agent_crash", "could not be started", False),
    (agent(AgentOutcome.INCOMPLETE), "agent_crash", "ended (exit 0) without saying that it was finished", True),
    (agent(AgentOutcome.TASK_FAILURE), "agent_task_failure", "could not do the task (exit 0)", False),
    (agent(AgentOutcome.AUTH, 1), "agent_task_failure", "check its credentials", False),
    (agent(AgentOutcome.RATE_LIMITED, 1), "agent_task_failure", "too many requests", True),
    (agent(AgentOutcome.OVERLOADED, 1), "agent_task_failure", "overloaded", True),
    (agent(AgentOutcome.LIMIT_REACHED, 1), "agent_task_failure", "a limit of its own", False),
    (agent(AgentOutcome.LOOP_DETECTED, 1), "agent_task_failure", "in circles", False),
    (agent(AgentOutcome.CANCELED, None), "unknown", "was canceled", False),
]


@pytest.mark.parametrize(("error", "kind", "said", "retryable"), AGENT_ROWS)
def test_an_agent_s_end_becomes_a_type_a_sentence_and_whether_to_retry(
    error: BuildError, kind: str, said: str, retryable: bool
) -> None:
    assert error.type.value == kind
    assert said in error.message
    assert error.retryable is retryable
    assert error.agent_result_file == "agent-2.json"
    assert error.context["signature"]


def test_every_outcome_has_a_sentence() -> None:
    assert all(agent(outcome).message for outcome in AgentOutcome)


def test_an_agent_error_keeps_tails_context_and_the_agent_s_own_reason() -> None:
    error = agent(
        AgentOutcome.TASK_FAILURE,
        1,
        stdout="".join(f"line {i}\n" for i in range(200)),
        stderr="oops\n",
        stdout_log="processes/2-agent-1-1/stdout.log",
        outcome_reason="the tests cannot be made to pass",
        session_id="s-1",
        model="m",
        duration_ms=1234,
        tokens_used=TokenUsage(input=1, output=2, total=3),
    )
    assert error.message.endswith("(exit 1): the tests cannot be made to pass")
    assert error.stdout.split("\n") == [f"line {i}" for i in range(150, 200)]
    assert (error.stderr, error.exit_code) == ("oops", 1)
    assert error.log_files == ["processes/2-agent-1-1/stdout.log"]
    assert error.context | {"signature": None} == {
        "signature": None,
        "outcome": "task_failure",
        "sessionId": "s-1",
        "model": "m",
        "durationMs": 1234,
        "tokensUsed": 3,
        "toolCallCount": 0,
        "signal": None,
    }
    assert (error.phase, error.failed_at) == ("building", AT)


def test_what_people_read_stands_in_for_raw_output() -> None:
    result = PersistedAgentResult(
        run_id="r",
        iteration=1,
        captured_at=AT,
        agent="a",
        success=False,
        outcome=AgentOutcome.CRASH,
        stdout='{"raw":1}',
    )
    assert error_of_agent(result, phase="building", failed_at=AT, output="I gave up").stdout == "I gave up"


def verification(*checks: Check) -> BuildError:
    return error_of_verification(report_of(*checks), phase="verifying", failed_at=AT)


@pytest.mark.parametrize(
    ("check_id", "kind"),
    [
        ("L0/forbidden-patterns", "contract_failed"),
        ("L0/required-files", "contract_failed"),
        ("L1/typecheck", "typecheck_failed"),
        ("L1/type-check", "typecheck_failed"),
        ("L1/Type Check", "typecheck_failed"),
        ("L1/tsc", "typecheck_failed"),
        ("L1/mypy strict", "typecheck_failed"),
        ("L1/pyright", "typecheck_failed"),
        ("L1/lint", "lint_failed"),
        ("L1/eslint", "lint_failed"),
        ("L1/ruff", "lint_failed"),
        ("L1/unit", "test_failed"),
        ("L1/splinter", "test_failed"),
        ("L1/build", "test_failed"),
        ("L1/setup:lint", "test_failed"),
        ("L1/max-runtime", "test_failed"),
        ("L1/vitest", "test_failed"),
        ("L1/jest", "test_failed"),
        ("L1/ci", "ci_failed"),
        ("L1/ci: workflow", "ci_failed"),
        ("L0/schema:package.json", "contract_failed"),
        ("L0/naming:src/**/*.ts", "contract_failed"),
        ("L2/cli", "blackbox_failed"),
        ("L2/lint", "blackbox_failed"),
        ("L3/large-files", "contract_failed"),
    ],
)
def test_the_type_follows_the_first_failed_check(check_id: str, kind: str) -> None:
    """upstream.md 4.4: the name of the first failed check, by level."""
    error = verification(check(check_id))
    assert error.type.value == kind
    assert error.message.startswith(f"{check_id} failed: ")
    assert error.context["check"] == check_id


def test_a_forbidden_file_is_no_failing_test_even_when_l1_did_not_run() -> None:
    """upstream.md 4.4: a forbidden file is not test_failed, and L0 is named."""
    error = verification(
        check("L0/forbidden-patterns", message="1 forbidden file: .env"), check("L1/x", CheckStatus.NOT_RUN)
    )
    assert error.type is BuildErrorType.CONTRACT_FAILED
    assert error.message == "L0/forbidden-patterns failed: 1 forbidden file: .env"
    assert error.context["failedLevels"] == ["L0"]


def test_counts_come_from_cases_then_from_the_output() -> None:
    """upstream.md 4.6: "3 failed, 10 passed" gives failedTests 3."""
    cases = [Case(id=str(i), status=CheckStatus.FAILED) for i in range(2)] + [Case(id="p", status=CheckStatus.PASSED)]
    assert verification(check(cases=cases)).context["failedTests"] == 2
    assert verification(check(stdout="3 failed, 10 passed in 1s")).context["failedTests"] == 3
    assert verification(check(stderr="FAILED (failures=4)")).context["failedTests"] == 4
    assert verification(check(stdout="no idea")).context["failedTests"] == 0


def test_two_errors_in_one_file_are_two_and_one() -> None:
    """upstream.md 4.6: two TS errors in one file give 2 errors and 1 file."""
    error = verification(check("L1/tsc", diagnostics=[diagnostic("a", "x.ts", 1), diagnostic("b", "x.ts", 2)]))
    assert (error.context["errorCount"], error.context["fileCount"]) == (2, 1)
    assert error.message == "L1/tsc failed: exit 1, expected 0; first: x.ts:1: a"


def test_a_verification_error_carries_tails_files_and_the_first_five_diagnostics() -> None:
    many = [diagnostic(f"d{i}", "a.py", i) for i in range(1, 9)]
    one = check(stdout="out", stderr="err", stdout_log="p/stdout.log", diagnostics=many, signature="abc", hint="h")
    error = verification(one, check("L1/z"))
    assert (error.stdout, error.stderr, error.log_files) == ("out", "err", ["p/stdout.log"])
    assert error.verification_file == "verification-2.json"
    assert error.context["signature"] == "abc" and error.context["hint"] == "h"
    assert error.context["failedChecks"] == ["L1/unit", "L1/z"]
    top = error.context["diagnostics"]
    assert isinstance(top, list) and len(top) == 5
    assert top[0] == {"check": "L1/unit", "message": "d1", "file": "a.py", "line": 1, "column": None}
    assert BuildError.from_json(error.to_json(), "x") == error


def test_only_what_failed_is_counted() -> None:
    """upstream.md 4.6: a warning beside a failure is no error."""
    large = check("L3/large-files", message="big", diagnostics=[diagnostic("big", "a.bin")])
    warned = check("L3/test-coverage", CheckStatus.WARNING, message="w", diagnostics=[diagnostic("w", "b.py")])
    error = verification(large, warned)
    assert (error.context["errorCount"], error.context["fileCount"]) == (1, 1)
    assert error.context["failedChecks"] == ["L3/large-files"]
    assert error.context["failedLevels"] == ["L3"]


def test_a_passing_report_has_no_error() -> None:
    with pytest.raises(ValueError, match="no failed check"):
        verification(check(status=CheckStatus.PASSED))


@pytest.mark.parametrize(
    ("fault", "kind", "message"),
    [
        (SnapshotError("cannot commit: disk full"), "snapshot_error", "cannot commit: disk full"),
        (WorkspaceError("no such repository"), "workspace_error", "no such repository"),
        (UsageError("bad plan"), "system_error", "bad plan"),
        (ParkRun("fsync failed"), "system_error", "fsync failed"),
        (KeyError("x"), "system_error", "unexpected KeyError: 'x'"),
        (RuntimeError(), "system_error", "unexpected RuntimeError: without a message"),
        (WorkspaceError(), "workspace_error", "unexpected WorkspaceError: without a message"),
    ],
)
def test_an_exception_becomes_its_type(fault: Exception, kind: str, message: str) -> None:
    error = error_of_system(fault, phase="leased", failed_at=AT)
    assert (error.type.value, error.message) == (kind, message)
    assert error.context["exception"] == type(fault).__name__


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (RuntimeError("the workspace is gone"), "workspace_error"),
        (RuntimeError("no such directory"), "workspace_error"),
        (RuntimeError("github refused git push"), "github_error"),
        (RuntimeError("Octokit: 502"), "github_error"),
        (RuntimeError("GitHub workspace"), "workspace_error"),
        (RuntimeError("git ended with code 128"), "snapshot_error"),
        (RuntimeError("cannot take a snapshot"), "snapshot_error"),
        (RuntimeError("a digit is missing"), "system_error"),
        (FileNotFoundError(2, "No such file or directory", "/x/notes"), "system_error"),
    ],
)
def test_a_foreign_exception_is_classified_by_what_it_speaks_of(fault: Exception, kind: str) -> None:
    """upstream.md 4.5: workspace or directory, github or octokit before git or snapshot, else system_error."""
    assert error_of_system(fault, phase="leased", failed_at=AT).type.value == kind


def test_a_refusal_of_github_keeps_its_status_and_whether_to_try_again() -> None:
    """upstream.md 4.5: a fault of GitHub is github_error, whatever its words."""
    fault = GitHubError("cannot push from this directory", status=429, retryable=True, retry_after_s=7.5)
    error = error_of_system(fault, phase="pr_created", failed_at=AT)
    assert (error.type.value, error.retryable) == ("github_error", True)
    assert (error.context["status"], error.context["retryAfterSeconds"]) == (429, 7.5)
    assert not error_of_system(GitHubError("no"), phase="x", failed_at=AT).retryable


def test_only_an_unexpected_exception_shows_its_trace() -> None:
    try:
        raise KeyError("gone")
    except KeyError as fault:
        error = error_of_system(fault, phase="leased", failed_at=AT)
    assert "test_only_an_unexpected_exception" in error.stderr and "KeyError: 'gone'" in error.stderr
    assert error_of_system(WorkspaceError("x"), phase="leased", failed_at=AT).stderr == ""


def test_a_run_out_of_time_says_how_much_it_had_and_where_it_stood() -> None:
    error = error_of_timeout(3600, phase="verifying", failed_at=AT)
    assert error.type is BuildErrorType.AGENT_TIMEOUT
    assert "3600 s while verifying" in error.message and not error.retryable


def test_a_signature_is_the_same_for_the_same_end() -> None:
    one, two = (agent(AgentOutcome.CRASH, 3, outcome_reason=f"after {i} s") for i in (1, 22))
    assert one.context["signature"] == two.context["signature"]
    assert one.context["signature"] != agent(AgentOutcome.AUTH, 3).context["signature"]
