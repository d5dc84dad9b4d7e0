"""What the original wrote, in our records: each generation by its own keys."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentgate_engine.models.agent_result import AgentOutcome
from agentgate_engine.models.build_error import BuildErrorType
from agentgate_engine.models.iteration import IterationErrorType
from agentgate_engine.models.run_state import RunResult, RunState
from agentgate_engine.models.verification import CheckStatus, Level
from agentgate_engine.store.foreign.agents import convert_agent, outcome_of, tokens_of, transcript_of
from agentgate_engine.store.foreign.outcome import order_standing, run_standing
from agentgate_engine.store.foreign.patches import convert_snapshot, files_in_patch
from agentgate_engine.store.foreign.records import Fields
from agentgate_engine.store.foreign.verifications import convert_verification

from .foreign_support import DATA, ORDER, RUN, copy_of, evidence_of, order_record, put, run_record, small_store


def same(text: str) -> str:
    return text


@pytest.mark.parametrize(
    ("recorded", "total"),
    [
        ({"input": 1200, "output": 340}, 1540),
        ({"input": 1200, "output": 340, "total": 1540}, 1540),
        (1540, 1540),
        ({"total": 7}, 7),
        ({}, None),
        (None, None),
        ("many", None),
    ],
)
def test_tokens_as_an_object_and_as_one_number_give_the_same_total(recorded: object, total: int | None) -> None:
    """upstream.md 3.5: the reader accepts both and shows the same total."""
    found = tokens_of(Fields({"agentTokensUsed": recorded}), "agentTokensUsed")
    assert (found.total if found else None) == total


def level(name: str, passed: bool, *checks: dict[str, object]) -> dict[str, object]:
    return {"level": name, "passed": passed, "checks": list(checks), "duration": 5}


def report(**more: object) -> Fields:
    shape = {f"l{n}Result": level(f"L{n}", False) for n in range(4)}
    return Fields({"passed": False, **shape, **more})


def test_a_level_without_checks_was_not_run_whatever_it_says() -> None:
    """upstream.md 2.4: an empty-check level is `not run`, never `failed`."""
    failed = {"name": "unit", "passed": False, "message": "Test failed: unit"}
    fields = report(
        l0Result=level("L0", True, {"name": "required-files", "passed": True}), l1Result=level("L1", False, failed)
    )
    found = convert_verification(RUN, 1, fields, name="verification-1.json", mask=same)
    assert [each.status.value for each in found.levels] == ["passed", "failed", "not_run", "not_run"]
    assert found.skipped_levels == [Level.L2, Level.L3]
    assert found.first_failed is not None
    assert found.first_failed.id == "L1/unit"


def test_a_level_that_was_skipped_is_told_from_one_that_was_not_run() -> None:
    """upstream.md 2.3 and 2.4: the skip list, and the one check `skipped` of a level on it."""
    skipped = {"name": "skipped", "passed": True}
    config = {"waitForCI": True, "skipLevels": ["L3"]}
    found = convert_verification(
        RUN, 1, report(l2Result=level("L2", True, skipped), harnessConfig=config), name="verification-1.json", mask=same
    )
    assert [each.status.value for each in found.levels] == ["not_run", "not_run", "skipped", "skipped"]
    assert found.harness_config.wait_for_ci


def test_both_shapes_of_a_report_are_read() -> None:
    """upstream.md 2.2: the shape of the code, and the shape of the guide."""
    check = {"name": "unit", "passed": False, "output": "Exit code: 2, expected: 0\nsrc/a.py:3: broken", "duration": 40}
    guide = Fields(
        {"overall": {"passed": False, "summary": "one test failed"}, "levels": {"L1": level("L1", False, check)}}
    )
    code = report(l1Result=level("L1", False, {**check, "details": check["output"], "message": "Test failed: unit"}))
    for fields in (guide, code):
        found = convert_verification(RUN, 1, fields, name="verification-1.json", mask=same)
        failed = found.first_failed
        assert failed is not None
        assert (failed.exit_code, failed.expected_exit, failed.duration) == (2, 0, 40)
        assert failed.stdout_log == "verification-1.json#L1.1"
        assert [(d.file, d.line, d.output_line) for d in failed.diagnostics] == [("src/a.py", 3, 2)]
    assert convert_verification(RUN, 1, guide, name="v", mask=same).summary == "one test failed"


@pytest.mark.parametrize("generation", ["v0.2.24", "v0.2.26"])
def test_every_report_of_the_samples_is_read(generation: str) -> None:
    """upstream.md 2.2: the reader accepts the C shape from all sample stores."""
    files = sorted((DATA / f"upstream-store-{generation}").glob("runs/*/verification-*.json"))
    assert files
    for file in files:
        fields = Fields(json.loads(file.read_text()))
        found = convert_verification(RUN, 1, fields, name=file.name, mask=same)
        assert found.passed is fields.flag("passed")
        for kept in found.levels:
            listed = fields.child(f"l{kept.level[1]}Result").children("checks")
            assert [check.name for check in kept.checks] == [check.text("name") for check in listed]
            assert listed or kept.status in (CheckStatus.NOT_RUN, CheckStatus.SKIPPED)


def test_a_check_that_does_not_say_how_it_ended_was_not_run() -> None:
    found = convert_verification(
        RUN, 1, report(l1Result=level("L1", False, {"name": "a"}, {"name": "b", "passed": None})), name="v", mask=same
    )
    assert [check.status for check in found.l1_result.checks] == [CheckStatus.NOT_RUN] * 2
    assert found.l1_result.status is CheckStatus.NOT_RUN


def test_checks_of_one_name_stay_two() -> None:
    twice = {"name": "unit", "passed": True}
    found = convert_verification(RUN, 1, report(l1Result=level("L1", True, twice, twice)), name="v", mask=same)
    assert [check.id for check in found.l1_result.checks] == ["L1/unit", "L1/unit (2)"]


@pytest.mark.parametrize(
    ("record", "canceled", "outcome"),
    [
        ({"success": True, "exitCode": 0}, False, AgentOutcome.SUCCESS),
        ({"exitCode": 0}, False, AgentOutcome.SUCCESS),
        ({"success": False, "exitCode": 0}, False, AgentOutcome.TASK_FAILURE),
        ({"success": False, "exitCode": 124}, False, AgentOutcome.TIMEOUT),
        ({"success": False, "exitCode": 143}, True, AgentOutcome.CANCELED),
        ({"success": False, "exitCode": 143}, False, AgentOutcome.CRASH),
        ({"success": False, "exitCode": 1}, True, AgentOutcome.CRASH),
        ({}, False, AgentOutcome.CRASH),
    ],
)
def test_how_an_agent_ended(record: dict[str, object], canceled: bool, outcome: AgentOutcome) -> None:
    assert outcome_of(Fields(record), canceled=canceled) is outcome


def test_the_cost_is_found_where_the_agent_told_it() -> None:
    """upstream.md 1.6: the original leaves totalCostUsd null though the agent's JSON carries it."""
    fields = Fields(
        {"success": True, "totalCostUsd": None, "structuredOutput": {"total_cost_usd": 0.0123, "result": "Done."}}
    )
    found = convert_agent(RUN, 1, fields, name="agent-1.json", agent_type="x", canceled=False, mask=same)
    assert found.total_cost_usd == 0.0123
    assert found.result_text == "Done."
    assert found.stdout_log == "agent-1.json#stdout"


