"""All levels together: their order, what is left out, what is run again, and what the report says of it."""

from __future__ import annotations

import pytest

from agentgate_engine.models.gate_plan import Assertion, Contracts, NamingContract, PlannedBlackbox, SanityName
from agentgate_engine.models.verification import CheckStatus, HarnessConfig, Level, PersistedVerificationReport
from agentgate_engine.verify.tree_readers import BaseFile, TreeChange, TreeReaders
from agentgate_engine.verify.verifier import judged_with, levels_glyphs, planned_checks
from tests.verify.test_verifier import Room, SteppedClock, checks, ended, plan_of
from tests.verify.test_verifier import room as room

COVERAGE: list[SanityName] = ["test-coverage"]


def base_of(files: dict[str, bytes], *changes: TreeChange) -> TreeReaders:
    def at_base(path: str, limit: int) -> BaseFile | None:
        found = files.get(path)
        return None if found is None else BaseFile(len(found), found if len(found) <= limit else None)

    return TreeReaders(at_base=at_base, changes=lambda: changes)


def blackbox(command: str, *assertions: Assertion, **about: object) -> PlannedBlackbox:
    return PlannedBlackbox.model_validate({"name": "cli", "command": command, "assertions": assertions, **about})


ECHO = blackbox("cat", Assertion(type="contains", value="ping"), fixture="in.txt")
FILES = {"in.txt": b"ping\n", "expected.json": b'{"a": 1}\n'}
EVERYTHING = {
    "contracts": Contracts(naming_conventions=[NamingContract(pattern="**", rule="snake_case")]),
    "blackbox": [ECHO],
    "sanity": COVERAGE,
}


async def test_levels_run_in_order_and_each_is_told(room: Room) -> None:
    """upstream.md 2.1: order L0, L1, L2, L3; a warning is not a pass and fails nothing."""
    room.tracked = ["a.py"]
    plan = plan_of(("unit", "true"), **EVERYTHING)
    report = await room.judge(plan, readers=base_of(FILES, TreeChange("a.py", "modified", 3)))
    assert report.passed and levels_glyphs(report) == "+++~"
    assert list(checks(report)) == planned_checks(plan)
    assert [line for line in room.told if line.startswith(">")] == [
        "> L0/naming:** -",
        "> L1/unit check-1",
        "> L2/cli blackbox-1",
        "> L3/test-coverage -",
    ]
    assert report.summary == "passed: 3 of 4 checks, 1 warning"
    assert report.notes == ["warnings, which fail nothing: test-coverage"]
    assert report.skipped_levels == []
    assert not checks(report)["L3/test-coverage"].passed
    assert PersistedVerificationReport.from_json(report.to_json(), "x") == report


@pytest.mark.parametrize(
    ("broken", "glyphs", "skipped"),
    [
        ("L0", "x...", [Level.L1, Level.L2, Level.L3]),
        ("L1", "+x..", [Level.L2, Level.L3]),
        ("L2", "++x.", [Level.L3]),
        ("L3", "+++x", []),
    ],
)
async def test_the_first_failing_level_stops_the_rest(
    room: Room, broken: str, glyphs: str, skipped: list[Level]
) -> None:
    """upstream.md 2.1, 2.3: the rest is not run, with the reason, and stands in skippedLevels."""
    room.tracked = ["NotSnake.py" if broken == "L0" else "a.py"]
    large = TreeChange("big.bin", "added", 101 << 20 if broken == "L3" else 1)
    plan = plan_of(("unit", "exit 1" if broken == "L1" else "true"), **(EVERYTHING | {"sanity": ["large-files"]}))
    files = {} if broken == "L2" else FILES
    report = await room.judge(plan, readers=base_of(files, large))
    assert not report.passed and levels_glyphs(report) == glyphs
    assert report.skipped_levels == skipped
    assert {level.reason for level in report.levels if level.level in skipped} <= {f"not run: {broken} failed"}
    assert report.summary.startswith(f"failed at {broken} ")
    assert report.first_failed and report.first_failed.level.value == broken


async def test_a_level_that_was_not_run_is_not_failed(room: Room) -> None:
    """upstream.md 2.4: not run is told apart from failed, though passed is false in both."""
    report = await room.judge(plan_of(("unit", "exit 1"), blackbox=[ECHO]))
    assert (report.l2_result.status, report.l2_result.passed, report.l2_result.checks) == (
        CheckStatus.NOT_RUN,
        False,
        [],
    )


