from __future__ import annotations

from pathlib import Path

import pytest

from agentgate_engine.agents.script import CHECKS, ScriptError, read_script
from agentgate_engine.agents.scripted import ScriptedDriver
from agentgate_engine.agents.scripted_player import STEPS
from agentgate_engine.models.work_order import AgentRequest

DRIVER = ScriptedDriver()


def written(tmp_path: Path, text: str) -> str:
    path = tmp_path / "play.yaml"
    path.write_text(text)
    return str(path)


def test_every_step_that_is_checked_is_played() -> None:
    assert list(STEPS) == list(CHECKS)


def test_steps_by_iteration(tmp_path: Path) -> None:
    script = read_script(written(tmp_path, "iterations:\n  1: [say: one]\n  3: [say: three]\n  default: [say: rest]\n"))
    assert [script.steps(number)[0].value for number in (1, 2, 3, 4)] == ["one", "rest", "three", "rest"]
    script = read_script(written(tmp_path, "iterations:\n  - [say: one]\n  - [say: two]\n"))
    assert [script.steps(number)[0].value for number in (1, 2, 3)] == ["one", "two", "two"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "play.yaml:1: a script is a mapping with the key `iterations`"),
        ("pace: 1\n", "play.yaml:1: the key `iterations` is missing"),
        ("iterations: {}\n", "play.yaml:1: `iterations` is a mapping"),
        ("iterations: []\n", "play.yaml:1: `iterations` is a mapping"),
        ("pace: soon\niterations: [[]]\n", "play.yaml:1: `pace`: needs a number of seconds, not 'soon'"),
        ("speed: 1\niterations: [[]]\n", "play.yaml:1: unknown key 'speed'"),
        ("iterations:\n  zero: []\n", "play.yaml:2: 'zero' is not an iteration"),
        ("iterations:\n  1: {say: hi}\n", "play.yaml:2: the steps of an iteration are a list"),
        ("iterations:\n  1:\n  - say hi\n", "play.yaml:3: a step is a mapping with one key"),
        ("iterations:\n  1:\n  - say: hi\n  - sya: hi\n", "play.yaml:4: unknown step 'sya'; known steps: say, think,"),
        ("iterations:\n  1:\n  - [a]: hi\n", "play.yaml:3: unknown step ['a']"),
        ("iterations:\n  1:\n  - say: 7\n", "play.yaml:3: `say`: needs text, not 7"),
        ("iterations:\n  1:\n  - write: {path: a}\n", "play.yaml:3: `write`: needs the keys path, content"),
        (
            "iterations:\n  1:\n  - write: {path: ../a, content: x}\n",
            "play.yaml:3: `write`: '../a' leaves the workspace",
        ),
        ("iterations:\n  1:\n  - read: /etc/passwd\n", "play.yaml:3: `read`: '/etc/passwd' leaves the workspace"),
        ("iterations:\n  1:\n  - crash: SIGNOPE\n", "play.yaml:3: `crash`: 'SIGNOPE' is not a signal"),
        ("iterations:\n  1:\n  - exit: 300\n", "play.yaml:3: `exit`: needs an exit code"),
        ("iterations:\n  1:\n  - sleep: -1\n", "play.yaml:3: `sleep`: needs a number of seconds"),
        ("iterations:\n  1:\n  - sleep: .nan\n", "play.yaml:3: `sleep`: needs a number of seconds"),
        ("iterations:\n  1:\n  - expect_feedback: '('\n", "play.yaml:3: `expect_feedback`: not a regular expression"),
        ("iterations:\n  1:\n  - result: {text: hi}\n", "play.yaml:3: `result`: needs the keys success"),
        ("iterations:\n  1:\n  - usage: {inputs: 1}\n", "play.yaml:3: `usage`: needs the keys input, output, cost"),
        ("iterations:\n  1:\n  - hang: 5\n", "play.yaml:3: `hang`: write `true`"),
        ("iterations: [\n", "play.yaml:2: this is not YAML: "),
        (
            "iterations:\n  1:\n  - say: !!python/name:os.system x\n",
            "play.yaml:3: this is not YAML: could not determine",
        ),
        ("iterations: &a [*a]\n", "play.yaml:1: a step is a mapping with one key"),
        ("[" * 3000, "play.yaml: this is nested too deeply"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_line(tmp_path: Path, text: str, says: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ScriptError) as fault:
        read_script(path)
    assert f"{tmp_path}/{says}" in str(fault.value)
    assert DRIVER.problem(AgentRequest(type="scripted", script=path), {}) == str(fault.value)


def test_a_script_that_is_missing_or_no_text(tmp_path: Path) -> None:
    assert "needs a script to play" in (DRIVER.problem(AgentRequest(type="scripted"), {}) or "")
    request = AgentRequest(type="scripted", script=str(tmp_path / "none.yaml"))
    assert "cannot be read: [Errno 2]" in (DRIVER.problem(request, {}) or "")
    (tmp_path / "none.yaml").write_bytes(b"\xff\xfe\x00")
    assert "cannot be read" in (DRIVER.problem(request, {}) or "")