def kinds_and_texts(**record: object) -> list[tuple[str, str]]:
    lines = [json.loads(line) for line in transcript_of(Fields(record), same)]
    assert [line["seq"] for line in lines] == list(range(len(lines)))
    return [(line["kind"], line["text"]) for line in lines]


def test_a_transcript_tells_the_calls_the_answer_and_the_errors() -> None:
    answer = {"type": "result", "result": "Said hello.\nAll done."}
    calls = [{"tool": "Bash", "input": {"command": "make"}, "output": "ok\n", "durationMs": 3}]
    assert kinds_and_texts(stdout=json.dumps(answer), stderr="careful\n", structuredOutput=answer, toolCalls=calls) == [
        ("tool_call", 'Bash { "command": "make" }'),
        ("tool_output", "ok"),
        ("message", "Said hello."),
        ("message", "All done."),
        ("error_output", "careful"),
    ]
    plain = {"result": "Reading...\nstill\n"}
    assert kinds_and_texts(stdout="Reading...\nstill\n", structuredOutput=plain) == [
        ("output", "Reading..."),
        ("output", "still"),
    ]
    assert kinds_and_texts(stdout="x" * 5000)[0][1] == "x" * 4096
    assert kinds_and_texts() == []


PATCH = b"""\
diff --git a/src/a.py b/src/a.py
index 1..2 100644
--- a/src/a.py
+++ b/src/a.py
@@ -1,2 +1,3 @@
-old
+new
++++ three pluses are a line too
 same
diff --git a/new.txt b/new.txt
new file mode 100644
--- /dev/null
+++ b/new.txt
@@ -0,0 +1 @@
+one
diff --git a/gone.txt b/gone.txt
deleted file mode 100644
@@ -1 +0,0 @@
-one
diff --git a/a.bin b/b.bin
rename from a.bin
rename to b.bin
Binary files a/a.bin and b/b.bin differ
"""


