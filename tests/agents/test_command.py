from __future__ import annotations

import os
import subprocess
from pathlib import Path

from agentgate_engine.agents.command import CommandDriver
from agentgate_engine.agents.registry import agent_environment
from agentgate_engine.models.agent_result import AgentOutcome
from agentgate_engine.models.line_kind import LineKind
from agentgate_engine.models.work_order import AgentRequest

from .support import call, ended, lines_of, play

DRIVER = CommandDriver()


def test_problem() -> None:
    for missing in (None, "", "  \n"):
        said = DRIVER.problem(AgentRequest(type="command", command=missing), {})
        assert said is not None and "--command" in said
    assert "NUL" in (DRIVER.problem(AgentRequest(type="command", command="a\0b"), {}) or "")
    assert DRIVER.problem(AgentRequest(type="command", command="true"), {}) is None


def test_it_is_told_everything_in_every_way(tmp_path: Path) -> None:
    request = AgentRequest(
        type="command",
        command='echo "$AGENTGATE_ITERATION $AGENTGATE_ATTEMPT"; cat; cat "$AGENTGATE_PROMPT_FILE"; '
        'cat "$AGENTGATE_FEEDBACK_FILE"; echo oops >&2; exit 4',
    )
    this = call(request, tmp_path, scratch=tmp_path, prompt="Fix 'it'.\n", feedback="It failed.\n", iteration=2)
    command = DRIVER.command(this)
    for name, content in command.files.items():
        (tmp_path / name).write_text(content)
    done = subprocess.run(
        list(command.argv),
        input=(command.stdin or "").encode(),
        env=agent_environment(os.environ, command, request),
        capture_output=True,
        check=False,
    )
    observed, result = play(DRIVER.parser(this), [done.stdout], done.stderr, ended(done.returncode))
    assert lines_of(observed, LineKind.OUTPUT) == ["2 1", "Fix 'it'.", "Fix 'it'.", "It failed."]
    assert lines_of(observed, LineKind.ERROR_OUTPUT) == ["oops"]
    assert (result.outcome, result.reason) == (AgentOutcome.CRASH, "The agent exited with 4.")


def test_without_feedback_there_is_no_feedback_file() -> None:
    command = DRIVER.command(call(AgentRequest(type="command", command="true")))
    assert set(command.files) == {"prompt.txt"}
    assert "AGENTGATE_FEEDBACK_FILE" not in command.environment
