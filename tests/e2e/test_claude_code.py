"""The real Claude Code CLI, unmodified, on a whole order, against a local stub of the model API."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import need_program
from tests.tools.stub_process import model

AGENTGATE = (sys.executable, "-m", "agentgate_engine")
BROKEN = "def double(x):\n    return x\n"
MENDED = "def double(x):\n    return 2 * x\n"
TEST = "import unittest\nfrom doubling import double\n\n\nclass T(unittest.TestCase):\n    def test_double(self):\n"
TEST += "        self.assertEqual(double(4), 8)\n"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository whose one test fails, checked by the Python that runs this."""
    path = tmp_path / "repository"
    path.mkdir()
    (path / "doubling.py").write_text(BROKEN)
    (path / "test_doubling.py").write_text(TEST)
    check = f"{sys.executable} -m unittest -q"
    (path / "verify.yaml").write_text(f'version: "1"\nname: doubling\ntests:\n  - {{name: unit, command: "{check}"}}\n')
    identity = ("-c", "user.name=t", "-c", "user.email=t@localhost")
    for command in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "base")):
        subprocess.run(("git", *identity, *command), cwd=path, check=True)
    return path


def work(repository: Path, home: Path, url: str, *options: str) -> tuple[int, Path]:
    """Run one order with the real CLI; gives the exit code and the run's directory."""
    claude = need_program("claude", "AGENTGATE_TEST_CLAUDE")
    operator = home.parent / "operator"
    operator.mkdir(exist_ok=True)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("CLAUDE", "ANTHROPIC"))},
        "HOME": str(operator),
        "AGENTGATE_HOME": str(home),
        "AGENTGATE_CLAUDE": claude,
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_API_KEY": "sk-ant-stub-not-a-real-key",
    }
    command = [
        *AGENTGATE,
        "run",
        "-C",
        str(repository),
        "-p",
        "Make the test pass.",
        "--permissions",
        "bypass",
        *options,
    ]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180, check=False)
    runs = list((home / "runs").glob("*"))
    assert len(runs) == 1, done.stderr
    return done.returncode, runs[0]


def test_it_works_an_order_to_passed(repository: Path, tmp_path: Path) -> None:
    """Acceptance 3: session, model, tokens, cost and tool calls with start and end are in `agent-1.json`."""
    check = f"{sys.executable} -m unittest -q"
    with model("--mode", "fixit", "--write", f"doubling.py={MENDED}", "--run", check) as url:
        code, run = work(repository, tmp_path / "home", url)
    assert code == 0
    agent = json.loads((run / "agent-1.json").read_text())
    assert agent["outcome"] == "success"
    assert len(agent["sessionId"]) == 36
    assert agent["model"].startswith("claude-")
    assert agent["tokensUsed"]["input"] > 0
    assert agent["tokensUsed"]["output"] > 0
    assert agent["totalCostUsd"] > 0
    calls = {call["tool"]: call for call in agent["toolCalls"]}
    assert {"Write", "Bash"} <= set(calls)
    assert all(call["startedAt"] <= call["endedAt"] and call["closedBy"] == "agent" for call in calls.values())
    assert calls["Write"]["paths"][0]["path"] == "doubling.py"
    assert calls["Write"]["delta"]["paths"][0]["path"] == "doubling.py"
    assert json.loads((run / "run.json").read_text())["result"] == "passed"


def test_feedback_resumes_the_session(repository: Path, tmp_path: Path) -> None:
    """The second call goes on with the session of the first and is told the feedback."""
    wrong = BROKEN.replace("return x", "return x + 1")
    options = ("--write", f"doubling.py={wrong}", "--write-after", "AssertionError", f"doubling.py={MENDED}")
    with model("--mode", "fixit", *options) as url:
        code, run = work(repository, tmp_path / "home", url)
    assert code == 0
    first, second = (json.loads((run / f"agent-{n}.json").read_text()) for n in (1, 2))
    assert first["sessionId"] == second["sessionId"]
    assert second["prompt"] == json.loads((run / "feedback-1.json").read_text())["text"]


def test_a_model_that_fails_for_ever_is_a_classified_error(repository: Path, tmp_path: Path) -> None:
    """Acceptance 3: not a success, and told as what it is."""
    with model("--mode", "err500") as url:
        code, run = work(repository, tmp_path / "home", url)
    assert code == 1
    summary = json.loads((run / "run.json").read_text())
    assert summary["result"] == "failed_build"
    error = summary["buildError"]
    assert error["type"] == "agent_task_failure"
    assert error["context"]["outcome"] == "overloaded"
    assert error["retryable"] is True
    assert error["agentResultFile"] == "agent-1.json"
    assert "500" in error["message"] + error["stdout"]