def test_a_patch_names_its_files() -> None:
    found = files_in_patch(PATCH)
    assert [(f.path, f.status, f.insertions, f.deletions) for f in found] == [
        ("src/a.py", "modified", 2, 1),
        ("new.txt", "added", 1, 0),
        ("gone.txt", "deleted", 0, 1),
        ("b.bin", "renamed", None, None),
    ]
    assert found[3].previous_path == "a.bin"
    assert files_in_patch(b"\xff\x00 not a patch\n") == []


def test_a_snapshot_record_of_another_iteration_is_not_taken() -> None:
    """upstream.md 2.5: an iteration that changed nothing wrote over the record of the one before."""
    record = Fields({"runId": RUN, "iteration": 2, "afterSha": "b", "filesChanged": 0, "branch": "main"})
    second = convert_snapshot(RUN, 2, before="b", after="b", record=record, patch=None)
    assert second is not None
    assert second.files_changed == 0
    assert convert_snapshot(RUN, 1, before="a", after="b", record=record, patch=None) is None
    assert convert_snapshot("another", 2, before="a", after="b", record=record, patch=None) is None


@pytest.mark.parametrize(
    ("state", "result", "order", "shown", "kept", "notes"),
    [
        ("succeeded", "passed", "succeeded", RunState.SUCCEEDED, RunResult.PASSED, 0),
        ("succeeded", "passed", "canceled", RunState.SUCCEEDED, RunResult.PASSED, 1),
        ("building", None, "running", RunState.BUILDING, None, 0),
        ("building", None, "failed", RunState.BUILDING, None, 1),
        ("failed", "failed_github", "failed", RunState.FAILED, RunResult.FAILED_GITHUB, 0),
        ("failed", "failed_moon", "failed", RunState.FAILED, None, 1),
        ("gate_checked", None, "running", RunState.BUILDING, None, 1),
        ("gate_checked", "failed_build", "failed", RunState.FAILED, RunResult.FAILED_BUILD, 1),
        ("CANCELLED", "canceled", "CANCELLED", RunState.CANCELED, RunResult.CANCELED, 0),
        (None, None, "succeeded", RunState.SUCCEEDED, None, 1),
        (None, None, None, RunState.BUILDING, None, 1),
        ("failed", "passed", None, RunState.FAILED, RunResult.PASSED, 1),
        ("succeeded", "passed", "no_such_word", RunState.SUCCEEDED, RunResult.PASSED, 0),
    ],
)
def test_how_a_run_stands(
    state: str | None, result: str | None, order: str | None, shown: RunState, kept: RunResult | None, notes: int
) -> None:
    """upstream.md section 6: states are open sets, order and run may disagree; what was not run is never `failed`."""
    found = run_standing(state, result, order)
    assert (found.state, found.result, len(found.notes)) == (shown, kept, notes), found
    if not shown.terminal:
        assert found.now == f"recorded as {state or 'nothing'}; nobody here knows whether it still runs"


