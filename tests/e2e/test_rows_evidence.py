"""What a run leaves behind, and what `agentgate why` makes of it (upstream.md, thrusts 1 to 4, and section 3).

One engine works every kind of end once; the tests look at what is on the disk and at what the command says.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import struct
import subprocess
import termios
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from agentgate_engine.clock import from_stamp
from agentgate_engine.models.agent_result import PersistedAgentResult
from agentgate_engine.models.iteration import IterationData, IterationErrorType
from agentgate_engine.models.verification import CheckStatus, Level, PersistedVerificationReport
from agentgate_engine.store.run_evidence import RunEvidenceReader

from .failures import Failures, words_of, work_failures
from .site import Site, agentgate_command, until

COLUMNS, ROWS = 80, 24
MEBIBYTE = 1 << 20


@pytest.fixture(scope="module")
def failures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Failures]:
    worked = work_failures(tmp_path_factory.mktemp("rows") / "site")
    yield worked
    worked.site.close()


# Thrust 1: the agent's result


def test_three_iterations_leave_three_agent_files(failures: Failures) -> None:
    """upstream.md 1.1: after a 3-iteration run exactly agent-1..3.json exist and parse."""
    directory = failures.directory("L1")
    assert sorted(path.name for path in directory.glob("agent-*")) == [f"agent-{n}.json" for n in (1, 2, 3)]
    assert [failures.agent("L1", n).iteration for n in (1, 2, 3)] == [1, 2, 3]


def test_a_large_output_keeps_its_head_and_its_tail(failures: Failures) -> None:
    """upstream.md 1.3, 1.4: 1 MiB a stream, head and tail with a visible mark; the last line survives."""
    result = failures.agent("crash")
    log = (failures.directory("crash") / result.stdout_log).read_bytes()
    assert len(log) > 2_500_000
    assert result.original_bytes == {"stdout": len(log), "stderr": len("the agent is troubled\n")}
    assert len(result.stdout.encode()) <= MEBIBYTE
    assert result.stdout.startswith("the very first line\n")
    assert result.stdout.endswith("\n200\nthe very last line\n")
    (mark,) = [line for line in result.stdout.splitlines() if line.startswith("[TRUNCATED")]
    assert f"limit {MEBIBYTE} bytes" in mark
    left_out = int(mark.split()[1])
    assert left_out == len(log) - len(result.stdout.encode()) + len(f"\n{mark}\n")


def test_tool_calls_tokens_and_cost_are_those_that_the_agent_told(failures: Failures) -> None:
    """upstream.md 1.5: 2 tool calls yield 2 records. 1.6: cost 0.0123 appears as totalCostUsd 0.0123."""
    stored = json.loads((failures.directory("L1") / "agent-1.json").read_bytes())
    assert [(call["tool"], call["output"]) for call in stored["toolCalls"]] == [
        ("Read", "failures\n"),
        ("Write", "wrote note.md"),
    ]
    assert stored["toolCalls"][1]["input"] == {"path": "note.md", "content": "I looked\n"}
    assert all(call["durationMs"] >= 0 for call in stored["toolCalls"])
    assert (stored["totalCostUsd"], stored["model"], stored["sessionId"]) == (0.0123, "scripted", "scripted-1")
    assert (stored["tokensUsed"]["input"], stored["tokensUsed"]["output"], stored["tokensUsed"]["total"]) == (
        10,
        20,
        30,
    )


def test_what_the_json_of_a_recorded_claude_tells_is_stored(failures: Failures) -> None:
    """upstream.md 1.6: the original left cost and model null though the agent's own JSON told them. 1.5: its calls."""
    stored = json.loads((failures.directory("recorded") / "agent-1.json").read_bytes())
    assert stored["totalCostUsd"] == 0.0123
    assert stored["model"].startswith("claude-opus")
    assert stored["sessionId"] == "4a5db619-5974-45e4-92c2-bc263c646176"
    assert [call["tool"] for call in stored["toolCalls"]] == ["Read", "Write", "Bash"]
    assert all({"tool", "input", "output", "durationMs"} <= call.keys() for call in stored["toolCalls"])
    assert failures.iteration("recorded").agent_cost_usd == 0.0123


def test_agent_files_are_found_by_their_number(failures: Failures) -> None:
    """upstream.md 1.7: read in the order of their numbers; absent is null; other names are ignored. Nothing is listed:
    the events tell how many iterations there are."""
    directory = failures.directory("L1")
    strays = [directory / name for name in ("agent-x.json", "agent-10.json", "agent-02.json", "agent-1.json.bak")]
    try:
        for path in strays:
            path.write_text("{}")
        found = RunEvidenceReader(failures.site.store, failures.runs["L1"]).read()
    finally:
        for path in strays:
            path.unlink()
    assert list(found.agents) == [1, 2, 3]
    assert found.unreadable == ()
    assert RunEvidenceReader(failures.site.store, failures.runs["system"]).read().agents == {}


