"""The player as the process that it is, and what its parser makes of it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from agentgate_engine.agents.driver import AgentResult, Observation
from agentgate_engine.agents.registry import agent_environment
from agentgate_engine.agents.scripted import ScriptedDriver
from agentgate_engine.models.agent_result import AgentOutcome
from agentgate_engine.models.line_kind import LineKind
from agentgate_engine.models.work_order import AgentRequest

from .support import call, ended, lines_of, play


@dataclass
class Played:
    stdout: bytes
    stderr: str
    code: int
    observed: list[Observation]
    result: AgentResult


class Stage:
    """A workspace and a scratch directory, in which scripts are played as the engine would."""

    def __init__(self, root: Path) -> None:
        self.workspace = root / "workspace"
        self.scratch = root / "scratch"
        self.script = root / "play.yaml"
        self.workspace.mkdir()
        self.scratch.mkdir()

    def play(self, text: str, *, iteration: int = 1, prompt: str = "Do it.", feedback: str | None = None) -> Played:
        process, parser = self._start(text, iteration, prompt, feedback)
        stdout, stderr = process.communicate(timeout=30)
        code = process.returncode
        end = ended(code) if code >= 0 else ended(signal=signal.Signals(-code).name)
        observed, result = play(parser, [stdout], stderr, end, time.time())
        return Played(stdout, stderr.decode(), code, observed, result)

    def _start(self, text: str, iteration: int, prompt: str, feedback: str | None):
        self.script.write_text(text)
        driver = ScriptedDriver()
        request = AgentRequest(type="scripted", script=str(self.script))
        assert driver.problem(request, {}) is None
        this = call(
            request, self.workspace, scratch=self.scratch, iteration=iteration, prompt=prompt, feedback=feedback
        )
        command = driver.command(this)
        for name, content in command.files.items():
            (self.scratch / name).write_text(content)
        stdin = self.scratch / "stdin"
        stdin.write_text(command.stdin or "")
        with stdin.open() as told:
            process = subprocess.Popen(
                list(command.argv),
                cwd=self.workspace,
                env=agent_environment(os.environ, command, request),
                stdin=told,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        return process, driver.parser(this)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_a_whole_play(stage: Stage) -> None:
    played = stage.play(
        """
pace: 0.001
iterations:
  1:
    - think: hm
    - say: "I will fix it.\\nSoon."
    - write: {path: src/app.py, content: "a\\nb\\nc\\n"}
    - edit: {path: src/app.py, replace: "b\\n", with: "B1\\nB2\\n"}
    - read: src/app.py
    - read: nothing.py
    - run: cat src/app.py; echo $((1 + 1)); exit 3
    - print: "raw, without an end"
    - stderr: careful
    - usage: {input: 100, output: 20, cost: 0.5}
    - usage: {input: 1}
    - say: Done.
