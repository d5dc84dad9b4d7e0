"""How an end becomes a type: of agents by exit and result, of verifications by check, of faults by their words
(upstream.md, thrust 4)."""

from __future__ import annotations

from datetime import datetime

import pytest

from agentgate_engine.agents.outcome import Verdict, by_exit, by_result
from agentgate_engine.error_builder import error_of_agent, error_of_system, error_of_verification
from agentgate_engine.models.agent_result import AgentOutcome, PersistedAgentResult
from agentgate_engine.models.build_error import BuildError, BuildErrorType
from agentgate_engine.models.process import ProcessExit
from tests.agents.support import ended
from tests.verify.reports import check, report_of

AT = "2026-01-01T00:00:00.000Z"
THIRTEEN = {
    *("agent_crash", "agent_timeout", "agent_task_failure", "typecheck_failed", "lint_failed", "test_failed"),
    *("blackbox_failed", "ci_failed", "workspace_error", "snapshot_error", "github_error", "system_error", "unknown"),
}


def error_of(end: ProcessExit, verdict: Verdict, **about: object) -> BuildError:
    """The error of a call that ended so."""
    facts: dict[str, object] = {"run_id": "abcdefgh.1", "iteration": 1, "captured_at": AT, "agent": "command"}
    facts |= {"success": False, "outcome": verdict.outcome, "outcome_reason": verdict.reason}
    facts |= {"exit_code": end.exit_code, "signal": end.signal, **about}
    result = PersistedAgentResult.model_validate(facts)
    return error_of_agent(result, phase="building", failed_at=AT, limit_s=600.0)


def test_the_types_are_the_original_s_and_one_more() -> None:
    """upstream.md 4.1, decided otherwise (DESIGN 7): the 13 and `contract_failed`; each has a description."""
    assert {kind.value for kind in BuildErrorType} == THIRTEEN | {"contract_failed"}
    descriptions = [kind.description for kind in BuildErrorType]
    assert all(text.endswith(".") and len(text) > 20 for text in descriptions)
    assert len(set(descriptions)) == 14


@pytest.mark.parametrize(
    ("end", "kind", "says"),
    [
        (ended(124), "agent_timeout", "time limit"),
        (ended(signal="SIGTERM", by="deadline"), "agent_timeout", "time limit of 600 s"),
        (ended(signal="SIGKILL", by="deadline"), "agent_timeout", "time limit of 600 s"),
        (ended(143, by="deadline"), "agent_timeout", "time limit of 600 s"),
        (ended(137), "agent_crash", "out of memory"),
        (ended(signal="SIGKILL"), "agent_crash", "out of memory"),
        (ended(143), "agent_crash", "143"),
        (ended(1), "agent_crash", "code 1"),
    ],
)
def test_an_exit_becomes_a_type(end: ProcessExit, kind: str, says: str) -> None:
    """upstream.md 4.3: 124 or a kill by our deadline is agent_timeout, 137 without our kill agent_crash with the oom
    hint. 4.7: the seconds and the code are in the message."""
    error = error_of(end, by_exit(end))
    assert (error.type.value, says in error.message) == (kind, True), error.message


def test_an_exit_of_0_does_not_excuse_the_result() -> None:
    """upstream.md 4.3: exit 0 + is_error is agent_task_failure, whatever words it has; the original said timeout."""
    end = ended(0)
    told = Verdict(AgentOutcome.TASK_FAILURE, "the request hit a timeout in the tests")
    error = error_of(end, by_result(end, told))
    assert error.type is BuildErrorType.AGENT_TASK_FAILURE
    assert "exit 0" in error.message


def test_tails_of_fifty_lines_and_a_time_beside_the_phase() -> None:
    """upstream.md 4.2: 200-line output gives a 50-line tail; ours stores failedAt = time and phase separately."""
    end = ended(7)
    lines = [f"line {number}" for number in range(200)]
    error = error_of(end, by_exit(end), stdout="\n".join(lines), stderr="\n".join(lines[:60]) + "\n")
    assert error.stdout.split("\n") == lines[150:]
    assert error.stderr.split("\n") == lines[10:60]
    assert datetime.fromisoformat(error.failed_at).tzinfo is not None
    assert error.phase == "building"
    assert error.exit_code == 7
    assert error.agent_result_file == "agent-1.json"


def test_the_first_failed_check_by_level_decides() -> None:
    """upstream.md 4.4: by level, then by order; in the original an L1 that was not run made everything test_failed."""
    forbidden = check("L0/forbidden-patterns", message="1 forbidden file: .env")
    both = error_of_verification(report_of(check("L1/lint"), forbidden), phase="verifying", failed_at=AT)
    assert (both.type.value, both.context["failedLevels"]) == ("contract_failed", ["L0", "L1"])
    assert both.message.startswith("L0/forbidden-patterns failed")


def test_github_counts_before_git() -> None:
    """upstream.md 4.5: a message with github and git is github_error."""
    fault = RuntimeError("github answered nothing to git push")
    assert error_of_system(fault, phase="verifying", failed_at=AT).type is BuildErrorType.GITHUB_ERROR