def test_a_run_whose_evidence_cannot_be_written_waits_and_says_why(small: Site) -> None:
    """upstream.md 1.8, decided otherwise (DESIGN 4): the run is not continued without its evidence but parked, with its
    reason, and goes on from where it was when the fault is mended; the agent is not called a second time."""
    run = small.submit(f"echo once >> {small.root}/calls; touch done")
    blocker = small.layout(run).agent(1)
    blocker.mkdir()
    engine = small.engine()

    def now() -> str:
        return small.agentgate("status", "--json").document["runs"][0]["now"]

    reason = until(lambda: said if "agent-1.json" in (said := now()) else "", "the reason to be shown")
    assert "cannot write the evidence" in reason
    assert not small.run(run).state.terminal
    engine.kill()
    engine.wait()
    blocker.rmdir()
    small.work()
    small.assert_ended_well(run)
    assert (small.root / "calls").read_text() == "once\n"


def test_the_error_of_a_run_names_the_agent_s_file(failures: Failures) -> None:
    """upstream.md 1.9: run.buildError.agentResultFile names it."""
    for name in ("crash", "task", "timeout"):
        assert failures.error(name).agent_result_file == "agent-1.json"
        assert (failures.directory(name) / "agent-1.json").is_file()


# Thrust 2: the verification report


def test_every_iteration_has_its_report(failures: Failures) -> None:
    """upstream.md 2.1: verification-N.json exists for passing and failing iterations alike, with what was added."""
    assert [failures.report("L1", n).passed for n in (1, 2, 3)] == [False] * 3
    assert failures.report("passes").passed
    stored = json.loads((failures.directory("passes") / "verification-1.json").read_bytes())
    assert from_stamp(stored["capturedAt"]) > 0
    assert stored["skippedLevels"] == ["L3"]
    assert {"waitForCI": False, "skipLevels": ["L3"]}.items() <= stored["harnessConfig"].items()


def test_what_did_not_run_is_told_in_order(failures: Failures) -> None:
    """upstream.md 2.3: L0 failing gives [L1,L2,L3]; configured to skip L3 on a passing run gives [L3]."""
    assert failures.report("L0").skipped_levels == [Level.L1, Level.L2, Level.L3]
    assert failures.report("passes").skipped_levels == [Level.L3]


def test_a_level_that_did_not_run_is_shown_as_not_run(failures: Failures) -> None:
    """upstream.md 2.4: stored as passed=false without checks; shown as not run, never as failed."""
    stored = json.loads((failures.directory("L0") / "verification-1.json").read_bytes())
    assert [(stored[f"l{n}Result"]["passed"], stored[f"l{n}Result"]["checks"]) for n in (1, 2, 3)] == [(False, [])] * 3
    run = failures.runs["L0"]
    assert "L1 . not run  L2 . not run  L3 . not run" in failures.say("why", run)
    levels = [line for line in failures.say("verify", run).splitlines() if line.startswith("L")]
    assert [line.split(": ")[1].split("  ")[0] for line in levels] == ["FAIL", "not run", "not run", "not run"]
    (row,) = [line for line in failures.say("show", run).splitlines() if line.startswith("1 ")]
    assert row.count(" x ") == 1
    assert row.count(" . ") >= 3


def test_the_harness_config_is_stored_as_it_was(failures: Failures) -> None:
    """upstream.md 2.5: a run with waitForCI=true stores true."""
    stored = json.loads((failures.directory("github") / "verification-1.json").read_bytes())
    assert stored["harnessConfig"]["waitForCI"] is True


def test_both_streams_of_a_failed_check_are_kept_and_shown(failures: Failures) -> None:
    """upstream.md 2.6: a test printing to both streams shows both; the full output is kept."""
    check = failures.report("L1", 3).first_failed
    assert check is not None and check.stdout_log is not None and check.stderr_log is not None
    assert check.stdout.endswith("3 failed, 10 passed in 0.10s")
    assert check.stderr == "the suite is troubled"
    directory = failures.directory("L1")
    assert len((directory / check.stdout_log).read_text().splitlines()) == 202
    assert (directory / check.stderr_log).read_text() == "the suite is troubled\n"
    page = failures.say("why", failures.runs["L1"])
    assert "AssertionError: 41 is not 42" in page
    assert "the suite is troubled" in page


