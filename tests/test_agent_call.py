"""What an agent is told in a further attempt, and in which conversation."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from agentgate_engine.agents.driver import AgentDriver
from agentgate_engine.models.agent_result import AgentOutcome
from agentgate_engine.models.events import AgentComplete
from agentgate_engine.models.work_order import AgentRequest
from agentgate_engine.phases.agent_call import AgentCaller
from agentgate_engine.phases.run_context import RunContext

BEFORE = AgentComplete(
    file="agent-1.json", outcome=AgentOutcome.SUCCESS, duration_ms=1, tool_calls=0, session_id="of-iteration-1"
)


def caller() -> AgentCaller:
    """In iteration 2, of a run whose newest session is that of an attempt that failed."""
    context = SimpleNamespace(
        run=SimpleNamespace(iteration=2, session_id="of-a-failed-attempt"),
        order=SimpleNamespace(agent=AgentRequest(type="claude-code"), task_prompt="mend it"),
        layout=SimpleNamespace(feedback=lambda iteration: Path(f"feedback-{iteration}.json")),
        workspace=SimpleNamespace(tree=Path("/tree"), scratch=Path("/scratch")),
        persister=SimpleNamespace(
            store=SimpleNamespace(read=lambda kind, path: SimpleNamespace(text="two checks failed")),
            happened=lambda kind, iteration: BEFORE if iteration == 1 else None,
        ),
    )
    return AgentCaller(cast(RunContext, context), cast(AgentDriver, SimpleNamespace(resumes=True)))


def test_the_first_attempt_goes_on_with_the_conversation_of_the_iteration_before() -> None:
    """It knows the task, and gets the feedback alone. An adopted attempt is asked the same again."""
    call = caller().call(1, fresh_session=False)
    assert (call.session_id, call.prompt) == ("of-iteration-1", "two checks failed")


@pytest.mark.parametrize(("attempt", "fresh"), [(2, False), (1, True)])
def test_a_further_attempt_remembers_nothing_that_is_not_in_the_tree(attempt: int, fresh: bool) -> None:
    """The tree was put back: a conversation that remembers the failed attempt's edits would build on air."""
    call = caller().call(attempt, fresh_session=fresh)
    assert call.session_id is None
    assert "mend it" in call.prompt and "two checks failed" in call.prompt