async def test_what_the_order_leaves_out_is_skipped_and_said(room: Room) -> None:
    """upstream.md 2.3, 2.5: skippedLevels of a passing run with L3 left out is [L3]; the harness config is stored."""
    room.tracked = ["a.py"]
    plan = plan_of(("unit", "true"), **EVERYTHING)
    harness = HarnessConfig(wait_for_ci=True, skip_levels=[Level.L3])
    report = await room.judge(plan, readers=base_of(FILES), harness=harness)
    assert report.passed and levels_glyphs(report) == "+++-"
    assert report.skipped_levels == [Level.L3]
    assert report.l3_result.status is CheckStatus.SKIPPED
    assert report.l3_result.reason == "skipped: the order leaves this level out"
    assert report.harness_config == harness
    assert b'"waitForCI": true' in report.to_json() and b'"skipLevels": [\n      "L3"' in report.to_json()
    assert "L3/test-coverage" not in planned_checks(plan, [Level.L3])


async def test_a_level_that_is_left_out_lets_the_next_one_run(room: Room) -> None:
    room.tracked = ["NotSnake.py"]
    plan = plan_of(("unit", "exit 1"), **EVERYTHING)
    report = await room.judge(plan, readers=base_of(FILES), harness=HarnessConfig(skip_levels=[Level.L0, Level.L1]))
    assert report.passed and levels_glyphs(report) == "--++"
    assert report.skipped_levels == [Level.L0, Level.L1]


async def test_kinds_of_checks_can_be_left_out(room: Room) -> None:
    """upstream.md 2.7: skipLevels[lint, typecheck, test] of a profile."""
    plan = plan_of(("lint", "exit 1"), ("mypy", "exit 1"), ("unit", "true"), setup=(("lint", "true"),))
    report = await room.judge(plan, harness=HarnessConfig(skip_kinds=["lint", "typecheck"]))
    found = checks(report)
    assert report.passed and [check.status.value for check in found.values()] == [
        "passed",
        "skipped",
        "skipped",
        "passed",
    ]
    assert found["L1/lint"].message == "skipped: the order leaves out every lint check"
    assert report.summary == "passed: 2 of 4 checks, 2 skipped"
    assert report.skipped_levels == [Level.L0, Level.L2, Level.L3]
    assert not [line for line in room.told if line == "> L1/lint check-1"]
    only = await room.judge(plan_of(("lint", "exit 1")), harness=HarnessConfig(skip_kinds=["lint"]))
    assert only.passed and levels_glyphs(only)[1] == "-" and Level.L1 in only.skipped_levels


async def test_a_flaky_check_passes_and_is_told_apart(room: Room) -> None:
    """upstream.md 2.7 (maxRetries): a later pass is flaky, never silently passed, and the failed attempt is kept."""
    plan = plan_of(("unit", "test -e seen || { touch seen; echo first >&2; exit 4; }"), check_retries=2)
    report = await room.judge(plan)
    check = checks(report)["L1/unit"]
    assert (check.status, check.passed, check.attempts) == (CheckStatus.FLAKY, True, 2)
    assert check.message == "passed in attempt 2, after: exit 4, expected 0"
    (earlier,) = check.earlier
    assert (earlier.exit_code, earlier.stderr_log) == (4, "processes/check-1-1/stderr.log")
    assert check.stdout_log == "processes/check-1-2/stdout.log"
    assert report.passed and levels_glyphs(report)[1] == "~"
    assert report.summary == "passed: 1 of 1 checks, 1 flaky"
    assert report.notes == ["L1/unit is flaky: it passed in attempt 2, after: exit 4, expected 0"]


async def test_a_check_that_fails_every_time_says_how_often(room: Room) -> None:
    report = await room.judge(plan_of(("unit", "echo x >> runs; exit 1"), check_retries=2))
    check = checks(report)["L1/unit"]
    assert (check.status, check.attempts, len(check.earlier)) == (CheckStatus.FAILED, 3, 2)
    assert check.message == "exit 1, expected 0, 3 times"
    assert (room.path / "runs").read_text() == "x\n" * 3


async def test_nothing_is_repeated_once_the_time_is_used_up(room: Room) -> None:
    clock = SteppedClock()

    async def slow(run: object) -> object:
        clock.seconds += 20
        return room.outcome("check-1", ended(1))

    report = await room.judge(plan_of(("unit", "x"), check_retries=5, max_runtime=30), slow, clock)  # type: ignore[arg-type]
    assert checks(report)["L1/unit"].attempts == 2


async def test_a_blackbox_reads_its_fixture_of_the_base_commit(room: Room) -> None:
    """upstream.md 2.1: the fixture is piped to stdin; what the agent made of it does not count."""
    (room.path / "in.txt").write_text("planted by the agent\n")
    plan = plan_of(blackbox=[ECHO, blackbox("wc -c", Assertion(type="matches_regex", pattern="^ *0$"), name="none")])
    report = await room.judge(plan, readers=base_of(FILES))
    found = checks(report)
    assert report.passed
    assert found["L2/cli"].stdout == "ping" and found["L2/cli"].message == "1 assertion holds"
    assert found["L2/cli"].stdout_log == "processes/blackbox-1-1/stdout.log"
    assert found["L2/none"].passed, "without a fixture stdin is empty"


