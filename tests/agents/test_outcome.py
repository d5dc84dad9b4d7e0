from __future__ import annotations

import pytest

from agentgate_engine.agents.model_fault import outcome_of_fault
from agentgate_engine.agents.outcome import Verdict, by_exit, by_result
from agentgate_engine.models.agent_result import AgentOutcome as O
from agentgate_engine.models.process import ProcessExit, StartError

from .support import ended

NOT_FOUND = StartError(errno=2, message="No such file or directory: '/bin/nope'")
DONE = Verdict(O.SUCCESS, "It said so.")
FAILED = Verdict(O.TASK_FAILURE, "It could not.")


@pytest.mark.parametrize(
    ("end", "outcome", "says"),
    [
        (ended(0), O.SUCCESS, "exited with 0"),
        (ended(1), O.CRASH, "exited with 1"),
        (ended(124), O.TIMEOUT, "124"),
        (ended(126), O.CRASH, "not executable"),
        (ended(127), O.CRASH, "not found"),
        (ended(137), O.CRASH, "out of memory"),
        (ended(signal="SIGKILL"), O.CRASH, "out of memory"),
        (ended(139), O.CRASH, "SIGSEGV"),
        (ended(signal="SIGTERM"), O.CRASH, "SIGTERM, which AgentGate did not send"),
        (ended(255), O.CRASH, "exited with 255"),
        (ended(0, by="deadline"), O.TIMEOUT, "time limit"),
        (ended(signal="SIGKILL", by="deadline"), O.TIMEOUT, "time limit"),
        (ended(143, by="stop"), O.CANCELED, "canceled"),
        (ended(signal="SIGTERM", by="output_cap"), O.LIMIT_REACHED, "output limit"),
        (ended(signal="SIGTERM", by="engine_lost"), O.INCOMPLETE, "engine"),
        (ended(start_error=NOT_FOUND), O.CRASH, "could not be started: No such file or directory: '/bin/nope'"),
        (ended(None), O.INCOMPLETE, "without an exit code"),
        (None, O.INCOMPLETE, "lost"),
    ],
)
def test_by_exit(end: ProcessExit | None, outcome: O, says: str) -> None:
    verdict = by_exit(end)
    assert verdict.outcome is outcome
    assert says in verdict.reason
    assert verdict.reason.endswith(".")


@pytest.mark.parametrize(
    ("end", "result", "outcome", "says"),
    [
        (ended(0), DONE, O.SUCCESS, "It said so."),
        (ended(1), DONE, O.SUCCESS, "It said so. Afterwards: The agent exited with 1."),
        (ended(1), FAILED, O.TASK_FAILURE, "It could not."),
        (ended(0), FAILED, O.TASK_FAILURE, "It could not."),
        (ended(0, by="stop"), DONE, O.CANCELED, "canceled"),
        (ended(0, by="deadline"), DONE, O.TIMEOUT, "time limit"),
        (None, DONE, O.INCOMPLETE, "lost"),
        (ended(0), None, O.INCOMPLETE, "never reported a result"),
        (ended(1), None, O.CRASH, "It reported no result. It said: boom"),
        (ended(124), None, O.TIMEOUT, "124"),
        (ended(signal="SIGKILL"), None, O.CRASH, "out of memory"),
        (ended(start_error=NOT_FOUND), None, O.CRASH, "could not be started"),
    ],
)
def test_by_result(end: ProcessExit | None, result: Verdict | None, outcome: O, says: str) -> None:
    verdict = by_result(end, result, "boom")
    assert verdict.outcome is outcome
    assert says in verdict.reason


@pytest.mark.parametrize(
    ("status", "text", "outcome"),
    [
        (401, "", O.AUTH),
        (403, "", O.AUTH),
        (429, "", O.RATE_LIMITED),
        (500, "", O.OVERLOADED),
        (529, "", O.OVERLOADED),
        (408, "", O.OVERLOADED),
        (400, "rate limit", None),
        (None, "Not logged in · Please run /login", O.AUTH),
        (None, "Invalid API key · Fix external API key", O.AUTH),
        (None, "Request timed out", O.OVERLOADED),
        (None, "API Error: Connection error.", O.OVERLOADED),
        (None, "API Error: 503 upstream", O.OVERLOADED),
        (None, "Claude AI usage limit reached", O.RATE_LIMITED),
        (None, "Credit balance is too low", O.LIMIT_REACHED),
        (None, "I could not find the file", None),
    ],
)
def test_outcome_of_fault(status: int | None, text: str, outcome: O | None) -> None:
    assert outcome_of_fault(status, text) is outcome