@pytest.mark.parametrize(
    ("status", "run", "fault", "shown", "now"),
    [
        ("queued", None, None, RunState.QUEUED, "queued"),
        ("canceled", None, None, RunState.CANCELED, "canceled before it began"),
        ("PENDING", None, None, RunState.QUEUED, "queued"),
        ("running", None, None, RunState.BUILDING, "recorded as running; no run of it is on record"),
        ("failed", None, None, RunState.FAILED, "recorded as failed; no run of it is on record"),
        ("queued", "gone", None, RunState.QUEUED, "recorded as queued; it names the run gone, which is not its own or"),
        ("succeeded", "r", "is no JSON", RunState.SUCCEEDED, "recorded as succeeded; its run r cannot be read: is no"),
        ("dreaming", None, None, RunState.QUEUED, "recorded as dreaming; no run of it is on record"),
        (None, None, None, RunState.QUEUED, "recorded as nothing; no run of it is on record"),
    ],
)
def test_how_an_order_without_a_run_stands(
    status: str | None, run: str | None, fault: str | None, shown: RunState, now: str
) -> None:
    """upstream.md section 6: an order that was not run has its own status word, and a dangling runId is told."""
    found = order_standing(status, run, fault)
    assert found.state is shown
    assert found.now.startswith(now)


def test_the_legacy_store_has_iterations_from_its_summary(tmp_path: Path) -> None:
    """upstream.md 3.8: the v18 store opens with iteration rows built from run.json."""
    found = evidence_of(copy_of("v0.2.18", tmp_path / "store"), "verF4iled018")
    assert found.run.iteration == 3
    assert found.agents == {}
    assert found.verifications == {}
    assert [found.iterations[n].verification_passed for n in (1, 2, 3)] == [False, False, False]
    last = found.iterations[3]
    assert last.completed_at == found.run.completed_at == "2026-03-02T09:12:00.000Z"
    assert last.duration_ms == 39_500
    assert last.diff_file == "iterations/3/patch.diff"
    assert found.snapshots[3].files_changed == 2
    assert found.run.warnings[0].message.startswith("verify.yaml not found")
    passed = evidence_of(tmp_path / "store", "p4ssed_-18aa")
    assert passed.iterations[1].verification_passed is True
    assert passed.iterations[1].agent_session_id is None


def test_the_last_iteration_that_was_not_saved_is_there(tmp_path: Path) -> None:
    """upstream.md 3.3 and section 0: the original left out the last iteration; agent, report and run tell it."""
    found = evidence_of(copy_of("v0.2.24", tmp_path / "store"), "tLmOQnZNzWod")
    assert sorted(found.iterations) == [1, 2, 3]
    last = found.iterations[3]
    assert (last.verification_passed, last.agent_result_file, last.verification_file) == (
        False,
        "agent-3.json",
        "verification-3.json",
    )
    assert last.verification_levels_run == [Level.L0, Level.L1]
    assert last.agent_tokens_used is not None
    assert last.agent_tokens_used.total == 2740


def test_absolute_file_references_become_names(tmp_path: Path) -> None:
    """upstream.md 3.4: on the genuine store, whose iteration files hold absolute paths."""
    found = evidence_of(copy_of("v0.2.24", tmp_path / "store"), "3FiOyCOwQOP5").iterations[1]
    assert (found.agent_result_file, found.verification_file) == ("agent-1.json", "verification-1.json")
    assert found.agent_tokens_used is not None
    assert found.agent_tokens_used.total == 1540
    assert found.state is RunState.FEEDBACK  # and not `leased`, the state at its start


