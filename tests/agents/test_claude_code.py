"""The command line of claude, and the real claude against the stub where it is installed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from agentgate_engine.agents.claude_code import ClaudeCodeDriver
from agentgate_engine.agents.driver import AgentCall, AgentResult, Observation
from agentgate_engine.agents.registry import agent_environment
from agentgate_engine.models.agent_result import AgentOutcome
from agentgate_engine.models.line_kind import LineKind
from agentgate_engine.models.work_order import AgentRequest
from tests.conftest import need_program
from tests.tools.stub_process import model

from .support import call, ended, lines_of, play

PLAIN = ["-p", "--output-format", "stream-json", "--verbose"]


@pytest.fixture
def installed(tmp_path: Path) -> dict[str, str]:
    """An environment in which there is a claude."""
    program = tmp_path / "bin" / "claude"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return {"PATH": f"relative:{program.parent}"}


def request(**keys: object) -> AgentRequest:
    return AgentRequest.model_validate({"type": "claude-code", **keys})


def test_problem(installed: dict[str, str], tmp_path: Path) -> None:
    driver = ClaudeCodeDriver()
    assert driver.problem(request(), installed) is None
    assert "npm install -g @anthropic-ai/claude-code" in (driver.problem(request(), {"PATH": "/nowhere"}) or "")
    named = {"AGENTGATE_CLAUDE": str(tmp_path / "none")}
    assert "correct it, or unset it" in (driver.problem(request(), installed | named) or "")
    assert driver.problem(request(), {"AGENTGATE_CLAUDE": str(tmp_path / "bin" / "claude")}) is None
    assert "not the name of a model" in (driver.problem(request(model="--help"), installed) or "")


@pytest.mark.parametrize(
    ("keys", "session", "euid", "options", "sandbox"),
    [
        ({}, None, 0, [], None),
        ({"permission_mode": "accept-edits"}, None, 0, ["--permission-mode", "acceptEdits"], None),
        ({"permission_mode": "bypass"}, None, 1000, ["--dangerously-skip-permissions"], None),
        ({"permission_mode": "bypass"}, None, 0, ["--dangerously-skip-permissions"], "1"),
        ({"model": "sonnet"}, "03a8-11", 1000, ["--resume", "03a8-11", "--model", "sonnet"], None),
        ({}, "--dangerously-skip-permissions", 1000, [], None),
    ],
)
def test_command_line(
    installed: dict[str, str],
    keys: dict[str, object],
    session: str | None,
    euid: int,
    options: list[str],
    sandbox: str | None,
) -> None:
    driver = ClaudeCodeDriver(environment=installed, euid=lambda: euid)
    command = driver.command(call(request(**keys), prompt="--help", session_id=session))
    assert list(command.argv) == [f"{installed['PATH'].split(':')[1]}/claude", *PLAIN, *options]
    assert command.stdin == "--help"
    assert command.environment.get("IS_SANDBOX") == sandbox
    assert command.stop_sequence[0] == ("SIGINT", 2.5)


# --------------------------------------------------------------------------------------------- the real program


class Real:
    """Runs the real claude as the engine would: files as streams, the allow-listed environment, an empty home."""

    def __init__(self, root: Path) -> None:
        self.workspace = root / "workspace"
        self.home = root / "home"
        self.scratch = root / "scratch"
        for directory in (self.workspace, self.home, self.scratch):
            directory.mkdir()
        subprocess.run(["git", "init", "--quiet"], cwd=self.workspace, check=True)

    def run(self, url: str, this: AgentCall) -> tuple[list[Observation], AgentResult, int]:
        operator = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "AGENTGATE_CLAUDE": need_program("claude", "AGENTGATE_TEST_CLAUDE"),
            "ANTHROPIC_BASE_URL": url,
            "ANTHROPIC_API_KEY": "sk-ant-stub",
        }
        driver = ClaudeCodeDriver(environment=operator)
        assert driver.problem(this.request, operator) is None
        command = driver.command(this)
        told, out, err = (self.scratch / name for name in ("stdin", "stdout", "stderr"))
        told.write_text(command.stdin or "")
        with told.open() as stdin, out.open("wb") as stdout, err.open("wb") as stderr:
            done = subprocess.run(
                list(command.argv),
                cwd=self.workspace,
                env=agent_environment(operator, command, this.request),
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                timeout=90,
                check=False,
            )
        parser = driver.parser(this)
        observed, result = play(parser, [out.read_bytes()], err.read_bytes(), ended(done.returncode))
        return observed, result, done.returncode


@pytest.fixture
def real(tmp_path: Path) -> Real:
    return Real(tmp_path)


def test_real_claude_fixes_a_file_and_goes_on_after_feedback(real: Real) -> None:
    (real.workspace / "app.py").write_text("x = 0\n")
    bypass = request(permission_mode="bypass")
    first = ("--write", "app.py=x = 1\n", "--write-after", "AssertionError", "app.py=x = 2\n", "--run", "cat app.py")
    with model("--mode", "fixit", *first) as url:
        prompt = "--help 'quoted' $HOME é\nSet x.\n"
        observed, result, code = real.run(url, call(bypass, real.workspace, prompt=prompt))
        assert (code, result.outcome, result.reason) == (0, AgentOutcome.SUCCESS, "claude reported success.")
        assert (real.workspace / "app.py").read_text() == "x = 1\n"
        assert [(c.tool, [entry.path for entry in c.paths]) for c in result.tool_calls] == [
            ("Read", ["app.py"]),
            ("Write", ["app.py"]),
            ("Bash", []),
        ]
        assert result.tool_calls[2].output == "x = 1"
        assert lines_of(observed, LineKind.MESSAGE)[-1] == "Done: app.py is written."
        assert result.unknown_events == {}
        assert result.tokens_used is not None and result.tokens_used.output == 168
        again = call(bypass, real.workspace, prompt="AssertionError: x is 1\n", session_id=result.session_id)
        _, second, _ = real.run(url, again)
        assert (second.outcome, second.session_id) == (AgentOutcome.SUCCESS, result.session_id)
        assert (real.workspace / "app.py").read_text() == "x = 2\n"


@pytest.mark.parametrize(
    ("mode", "keys", "outcome"),
    [
        ("err500", {}, AgentOutcome.OVERLOADED),
        ("err401", {}, AgentOutcome.AUTH),
        ("err429", {}, AgentOutcome.RATE_LIMITED),
        ("err400", {}, AgentOutcome.TASK_FAILURE),
        ("success", {}, AgentOutcome.SUCCESS),
    ],
)
def test_real_claude_when_the_model_fails_or_nothing_is_permitted(
    real: Real, mode: str, keys: dict[str, object], outcome: AgentOutcome
) -> None:
    with model("--mode", mode) as url:
        observed, result, code = real.run(url, call(request(**keys), real.workspace))
    assert (result.outcome, code) == (outcome, 0 if outcome is AgentOutcome.SUCCESS else 1)
    if outcome is AgentOutcome.SUCCESS:
        assert "1 tool call(s) were denied" in result.reason
        assert "permission denied: Write hello.txt" in lines_of(observed, LineKind.NOTICE)


def test_real_claude_with_a_session_that_it_does_not_know(real: Real) -> None:
    with model() as url:
        lost = call(request(), real.workspace, session_id="11111111-1111-4111-8111-111111111111")
        _, result, code = real.run(url, lost)
    assert (code, result.outcome, result.session_id) == (1, AgentOutcome.TASK_FAILURE, None)
    assert "The session to resume is not known to claude" in result.reason