"""
    )
    assert (played.code, played.stderr) == (0, "careful\n")
    assert (stage.workspace / "src/app.py").read_text() == "a\nB1\nB2\nc\n"
    result = played.result
    assert (result.outcome, result.result_text) == (AgentOutcome.SUCCESS, "Done.")
    assert (result.session_id, result.model) == ("scripted-1", "scripted")
    assert lines_of(played.observed, LineKind.MESSAGE) == ["I will fix it.", "Soon.", "Done."]
    assert lines_of(played.observed, LineKind.OUTPUT) == ["raw, without an end"]
    assert [(c.tool, c.kind, c.is_error, c.exit_code, c.output) for c in result.tool_calls] == [
        ("Write", "edit", False, None, "wrote src/app.py"),
        ("Edit", "edit", False, None, "edited src/app.py"),
        ("Read", "read", False, None, "a\nB1\nB2\nc\n"),
        ("Read", "read", True, None, "nothing.py: No such file or directory"),
        ("Bash", "bash", True, 3, "a\nB1\nB2\nc\n2\n"),
    ]
    ranges = [[(r.start, r.end) for entry in c.paths for r in entry.ranges] for c in result.tool_calls]
    assert ranges == [[(1, 3)], [(2, 3)], [], [], []]
    assert all(c.times_from == "agent" for c in result.tool_calls)
    assert result.tokens_used is not None and result.tokens_used.total == 121
    assert result.cost_usd == 0.5


def steps(text: str) -> str:
    return "iterations:\n  default:\n" + "".join(f"    - {line}\n" for line in text.splitlines())


@pytest.mark.parametrize(
    ("text", "code", "outcome"),
    [
        ("say: hi", 0, AgentOutcome.SUCCESS),
        ("result: {success: false, text: cannot}", 0, AgentOutcome.TASK_FAILURE),
        ("exit: 0", 0, AgentOutcome.INCOMPLETE),
        ("exit: 7", 7, AgentOutcome.CRASH),
        ("crash: SIGKILL", -9, AgentOutcome.CRASH),
        ("crash: segv", -11, AgentOutcome.CRASH),
        ("crash: INT", -2, AgentOutcome.CRASH),
        ("expect_feedback: x", 3, AgentOutcome.CRASH),
    ],
)
def test_how_it_ends(stage: Stage, text: str, code: int, outcome: AgentOutcome) -> None:
    played = stage.play(steps(text))
    assert (played.code, played.result.outcome) == (code, outcome)


def test_a_torn_line_stays_torn(stage: Stage) -> None:
    assert stage.play(steps('print: \'{"type": "mess\'\nexit: 0')).stdout.endswith(b'{"type": "mess')


def test_expect_feedback_proves_that_the_agent_was_told(stage: Stage) -> None:
    script = "iterations:\n  1: [say: broken]\n  default: [expect_feedback: 'Assert\\w+Error', say: fixed]\n"
    feedback = "test_app.py:3: AssertionError"
    assert stage.play(script).code == 0
    told = stage.play(script, iteration=2, prompt=f"Do it.\n{feedback}", feedback=feedback)
    assert (told.code, lines_of(told.observed, LineKind.MESSAGE)) == (0, ["fixed"])
    for prompt, given, says in (
        ("AssertionError", None, "no feedback was given"),
        ("AssertionError", "all is well", "does not match /Assert\\w+Error/; it begins: all is well"),
        ("Do it.", feedback, "but the prompt does not tell it"),
    ):
        missed = stage.play(script, iteration=2, prompt=prompt, feedback=given)
        assert missed.code == 3
        assert f"{stage.script}:3: `expect_feedback`: " in missed.stderr
        assert says in missed.stderr
        assert says in missed.result.reason


def test_links_do_not_lead_out_of_the_workspace(stage: Stage) -> None:
    (stage.workspace / "away").symlink_to(stage.scratch)
    played = stage.play(steps("write: {path: away/x, content: y}"))
    assert played.code == 3
    assert "away/x leads out of the workspace" in played.stderr
    assert not (stage.scratch / "x").exists()


def test_an_edit_that_finds_nothing_is_said(stage: Stage) -> None:
    (stage.workspace / "a").write_text("x")
    assert "a does not hold 'y'" in stage.play(steps("edit: {path: a, replace: y, with: z}")).stderr
    assert "No such file" in stage.play(steps("edit: {path: b, replace: y, with: z}")).stderr


def test_a_broken_script_ends_with_2_and_a_sentence(stage: Stage) -> None:
    stage.script.write_text("iterations: 7\n")
    argv = ScriptedDriver().command(call(AgentRequest(type="scripted", script=str(stage.script)))).argv
    done = subprocess.run(list(argv), capture_output=True, text=True, cwd=stage.workspace, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert (
        done.stderr == f"{stage.script}:1: `iterations` is a mapping (1, 2, ..., default) or a list of lists of steps\n"
    )


def test_a_module_in_the_workspace_is_not_taken_for_ours(stage: Stage) -> None:
    for name in ("yaml.py", "json.py", "agentgate_engine.py"):
        (stage.workspace / name).write_text("raise SystemExit(99)")
    assert stage.play(steps("say: hi")).code == 0


def test_it_hangs_until_it_is_stopped(stage: Stage) -> None:
    process, _ = stage._start(steps("say: hi\nhang: true"), 1, "Do it.", None)
    assert process.stdout is not None
    assert b"session" in process.stdout.readline()
    assert b"hi" in process.stdout.readline()
    assert process.poll() is None
    process.terminate()
    process.communicate(timeout=10)
    assert process.returncode == -signal.SIGTERM