def test_the_newest_generation_tells_its_iterations_by_other_keys(tmp_path: Path) -> None:
    """upstream.md section 6: iteration-{n}.json of v26 has startTime, endTime, success and phaseTimings."""
    found = evidence_of(copy_of("v0.2.26", tmp_path / "store"), "-p4ssed26-ab")
    record = found.iterations[1]
    assert (record.started_at, record.duration_ms, record.verification_passed) == (
        "2026-11-20T10:00:02.000Z",
        12_000,
        True,
    )
    assert {phase.value: spent for phase, spent in found.phase_times[1].items()} == {
        "building": 9000,
        "snapshotting": 400,
        "verifying": 2000,
        "feedback": 50,
    }
    assert [call.tool for call in found.agents[1].tool_calls] == ["Read", "Edit"]
    assert found.run.repository == "/home/operator/projects/one"
    failed = evidence_of(tmp_path / "store", "bu1ldF4il-26").run
    assert failed.error == "Error: the model hung up"  # the original left `error` null
    assert failed.build_error is not None
    assert failed.build_error.type is BuildErrorType.AGENT_CRASH


@pytest.mark.parametrize(
    ("result", "kind"),
    [
        ("failed_timeout", BuildErrorType.AGENT_TIMEOUT),
        ("failed_github", BuildErrorType.GITHUB_ERROR),
        ("failed_error", BuildErrorType.SYSTEM_ERROR),
        ("failed_build", BuildErrorType.UNKNOWN),
        ("failed_verification", BuildErrorType.UNKNOWN),
        ("failed_moon", BuildErrorType.UNKNOWN),
    ],
)
def test_a_failure_without_evidence_is_not_explained_away(tmp_path: Path, result: str, kind: BuildErrorType) -> None:
    store = small_store(
        tmp_path, order_record(status="failed"), run_record(state="failed", result=result, error="It broke.")
    )
    error = evidence_of(store, ORDER).run.build_error
    assert error is not None
    assert (error.type, error.message) == (kind, "It broke.")


def test_a_forbidden_file_is_not_a_failing_test(tmp_path: Path) -> None:
    """upstream.md 4.4: the original says `Test failure: Found 1 forbidden file(s)`; the type comes from the check."""
    error = evidence_of(copy_of("v0.2.24", tmp_path / "store"), "YpPigRksFAuN").run.build_error
    assert error is not None
    assert error.type is BuildErrorType.CONTRACT_FAILED


def test_iteration_counts_are_bounded(tmp_path: Path) -> None:
    store = small_store(tmp_path, run=run_record(iteration=10**9))
    put(store / "runs" / RUN / "agent-999999.json", {"success": True})
    found = evidence_of(store, ORDER)
    assert found.run.iteration == 1000
    assert any("the first 1000 are shown" in warning.message for warning in found.run.warnings)


def test_an_iteration_that_nobody_knows_the_end_of_is_none(tmp_path: Path) -> None:
    """A run that stopped half way has no failed iteration: nothing says that it failed."""
    running = run_record(state="building", result=None, completedAt=None, iteration=2)
    store = small_store(tmp_path, order_record(status="running"), running)
    put(store / "runs" / RUN / "iteration-1.json", {"iteration": 1, "state": "leased", "verificationPassed": False})
    put(
        store / "runs" / RUN / "iteration-2.json",
        {"iteration": 2, "state": "building", "startedAt": "2026-11-22T10:00:09Z"},
    )
    found = evidence_of(store, ORDER)
    assert sorted(found.iterations) == [1]
    assert not found.live
    crash = {"iteration": 2, "errorType": "system_error", "errorMessage": "disk"}
    put(store / "runs" / RUN / "iteration-2.json", crash)
    assert evidence_of(store, ORDER).iterations[2].error_type is IterationErrorType.SYSTEM_ERROR