# Thrust 3: the iterations


def test_every_iteration_is_recorded_the_last_one_included(failures: Failures) -> None:
    """upstream.md 3.3, 3.6: at each iteration's end, with the state at the end."""
    assert [failures.iteration("L1", n).state.value for n in (1, 2, 3)] == ["feedback", "feedback", "failed"]
    last = failures.iteration("passes")
    assert (last.verification_passed, last.state.value, last.error_type) == (True, "succeeded", "none")
    assert failures.iteration("crash").state.value == "failed"
    assert not list(failures.directory("workspace").glob("iteration-*")), "no iteration had begun"


def test_an_iteration_holds_what_its_files_say(failures: Failures) -> None:
    """upstream.md 3.1: every field, bare names of files. 3.4: ours are bare. 3.5: the tokens with their total."""
    found = failures.iteration("L1", 2)
    assert (found.agent_result_file, found.verification_file) == ("agent-2.json", "verification-2.json")
    assert (found.agent_session_id, found.agent_model, found.agent_success) == ("scripted-2", "scripted", True)
    assert found.agent_tokens_used is not None and found.agent_tokens_used.total == 30
    assert found.agent_cost_usd == 0.0123
    assert found.verification_levels_run == [Level.L0, Level.L1]
    assert found.snapshot_id == f"{failures.runs['L1']}/2"
    assert (found.feedback_generated, found.verification_passed) == (True, False)
    assert found.completed_at is not None and found.duration_ms is not None
    took = round((from_stamp(found.completed_at) - from_stamp(found.started_at)) * 1000)
    assert abs(found.duration_ms - took) <= 1
    assert found.agent_duration_ms is not None and found.verification_duration_ms is not None


ERROR_TYPES = {
    "passes": "none",
    "crash": "agent_crash",
    "task": "agent_failure",
    "L1": "verification_failed",
    "timeout": "timeout",
    "github": "system_error",
}


@pytest.mark.parametrize(("name", "kind"), ERROR_TYPES.items())
def test_each_type_of_an_iteration_s_error_can_come_about(failures: Failures, name: str, kind: str) -> None:
    """upstream.md 3.2: each value is reachable from a scripted agent."""
    found = failures.iteration(name)
    assert found.error_type.value == kind
    assert (found.error_message is None) == (kind == "none")


def test_the_list_of_types_above_is_whole() -> None:
    """upstream.md 3.2: none, agent_crash, agent_failure, verification_failed, timeout, system_error."""
    assert set(ERROR_TYPES.values()) == {kind.value for kind in IterationErrorType}


@pytest.mark.parametrize(("iteration", "action"), [(1, "continue"), (3, "stop")])
def test_the_details_name_the_first_failing_level_and_check(failures: Failures, iteration: int, action: str) -> None:
    """upstream.md 3.7: failedLevel, failedCheck, buildErrorType, iteration, maxIterations, strategyAction, context."""
    details = failures.iteration("L1", iteration).error_details
    context = details.pop("context")
    assert details == {
        "failedLevel": "L1",
        "failedCheck": "L1/unit",
        "buildErrorType": "test_failed",
        "iteration": iteration,
        "maxIterations": 3,
        "strategyAction": action,
    }
    assert isinstance(context, dict)
    assert context["failedTests"] == 3


def test_an_earlier_iteration_is_explained_by_its_own_evidence(failures: Failures) -> None:
    """The tails of the last iteration were shown for every other."""
    run = failures.runs["L1"]
    page = failures.say("why", f"{run}/1")
    assert "processes/1-check-1-1/stdout.log" in page
    assert "3-check" not in page
    assert "[test_failed]" in page


# Thrust 4: the errors


def test_an_error_has_tails_of_fifty_lines_a_time_and_a_phase(failures: Failures) -> None:
    """upstream.md 4.2: 200-line output gives a 50-line tail; failedAt is a time, the phase stands beside it."""
    for name, first, last, phase in (
        ("crash", "153", "the very last line", "building"),
        ("L1", "case 152 is well", "3 failed, 10 passed in 0.10s", "verifying"),
    ):
        error = failures.error(name)
        lines = error.stdout.split("\n")
        assert len(lines) == 50, lines
        assert {first, last} <= set(lines)
        assert error.phase == phase
        run = failures.site.run(failures.runs[name])
        assert run.started_at is not None and run.completed_at is not None
        assert from_stamp(run.started_at) <= from_stamp(error.failed_at) <= from_stamp(run.completed_at)


