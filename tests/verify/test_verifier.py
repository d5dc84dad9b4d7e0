"""A plan applied to a snapshot: order, verdicts, budget, reports. Commands run for real, through a small runner."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agentgate_engine.clock import Clock
from agentgate_engine.models.gate_plan import Contracts, GatePlan, PlannedCommand
from agentgate_engine.models.process import EndedBy, ProcessExit, StartError
from agentgate_engine.models.verification import Check, CheckStatus, Level, PersistedVerificationReport
from agentgate_engine.verify.commands import COMMAND_ENV, CommandOutcome, CommandRun
from agentgate_engine.verify.verifier import Verification, Verifier, levels_glyphs, planned_checks

STAMP = "2026-01-01T00:00:00.000Z"


def ended(
    code: int | None = 0,
    *,
    by: EndedBy | None = None,
    died_of: str | None = None,
    fault: str | None = None,
    ms: int = 5,
) -> ProcessExit:
    return ProcessExit(
        pid=1,
        exit_code=code,
        signal=died_of,
        ended_by=by,
        start_error=StartError(errno=2, message=fault) if fault else None,
        started_at=STAMP,
        ended_at=STAMP,
        duration_ms=ms,
        stdout_bytes=0,
        stderr_bytes=0,
        swept_processes=0,
        max_rss_kb=None,
    )


@dataclass
class SteppedClock:
    """Stands still but for what the runner says that a command took."""

    seconds: float = 0.0

    def now(self) -> float:
        return 1_767_225_600 + self.seconds

    def monotonic(self) -> float:
        return self.seconds


@dataclass
class Room:
    """A clean room on disk, and everything that a verification told."""

    path: Path
    tracked: list[str] = field(default_factory=list[str])
    told: list[str] = field(default_factory=list[str])
    limits: list[float] = field(default_factory=list[float])

    async def run(self, run: CommandRun) -> CommandOutcome:
        """Run it like the supervisor: input and output by files, a deadline, no shell of ours in between."""
        self.limits.append(run.timeout_s)
        process = f"{run.process}-{run.attempt}"
        out, err = self.path.parent / f"{process}.out", self.path.parent / f"{process}.err"
        given = self.path.parent / f"{process}.in"
        given.write_bytes(run.stdin or b"")
        with out.open("wb") as stdout, err.open("wb") as stderr, given.open("rb") as stdin:
            child = await asyncio.create_subprocess_exec(
                "/bin/sh", "-c", run.command, cwd=run.cwd, stdin=stdin, stdout=stdout, stderr=stderr,
                env={**os.environ, **COMMAND_ENV}, start_new_session=True,
            )  # fmt: skip
            by: EndedBy | None = None
            try:
                code = await asyncio.wait_for(child.wait(), run.timeout_s)
            except TimeoutError:
                os.killpg(child.pid, signal.SIGKILL)
                code, by = await child.wait(), "deadline"
        died_of = signal.Signals(-code).name if code < 0 else None
        return self.outcome(process, ended(None if died_of else code, by=by, died_of=died_of))

    def outcome(self, process: str, end: ProcessExit | None) -> CommandOutcome:
        base = self.path.parent
        names = (f"processes/{process}/stdout.log", f"processes/{process}/stderr.log")
        return CommandOutcome(end, *names, base / f"{process}.out", base / f"{process}.err")

    async def started(self, check_id: str, command: str | None, process: str | None) -> None:
        self.told.append(f"> {check_id} {process or '-'}")

    async def finished(self, check: Check) -> None:
        self.told.append(f"{check.status} {check.id}")

    async def judge(
        self,
        plan: GatePlan,
        runner: Callable[[CommandRun], Awaitable[CommandOutcome]] | None = None,
        clock: Clock | SteppedClock | None = None,
        mask: Callable[[str], str] = str,
        **about: object,
    ) -> PersistedVerificationReport:
        verifier = Verifier(
            plan=plan,
            clock=clock or Clock(),  # type: ignore[arg-type]
            runner=runner or self.run,
            mask=mask,
            on_check_started=self.started,
            on_check_finished=self.finished,
        )
        facts = {"report_id": "v1", "snapshot_id": "s1", "run_id": "abcdefgh.1", "iteration": 1, "base_paths": []}
        facts |= {"tracked_paths": self.tracked, "tree_hash": "tree", **about}
        return await verifier.verify(self.path, Verification(**facts))  # type: ignore[arg-type]


@pytest.fixture
def room(tmp_path: Path) -> Room:
    path = tmp_path / "room"
    path.mkdir()
    return Room(path)


def plan_of(
    *tests: PlannedCommand | tuple[str, str], setup: tuple[tuple[str, str], ...] = (), **rest: object
) -> GatePlan:
    def command(given: PlannedCommand | tuple[str, str]) -> PlannedCommand:
        return given if isinstance(given, PlannedCommand) else PlannedCommand(name=given[0], command=given[1])

    facts = {"source": "verify.yaml", "source_commit": "c", "name": "n", "sanity": [], **rest}
    return GatePlan(**facts, setup=[command(s) for s in setup], tests=[command(t) for t in tests])  # type: ignore[arg-type]


def checks(report: PersistedVerificationReport) -> dict[str, Check]:
    return {check.id: check for level in report.levels for check in level.checks}


async def test_a_passing_plan_is_told_step_by_step(room: Room) -> None:
    room.tracked = ["a"]
    plan = plan_of(
        ("unit", 'echo "$CI $AGENTGATE"; pwd'),
        PlannedCommand(name="refuses", command="exit 3", expected_exit=3),
        setup=(("deps", "true"),),
        contracts=Contracts(required_files=["a"], forbidden_patterns=["b"]),
    )
    report = await room.judge(plan)
    assert report.passed and levels_glyphs(report) == "++.."
    assert report.summary == "passed: 5 of 5 checks"
    ids = ["L0/required-files", "L0/forbidden-patterns", "L1/setup:deps", "L1/unit", "L1/refuses"]
    assert list(checks(report)) == planned_checks(plan) == ids
    assert room.told == [
        "> L0/required-files -",
        "> L0/forbidden-patterns -",
        "passed L0/required-files",
        "passed L0/forbidden-patterns",
        "> L1/setup:deps setup-1",
        "passed L1/setup:deps",
        "> L1/unit check-1",
        "passed L1/unit",
        "> L1/refuses check-2",
        "passed L1/refuses",
    ]
    unit = checks(report)["L1/unit"]
    assert unit.stdout == f"true true\n{room.path}"
    assert (unit.stdout_log, unit.tree_hash, unit.plan_hash) == ("processes/check-1-1/stdout.log", "tree", plan.hash)
    assert report.skipped_levels == [Level.L2, Level.L3]
    assert report.l2_result.reason == report.l3_result.reason == "not part of this plan"
    assert PersistedVerificationReport.from_json(report.to_json(), "x") == report


async def test_a_failing_level_stops_the_rest(room: Room) -> None:
    report = await room.judge(plan_of(("unit", "true"), contracts=Contracts(required_files=["a"])))
    assert not report.passed and levels_glyphs(report) == "x..."
    assert report.skipped_levels == [Level.L1, Level.L2, Level.L3]
    assert report.l1_result.reason == "not run: L0 failed"
    assert (
        report.summary
        == "failed at L0 contracts: 1 of 1 checks failed, first required-files (1 required file missing: a)"
    )
    assert [each.file for each in report.diagnostics] == ["a"]


async def test_every_test_runs_even_after_a_failure(room: Room) -> None:
    report = await room.judge(plan_of(("a", "exit 1"), ("b", "true"), ("c", "exit 2")))
    assert [check.status.value for check in checks(report).values()] == ["failed", "passed", "failed"]
    assert checks(report)["L1/c"].message == "exit 2, expected 0"
    assert levels_glyphs(report) == "-x.." and report.l0_result.reason == "the plan has no contracts"


async def test_a_failing_setup_ends_the_level_and_names_itself(room: Room) -> None:
    report = await room.judge(plan_of(("unit", "true"), setup=(("one", "exit 4"), ("two", "true"))))
    found = checks(report)
    assert found["L1/setup:one"].message == "exit 4, expected 0"
    assert found["L1/setup:two"].status is found["L1/unit"].status is CheckStatus.NOT_RUN
    assert found["L1/unit"].message == 'not run: the setup step "one" failed'
    assert report.first_failed and report.first_failed.id == "L1/setup:one"


async def test_a_plan_without_commands_is_skipped_and_not_passed_at_l1(room: Room) -> None:
    report = await room.judge(plan_of(contracts=Contracts(forbidden_new_patterns=["x"]), warnings=["no verify.yaml"]))
    assert report.passed and levels_glyphs(report) == "+-.."
    assert report.skipped_levels == [Level.L1, Level.L2, Level.L3]
    assert report.notes == ["no verify.yaml"]


async def test_a_command_that_hangs_is_stopped_and_says_after_how_long(room: Room) -> None:
    report = await room.judge(plan_of(PlannedCommand(name="hangs", command="echo before; sleep 60", timeout=0.3)))
    check = checks(report)["L1/hangs"]
    assert check.timed_out and check.message == "timed out: stopped after 0.3 s"
    assert check.stdout == "before", "what it printed before is kept"


async def test_both_streams_of_a_failure_are_kept(room: Room) -> None:
    report = await room.judge(plan_of(("both", "echo to-out; echo to-err >&2; exit 1")))
    check = checks(report)["L1/both"]
    assert (check.stdout, check.stderr) == ("to-out", "to-err")


async def test_an_expected_exit_is_not_met_by_a_clean_end(room: Room) -> None:
    report = await room.judge(plan_of(PlannedCommand(name="x", command="true", expected_exit=2)))
    assert checks(report)["L1/x"].message == "exit 0, expected 2"


async def test_a_real_traceback_becomes_a_diagnostic_in_the_tree(room: Room) -> None:
    (room.path / "work.py").write_text("def f():\n    raise ValueError('no')\nf()\n")
    room.tracked = ["work.py"]
    check = checks(await room.judge(plan_of(("run", "python3 work.py"))))["L1/run"]
    (found,) = check.diagnostics
    assert (found.file, found.line, found.message, found.stream) == ("work.py", 2, "ValueError: no", "stderr")
    assert check.details == "work.py:2: ValueError: no"
    assert check.hint is None
    assert check.stderr.split("\n")[(found.output_line or 0) - 1] == "ValueError: no"


async def test_a_missing_program_is_told_from_a_failing_test(room: Room) -> None:
    check = checks(await room.judge(plan_of(("x", "no-such-program-here"))))["L1/x"]
    assert check.exit_code == 127 and check.hint and "no-such-program-here is not installed here" in check.hint


async def test_the_budget_leaves_out_what_comes_after_it_and_fails_the_level(room: Room) -> None:
    clock = SteppedClock()

    async def slow(run: CommandRun) -> CommandOutcome:
        room.limits.append(run.timeout_s)
        clock.seconds += 7
        return room.outcome(run.process, ended())

    report = await room.judge(plan_of(("a", "x"), ("b", "x"), ("c", "x"), ("d", "x"), max_runtime=10), slow, clock)
    found = checks(report)
    assert [check.status.value for check in found.values()] == ["passed", "passed", "not_run", "not_run", "failed"]
    assert room.limits == [10, 3], "a command never gets more than what is left"
    assert found["L1/c"].message == "not run: the plan's max_runtime of 10 s was used up"
    assert found["L1/max-runtime"].message == "the plan's max_runtime of 10 s was used up before: c, d"
    assert not report.passed and room.told[-1] == "failed L1/max-runtime"


async def test_a_command_cut_by_the_budget_says_so(room: Room) -> None:
    clock = SteppedClock()

    async def cut(run: CommandRun) -> CommandOutcome:
        clock.seconds += run.timeout_s
        return room.outcome(run.process, ended(None, by="deadline", died_of="SIGTERM"))

    found = checks(await room.judge(plan_of(("a", "x"), max_runtime=10), cut, clock))
    assert found["L1/a"].message == "timed out: stopped after 10 s, all that was left of the plan's max_runtime"


@pytest.mark.parametrize(
    ("end", "message", "hinted"),
    [
        (None, "its end was not recorded: the supervisor of the command was lost", True),
        (ended(None, fault="No such file or directory"), "could not be started: No such file or directory", True),
        (ended(0, by="engine_lost"), "stopped: no engine was there to judge it", True),
        (ended(0, by="stop"), "stopped by AgentGate", False),
        (ended(0, by="output_cap"), "stopped: it printed more than the output limit allows", False),
        (ended(None, died_of="SIGSEGV"), "died of SIGSEGV", False),
        (ended(0, died_of="SIGSEGV"), "died of SIGSEGV", False),
        (
            ended(None, died_of="SIGKILL"),
            "killed with SIGKILL, and not by AgentGate: the machine may have run out",
            False,
        ),
        (ended(137), "exit 137, expected 0: a process in it was killed with SIGKILL, and not by AgentGate", False),
    ],
)
async def test_an_end_that_is_no_clean_exit_is_never_a_pass(
    room: Room, end: ProcessExit | None, message: str, hinted: bool
) -> None:
    async def runner(run: CommandRun) -> CommandOutcome:
        return room.outcome(run.process, end)

    check = checks(await room.judge(plan_of(("a", "x")), runner))["L1/a"]
    assert check.status is CheckStatus.FAILED
    assert (check.message or "").startswith(message)
    assert (check.hint is not None) is hinted
    assert check.signature


async def test_output_is_masked_in_every_field(room: Room) -> None:
    def mask(text: str) -> str:
        return text.replace("hunter2", "[masked]")

    command = "echo hunter2; echo 'Error: hunter2' >&2; exit 1"
    report = await room.judge(plan_of(("leaks", command)), mask=mask)
    assert b"hunter2" not in report.to_json() and b"[masked]" in report.to_json()


async def test_a_flood_keeps_its_end_and_its_true_line_numbers(room: Room) -> None:
    long_line = "head -c 400000 /dev/zero | tr '\\0' x; echo"
    command = f"{long_line}; {long_line}; {long_line}; echo 'Error: last'; exit 1"
    check = checks(await room.judge(plan_of(("flood", command))))["L1/flood"]
    assert check.stdout.endswith("Error: last") and len(check.stdout) <= 16 * 1024
    assert [(each.message, each.output_line) for each in check.diagnostics] == [("Error: last", 4)]


async def test_the_agent_s_change_to_the_plan_is_noted(room: Room) -> None:
    report = await room.judge(plan_of(), changed_plan_paths=["verify.yaml"], used_kept_caches=True)
    assert report.notes[0] == "the agent changed verify.yaml; the plan of the base commit was used"
    assert "were kept in the clean room" in report.notes[1]
    assert report.passed and report.summary == "passed: the plan asks for no checks"


async def test_a_cancel_passes_through_and_leaves_no_report(room: Room) -> None:
    running = asyncio.Event()

    async def forever(run: CommandRun) -> CommandOutcome:
        running.set()
        await asyncio.sleep(60)
        raise AssertionError

    task = asyncio.create_task(room.judge(plan_of(("a", "x")), forever))
    await running.wait()
    began = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - began < 1


async def test_the_same_failure_twice_has_one_signature(room: Room) -> None:
    (room.path / "work.py").write_text("import time\nassert time.time() < 0, f'late at {time.time()}'\n")
    room.tracked = ["work.py"]
    plan = plan_of(("run", "python3 work.py"))
    first, second = [checks(await room.judge(plan))["L1/run"] for _ in range(2)]
    assert first.stderr != second.stderr
    assert first.signature == second.signature


async def test_a_real_pytest_run_is_read(room: Room) -> None:
    (room.path / "test_it.py").write_text("def test_bad():\n    assert 1 == 2\n\ndef test_good():\n    pass\n")
    room.tracked = ["test_it.py"]
    python = subprocess.list2cmdline([os.sys.executable])  # type: ignore[attr-defined]
    check = checks(await room.judge(plan_of(("unit", f"{python} -m pytest -q -p no:cacheprovider test_it.py"))))[
        "L1/unit"
    ]
    assert [(case.id, case.line, case.message) for case in check.cases] == [
        ("test_it.py::test_bad", 2, "assert 1 == 2")
    ]
    assert check.details == "test_it.py:2: assert 1 == 2"