async def test_a_missing_fixture_fails_and_runs_nothing(room: Room) -> None:
    """upstream.md 2.1: L2 fails on a missing fixture."""
    report = await room.judge(plan_of(blackbox=[ECHO], check_retries=3))
    check = checks(report)["L2/cli"]
    assert check.message == "the fixture in.txt is not in the base commit"
    assert check.hint and check.hint.startswith("This says nothing about the work")
    assert check.stdout_log is None and not list(room.path.parent.glob("blackbox-*"))


async def test_each_failed_assertion_is_a_diagnostic_with_expected_and_actual(room: Room) -> None:
    """upstream.md 2.1, 2.4: any assertion fails L2; all of them are told."""
    test = blackbox(
        "echo '{\"a\": 2}'; echo noise >&2; exit 3",
        Assertion(type="json_equals", expected={"a": 1}),
        Assertion(type="equals_file", file="expected.json"),
        Assertion(type="contains", value="a"),
    )
    report = await room.judge(plan_of(blackbox=[test]), readers=base_of(FILES))
    check = checks(report)["L2/cli"]
    assert check.status is CheckStatus.FAILED and check.signature
    assert [(each.type, each.message, each.expected, each.actual) for each in check.diagnostics] == [
        ("assertion_failed", "exit_code: expected 0, got 3", "exit 0", "exit 3"),
        ("assertion_failed", "json_equals: a differs", "1", "2"),
        (
            "assertion_failed",
            "equals_file: the output differs from expected.json in line 1",
            '"{\\"a\\": 1}"',
            '"{\\"a\\": 2}"',
        ),
    ]
    assert check.message == "exit_code: expected 0, got 3 and 2 more"
    assert (check.stdout, check.stderr) == ('{"a": 2}', "noise")


async def test_an_expected_exit_code_is_a_pass_of_its_own(room: Room) -> None:
    test = blackbox("exit 3", Assertion(type="exit_code", expected=3), expected_exit=3)
    assert (await room.judge(plan_of(blackbox=[test]))).passed


async def test_a_blackbox_that_hangs_or_dies_fails_whatever_it_printed(room: Room) -> None:
    """upstream.md 2.1: L2 fails on a timeout."""
    says = Assertion(type="contains", value="ok")
    hangs = blackbox("echo ok; sleep 60", says, timeout=0.3, name="hangs")
    dies = blackbox("echo ok; kill -SEGV $$", says, name="dies")
    found = checks(await room.judge(plan_of(blackbox=[hangs, dies])))
    assert found["L2/hangs"].timed_out and found["L2/hangs"].message == "timed out: stopped after 0.3 s"
    assert found["L2/dies"].message == "died of SIGSEGV"


async def test_output_of_a_blackbox_is_masked(room: Room) -> None:
    def mask(text: str) -> str:
        return text.replace("hunter2", "[masked]")

    test = blackbox("echo hunter2", Assertion(type="contains", value="x"))
    report = await room.judge(plan_of(blackbox=[test]), mask=mask)
    assert b"hunter2" not in report.to_json() and b"[masked]" in report.to_json()


async def test_the_budget_reaches_over_levels(room: Room) -> None:
    clock = SteppedClock()

    async def slow(run: object) -> object:
        clock.seconds += 20
        return room.outcome("check-1", ended())

    plan = plan_of(("unit", "x"), blackbox=[blackbox("x")], max_runtime=15)
    report = await room.judge(plan, slow, clock)  # type: ignore[arg-type]
    assert levels_glyphs(report) == "-+x."
    assert checks(report)["L2/max-runtime"].message == "the plan's max_runtime of 15 s was used up before: cli"


def test_the_files_that_a_plan_judges_with_are_known() -> None:
    plan = plan_of(blackbox=[blackbox("x", Assertion(type="equals_file", file="out.txt"), fixture="in.txt")])
    assert judged_with(plan) == ["in.txt", "out.txt"]


def test_a_report_of_the_original_is_read_with_its_harness_config() -> None:
    """upstream.md 2.1: harnessConfig{waitForCI, skipLevels}."""
    for raw in (b'{"waitForCI": true, "skipLevels": ["L2"]}', b'{"waitForCi": true, "skipLevels": ["L2"]}'):
        found = HarnessConfig.from_json(raw, "x")
        assert found.wait_for_ci and found.skip_levels == [Level.L2]
    assert HarnessConfig.from_json(b"{}", "x") == HarnessConfig()