@pytest.mark.parametrize(
    ("name", "kind", "says"),
    [
        ("exit-124", "agent_timeout", "time limit"),
        ("timeout", "agent_timeout", "time limit of 1 s"),
        ("exit-137", "agent_crash", "out of memory"),
        ("exit-143", "agent_crash", "code 143"),
        ("crash", "agent_crash", "code 7"),
        ("task", "agent_task_failure", "(exit 0): The agent reported a failure: the bug is in another repository"),
    ],
)
def test_how_an_agent_ended_decides_the_type(failures: Failures, name: str, kind: str, says: str) -> None:
    """upstream.md 4.3: 124 or our deadline is a timeout; 137 without our kill a crash with a hint; exit 0 and is_error
    a task failure. 4.7: the message carries seconds and codes."""
    error = failures.error(name)
    assert error.type.value == kind
    assert says in error.message


def test_a_forbidden_file_is_a_broken_contract(failures: Failures) -> None:
    """upstream.md 4.4, 4.1: contract_failed, which is one more than the original's 13, and names L0 and the file."""
    error = failures.error("L0")
    assert (error.type.value, error.message) == (
        "contract_failed",
        "L0/forbidden-patterns failed: 1 forbidden file: .env",
    )
    assert error.context["failedLevels"] == ["L0"]


@pytest.mark.parametrize("name", ["workspace", "github", "system", "queue"])
def test_a_fault_of_the_machine_has_its_type(failures: Failures, name: str) -> None:
    """upstream.md 4.5: workspace, GitHub (though git was what failed), and everything else."""
    assert failures.error(name).type.value == {"workspace": "workspace_error", "github": "github_error"}.get(
        name, "system_error"
    )


def test_the_context_counts(failures: Failures) -> None:
    """upstream.md 4.6: of an agent session, model, tokens and calls; of a verification tests, levels, diagnostics."""
    found = failures.error("L1").context
    assert (found["failedTests"], found["failedLevels"], found["check"]) == (3, ["L1"], "L1/unit")
    assert isinstance(found["duration"], int)
    assert found["errorCount"] == 1
    diagnostics = found["diagnostics"]
    assert isinstance(diagnostics, list) and isinstance(diagnostics[0], dict)
    assert diagnostics[0]["message"] == "AssertionError: 41 is not 42"
    agent = failures.error("task").context
    assert (agent["sessionId"], agent["model"], agent["toolCallCount"]) == ("scripted-1", "scripted", 0)
    assert isinstance(agent["durationMs"], int)


def test_old_and_new_readers_find_the_error(failures: Failures) -> None:
    """upstream.md 4.7: the string `error` stands next to `buildError`, and is its message, with the specifics."""
    for name in failures.runs:
        stored = json.loads((failures.directory(name) / "run.json").read_bytes())
        if name in ("passes", "recorded"):
            assert (stored["error"], stored["buildError"]) == (None, None)
        else:
            assert stored["error"] == stored["buildError"]["message"]
    assert "3 tests failed" in failures.error("L1").message


@pytest.mark.parametrize(
    ("name", "status"),
    [("crash", 500), ("timeout", 504), ("task", 422), ("L1", 422), ("workspace", 500), ("github", 502), ("queue", 504)],
)
def test_a_script_is_told_the_number_of_an_error(failures: Failures, name: str, status: int) -> None:
    """upstream.md 4.8: the status of each end, with `why --json`; the table of all is in tests/models."""
    assert json.loads(failures.say("why", "--json", failures.runs[name]))["status"] == status


# Section 3: the success criteria


@dataclass(frozen=True)
class Explained:
    """What one screen has to say of an end: the headings of its files are those under which a path is listed."""

    kind: str
    message: str
    quoted: tuple[str, ...]
    files: tuple[str, ...]


