"""The commands on stores of the original AgentGate: reading ones work, writing ones refuse."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from agentgate_engine.cli.main import run_command
from tests.e2e.site import Done
from tests.store.foreign_support import (
    GENERATIONS,
    ORDER,
    RUN,
    copy_of,
    order_record,
    put,
    run_record,
    small_store,
    state_of,
)

Capsys = pytest.CaptureFixture[str]
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\u2066]")


def agentgate(capsys: Capsys, root: Path, *arguments: str) -> Done:
    """Run a command in this process; the installed one is run in tests/e2e."""
    code = run_command(["--home", str(root), *arguments])
    return Done(code, *capsys.readouterr())


@pytest.mark.parametrize("generation", GENERATIONS)
def test_every_reading_command_works_on_every_row_and_writes_nothing(
    tmp_path: Path, capsys: Capsys, generation: str
) -> None:
    """upstream.md 2.2, 2.4, 3.4, 3.5, 3.8 and the reader rules of section 6, on the installed command."""
    root = copy_of(generation, tmp_path / "theirs")
    before = state_of(root)
    rows = agentgate(capsys, root, "status", "--json", "-n", "0").document["runs"]
    for row in rows:
        for command in ("show", "why", "log", "diff"):
            done = agentgate(capsys, root, command, "--", row["order_id"])
            allowed = (0, 2) if command == "diff" else (0,)
            assert done.code in allowed, (command, row["order_id"], done.err)
        shown = agentgate(capsys, root, "show", "--json", "--", row["run_id"]).document
        assert shown["run"]["id"] == row["run_id"]
        if row["iterations"] != "-" and row["levels"] != "....":
            verified = agentgate(capsys, root, "verify", "--", row["run_id"])
            assert verified.code == (0 if row["state"] == "succeeded" else 1), verified.err
    assert agentgate(capsys, root, "metrics").code == 0
    assert agentgate(capsys, root, "doctor").out.count(f"the original AgentGate ({generation})") == 1
    assert state_of(root) == before


def test_what_the_commands_tell_of_a_run(tmp_path: Path, capsys: Capsys) -> None:
    """upstream.md 2.4: a level that was not run is told so; 6: the order that disagrees with its run is named."""
    root = copy_of("v0.2.24", tmp_path / "theirs")
    verified = agentgate(capsys, root, "verify", "tLmO")
    assert "L1 commands: FAIL" in verified.out
    assert "L2 blackbox: not run" in verified.out
    assert "L3 sanity: not run" in verified.out
    odd = agentgate(capsys, root, "show", "--", "-j-6xRIX3x_Y").out
    assert "its order is recorded as canceled, the run as succeeded: shown is the run" in odd
    assert "order        -j-6xRIX3x_Y, recorded as canceled" in odd
    stuck = agentgate(capsys, root, "show", "hQJt").out
    assert "recorded as building; nobody here knows whether it still runs" in stuck
    assert "at work" not in stuck
    why = agentgate(capsys, root, "why", "tLmO").out
    assert "FAIL greeting.txt:1: expected hello, got goodbye world 3" in why
    assert "verification-3.json#L1.1" in why
    assert "the feedback of iteration 2, which the original did not keep" in why
    assert agentgate(capsys, root, "log", "tLmO").out == "Changed the greeting, should be right now.\n"
    assert agentgate(capsys, root, "log", "--raw", "zRaO").out == (
        "Reading the project layout...\nError: connect ECONNREFUSED while calling the model\n"
    )
    assert "Found: .env" in agentgate(capsys, root, "log", "--failed", "YpPi").out
    patch = agentgate(capsys, copy_of("v0.2.18", tmp_path / "older"), "diff", "verF4iled018").out
    assert patch.startswith("diff --git a/greeting.txt b/greeting.txt\n")


WRITING = [
    ["submit", "-p", "x"],
    ["run", "-p", "x"],
    ["exec", "-p", "x"],
    ["serve", "--until-idle"],
    ["cancel", "hQJt"],
    ["cancel", "--all-queued"],
    ["priority", "VT1c", "5"],
    ["hold", "VT1c"],
    ["release", "VT1c"],
    ["requeue", "tLmO"],
    ["drain"],
    ["stop"],
    ["pin", "tLmO"],
    ["unpin", "tLmO"],
    ["note", "tLmO", "words"],
    ["clean", "--dry-run"],
    ["queue", "pause"],
    ["take", "tLmO"],
    ["doctor", "--rebuild"],
    ["doctor", "--quarantine"],
]


@pytest.mark.parametrize("command", WRITING, ids=" ".join)
def test_what_would_write_refuses_and_says_how_to_look_at_it(
    tmp_path: Path, capsys: Capsys, command: list[str]
) -> None:
    """DESIGN 4: a foreign store is named to the operator with how to open it; exit code 3."""
    root = copy_of("v0.2.24", tmp_path / "theirs")
    before = state_of(root)
    done = agentgate(capsys, root, *command)
    assert (done.code, done.out) == (3, "")
    assert f"{root} is a store of the original AgentGate (v0.2.24). It is read-only" in done.err
    assert f"`agentgate --home {root}`" in done.err
    assert "choose another place with --home" in done.err
    assert state_of(root) == before


def test_a_stuck_run_cannot_be_followed(tmp_path: Path, capsys: Capsys) -> None:
    root = copy_of("v0.2.24", tmp_path / "theirs")
    done = agentgate(capsys, root, "log", "--follow", "hQJt")
    assert done.code == 2
    assert "leave out --follow" in done.err


def test_hostile_text_never_reaches_the_terminal(tmp_path: Path, capsys: Capsys) -> None:
    """DESIGN 9: whatever a foreign store holds, what is printed is text."""
    bad = "\x1b]0;owned\x07\x1b[2J\x9b1m\u202eevil\r\x00"
    order = order_record(taskPrompt=bad + "task", agentType=bad, status=bad, workspaceSource={"type": bad, "path": bad})
    run = run_record(state=bad, result=bad, error=bad, gitHubPrUrl=bad, workspaceId=bad, warnings=[{"message": bad}])
    root = small_store(tmp_path / "theirs", order, run)
    check = {"name": bad, "passed": False, "message": bad, "details": bad}
    call = {"tool": bad, "input": {bad: bad}, "output": bad}
    agent = {"success": False, "exitCode": 1, "stdout": bad, "stderr": bad, "model": bad, "toolCalls": [call]}
    put(root / "runs" / RUN / "agent-1.json", agent)
    put(root / "runs" / RUN / "verification-1.json", {"passed": False, "l1Result": {"level": "L1", "checks": [check]}})
    put(root / "runs" / RUN / "iteration-1.json", {"iteration": 1, "errorType": bad, "errorMessage": bad, "state": bad})
    (root / "runs" / "\x1b[31mred").mkdir()
    put(root / "work-orders" / "\x1b[5m.json", "{")
    about_the_run = (["show"], ["why"], ["log"], ["log", "--failed"], ["verify"])
    for command in (["status"], ["metrics"], ["doctor"], *([*words, "--", ORDER] for words in about_the_run)):
        done = agentgate(capsys, root, *command)
        assert done.code in (0, 1), done.err
        assert not CONTROLS.search(done.out + done.err), (command, done.out, done.err)
        json_too = agentgate(capsys, root, *command[:1], "--json", *command[1:])
        assert json.loads(json_too.out) is not None


def test_a_store_of_wreckage_is_still_listed(tmp_path: Path, capsys: Capsys) -> None:
    """upstream.md L9, section 6: nothing is hidden, and no size stops a list."""
    root = copy_of("v0.2.24", tmp_path / "theirs")
    huge = root / "runs/9cf792ff-03b6-4d8e-b521-25e947a41baf/agent-1.json"
    with huge.open("wb") as file:
        os.truncate(file.fileno(), 65 << 20)
    put(root / "runs/18cc604a-e344-4871-9ee6-2090cc76f1cd/run.json", "[" * 100_000)
    put(root / "work-orders/zRaOxGLt6Ns_.json", "{}")
    before = state_of(root)
    done = agentgate(capsys, root, "status")
    assert done.code == 0
    assert "?? 18cc604a-e344-4871-9ee6-2090cc76f1cd  cannot be read: run.json" in done.out
    assert len(done.out.splitlines()) == 1 + 12 + 1
    shown = agentgate(capsys, root, "show", "9cf7")
    assert shown.code == 0
    assert "unreadable: agent-1.json: is 65 MB, and no more than 64 MB are read" in shown.out
    assert agentgate(capsys, root, "show", "18cc").code == 0
    assert state_of(root) == before
