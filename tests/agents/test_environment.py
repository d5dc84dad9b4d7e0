from __future__ import annotations

import pytest

from agentgate_engine.agents.claude_code import ClaudeCodeDriver
from agentgate_engine.agents.driver import AgentCommand
from agentgate_engine.agents.registry import DRIVERS, agent_environment, driver_for
from agentgate_engine.errors import UsageError
from agentgate_engine.models.work_order import AgentName, AgentRequest

from .support import call

CLAUDE = AgentRequest(type="claude-code")
COMMAND = AgentRequest(type="command", command="true")
OPERATOR = {
    "PATH": "/bin",
    "HOME": "/home/operator",
    "LC_ALL": "C.UTF-8",
    "XDG_RUNTIME_DIR": "/run/user/7",
    "https_proxy": "http://proxy:1",
    "TERM": "xterm-256color",
    "AWS_SECRET_ACCESS_KEY": "s1",
    "AWS_REGION": "r",
    "GITHUB_TOKEN": "s2",
    "ANTHROPIC_API_KEY": "s3",
    "CLAUDECODE": "1",
    "CLAUDE_CODE_ENTRYPOINT": "cli",
    "CLAUDE_CODE_MAX_RETRIES": "7",
    "AGENTGATE_HOME": "/store",
    "MY_TOOL": "x",
}


def test_only_what_is_allowed_passes() -> None:
    given = agent_environment(OPERATOR, AgentCommand(argv=["x"]), COMMAND)
    assert given == {
        "PATH": "/bin",
        "HOME": "/home/operator",
        "LC_ALL": "C.UTF-8",
        "XDG_RUNTIME_DIR": "/run/user/7",
        "https_proxy": "http://proxy:1",
        "TERM": "dumb",
        "NO_COLOR": "1",
    }


def test_claude_gets_its_own_variables_and_not_those_of_a_claude_around_it() -> None:
    command = ClaudeCodeDriver(environment=OPERATOR).command(call(CLAUDE))
    given = agent_environment(OPERATOR, command, CLAUDE)
    assert given["ANTHROPIC_API_KEY"] == "s3"
    assert given["DISABLE_TELEMETRY"] == "1"
    assert given["CLAUDE_CODE_MAX_RETRIES"] == "7", "the operator's value wins over the driver's default"
    for name in ("CLAUDECODE", "CLAUDE_CODE_ENTRYPOINT", "AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "AGENTGATE_HOME"):
        assert name not in given
    assert agent_environment({}, command, CLAUDE)["CLAUDE_CODE_MAX_RETRIES"] == "2"


def test_the_order_names_what_else_passes_and_cannot_overrule_what_is_ours() -> None:
    request = COMMAND.model_copy(update={"pass_env": ["AWS_*", "MY_TOOL", "AGENTGATE_ITERATION", "", "MISSING"]})
    command = AgentCommand(argv=["x"], environment={"AGENTGATE_ITERATION": "2"})
    given = agent_environment(OPERATOR | {"AGENTGATE_ITERATION": "9"}, command, request)
    assert (given["AWS_REGION"], given["MY_TOOL"], given["AGENTGATE_ITERATION"]) == ("r", "x", "2")
    assert "GITHUB_TOKEN" not in given
    assert "MISSING" not in given


def test_every_agent_of_the_model_has_a_driver() -> None:
    assert set(DRIVERS) == set(AgentName.__args__)
    assert all(driver_for(name).name == name for name in DRIVERS)
    with pytest.raises(UsageError, match=r"'gpt': the known ones are claude-code, command, scripted\."):
        driver_for("gpt")