BOTH = ("stdout.log", "stderr.log")
EXPLAINED = {
    "crash": Explained(
        "agent_crash",
        "exited with code 7 and did not finish its work",
        ("the very last line", "the agent is troubled"),
        (*(f"processes/1-agent-1-1/{log}" for log in BOTH), "agent-1.json"),
    ),
    "task": Explained(
        "agent_task_failure",
        "it could not do the task (exit 0): The agent reported a failure: the bug is in another repository",
        ("I looked everywhere.", "no map found"),
        (*(f"processes/1-agent-1-1/{log}" for log in BOTH), "agent-1.json"),
    ),
    "timeout": Explained(
        "agent_timeout",
        "the agent ran into its time limit of 1 s and was stopped",
        ("thinking", "slowly"),
        (*(f"processes/1-agent-1-1/{log}" for log in BOTH), "agent-1.json"),
    ),
    "L0": Explained(
        "contract_failed",
        "L0/forbidden-patterns failed: 1 forbidden file: .env",
        ("I kept it", "it is secret", "forbidden by **/.env"),
        (*(f"processes/1-agent-1-1/{log}" for log in BOTH), "verification-1.json"),
    ),
    "L1": Explained(
        "test_failed",
        "L1/unit failed: exit 1, expected 0; 3 tests failed; first: AssertionError: 41 is not 42",
        ("201 AssertionError: 41 is not 42", "the suite is troubled"),
        (*(f"processes/3-check-1-1/{log}" for log in BOTH), *(f"processes/3-agent-1-1/{log}" for log in BOTH)),
    ),
    "L2": Explained(
        "blackbox_failed",
        "json_equals: sum differs",
        ('{"sum": 11}', "doubling 5", "expected: 10", "actual:   11"),
        (*(f"processes/1-blackbox-1-1/{log}" for log in BOTH), "verification-1.json"),
    ),
    "L3": Explained(
        "contract_failed",
        "L3/large-files failed: big.bin: has 1.9 MB; more than 1 MB are not allowed",
        ("I made it", "it is large", "expected: at most 1 MB", "actual:   1.9 MB"),
        (*(f"processes/1-agent-1-1/{log}" for log in BOTH), "verification-1.json"),
    ),
    "workspace": Explained(
        "workspace_error", "gone does not exist", ("agentgate requeue",), ("events.jsonl", "run.json")
    ),
    "system": Explained(
        "system_error",
        "gate-plan.json is missing; nothing could judge this run",
        ("agentgate requeue",),
        ("events.jsonl", "run.json"),
    ),
    "queue": Explained("system_error", "QUEUE_TIMEOUT: it waited", ("may wait 0.001 s",), ("events.jsonl", "run.json")),
    "github": Explained(
        "github_error",
        "the server could not be reached: check the network",
        ("agentgate deliver", "I am done", "with care"),
        (*(f"processes/1-agent-1-1/{log}" for log in BOTH), "delivery.json", "events.jsonl"),
    ),
}


@pytest.mark.parametrize("name", EXPLAINED)
def test_one_screen_explains_each_kind_of_failure(failures: Failures, name: str) -> None:
    """upstream.md 3 (success criterion 1): type, message, tails and both full files, on one screen of 80x24."""
    wanted, run = EXPLAINED[name], failures.runs[name]
    lines = on_a_screen(failures.site, "why", run)
    taken = sum(max(1, -(-len(line) // COLUMNS)) for line in lines)
    assert taken < ROWS, "\n".join(lines)
    page = words_of(lines)
    assert lines[0].startswith(run)
    assert f"[{wanted.kind}]" in page
    assert wanted.message in page
    for quoted in wanted.quoted:
        assert " ".join(quoted.split()) in page, page
    (place,) = [line.removeprefix("files in ") for line in lines if line.startswith("files in ")]
    listed = words_of(lines[lines.index(f"files in {place}") + 1 :]).split(" ")
    for file in wanted.files:
        assert file in listed
        assert (Path(place) / file).is_file()
    whole = json.loads(failures.say("why", "--json", run))["why"]
    assert {f"{place}/{file}" for file in wanted.files} <= {path for _, path in whole["files"]}


def on_a_screen(site: Site, *words: str) -> list[str]:
    """What a command shows on a terminal of 80 columns and 24 rows."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    shown = b""
    with subprocess.Popen([*agentgate_command(), *words], env=site.environment, stdout=theirs, stderr=theirs):
        os.close(theirs)
        try:
            while found := os.read(ours, 65536):
                shown += found
        except OSError:  # how Linux says that the other side is gone
            pass
    os.close(ours)
    return shown.decode().replace("\r\n", "\n").splitlines()


def test_a_failing_order_leaves_everything_for_every_iteration(failures: Failures) -> None:
    """upstream.md 3 (success criterion 4): agent, verification and iteration files for every iteration."""
    directory = failures.directory("L1")
    for kind, record in (
        ("agent", PersistedAgentResult),
        ("verification", PersistedVerificationReport),
        ("iteration", IterationData),
    ):
        for n in (1, 2, 3):
            file = directory / f"{kind}-{n}.json"
            assert record.from_json(file.read_bytes(), file.name).iteration == n
        assert not (directory / f"{kind}-4.json").exists()
    assert all(failures.report("L1", n).levels[1].status is CheckStatus.FAILED for n in (1, 2, 3))
    failures.site.assert_ended_well(failures.runs["L1"], "failed_verification")
