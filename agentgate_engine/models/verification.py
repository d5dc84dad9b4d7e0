"""What the gates said: checks, levels and the report of an iteration."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import AliasChoices, Field

from agentgate_engine.models.record import Record


class Level(StrEnum):
    """L0 contracts, L1 commands, L2 blackbox, L3 sanity."""

    L0 = "L0"
    L1 = "L1"
    L2 = "L2"
    L3 = "L3"

    @property
    def label(self) -> str:
        return {"L0": "contracts", "L1": "commands", "L2": "blackbox", "L3": "sanity"}[self.value]


class CheckStatus(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    WARNING = "warning"
    SKIPPED = "skipped"
    NOT_RUN = "not_run"
    FLAKY = "flaky"

    @property
    def sign(self) -> str:
        """One character, as in `Run.levels`: `+` passed, `x` failed, `~` warning or flaky, `.` not run, `-` skipped."""
        return {"passed": "+", "failed": "x", "skipped": "-", "not_run": "."}.get(self.value, "~")


class Diagnostic(Record):
    """One error line that a check printed, with the place it names.

    `output_line` counts from 1 in the check's log of `stream`; unittest, gcc and others report on stderr. `expected`
    and `actual` are clipped, and told where a check compared something. `cause_file` and `cause_line` are the innermost
    frame of the stack that is no test, where one is shown; `case` is the id of the test that failed; `report` is the
    file in the clean room that said so.
    """

    level: Level
    check: str
    type: str
    message: str
    file: str | None = None
    line: int | None = None
    column: int | None = None
    case: str | None = None
    cause_file: str | None = None
    cause_line: int | None = None
    report: str | None = None
    output_line: int | None = None
    stream: Literal["stdout", "stderr"] = "stdout"
    expected: str | None = None
    actual: str | None = None


class Case(Record):
    """One test case inside a check. `signature` is stable across runs of the same failure.

    `file` and `line` lie in the test; `cause_file` and `cause_line` are where the module under test broke, if shown.
    """

    id: str
    status: CheckStatus
    file: str | None = None
    line: int | None = None
    message: str | None = None
    signature: str | None = None
    cause_file: str | None = None
    cause_line: int | None = None


class CheckAttempt(Record):
    """A run of a check that failed and was repeated. `duration` in ms; the logs are relative to the run's directory."""

    message: str
    exit_code: int | None = None
    duration: int = 0
    stdout_log: str | None = None
    stderr_log: str | None = None


class Check(Record):
    """One check of a level. `id` is `{level}/{name}` and stable across iterations.

    `stdout` and `stderr` are masked tails; `stdoutLog` and `stderrLog` name the whole output, relative to the run's
    directory. `duration` is in ms. `hint` explains a failure that is about the set-up and not about the work.
    `passed` is true for a flaky check, which failed first (`earlier`) and then passed, and false for a warning.
    `failedTests` is the runner's own count where it gives one; `reportNotes` says what was not read of its reports.
    """

    id: str
    name: str
    level: Level
    status: CheckStatus
    passed: bool
    message: str | None = None
    details: str | None = None
    hint: str | None = None
    command: str | None = None
    exit_code: int | None = None
    expected_exit: int | None = None
    timed_out: bool = False
    ended_by: str | None = None
    attempts: int = 1
    earlier: list[CheckAttempt] = []
    started_at: str | None = None
    duration: int = 0
    stdout: str = ""
    stderr: str = ""
    stdout_log: str | None = None
    stderr_log: str | None = None
    cases: list[Case] = []
    diagnostics: list[Diagnostic] = []
    failed_tests: int | None = None
    report_notes: list[str] = []
    signature: str | None = None
    tree_hash: str
    plan_hash: str


class LevelResult(Record):
    """`passed` is false for a level that was not run, as the original wrote it; `status` tells the two apart."""

    level: Level
    status: CheckStatus
    passed: bool
    checks: list[Check] = []
    duration: int = 0
    reason: str | None = None


class HarnessConfig(Record):
    """What the order changes about the verification. `waitForCI` is spelled as the original spelled it."""

    wait_for_ci: bool = Field(
        default=False,
        validation_alias=AliasChoices("waitForCI", "waitForCi", "wait_for_ci"),
        serialization_alias="waitForCI",
    )
    skip_levels: list[Level] = []
    skip_kinds: list[str] = []


class PersistedVerificationReport(Record):
    """`verification-{n}.json`. Durations in ms."""

    id: str
    snapshot_id: str
    run_id: str
    iteration: int
    passed: bool
    summary: str
    l0_result: LevelResult
    l1_result: LevelResult
    l2_result: LevelResult
    l3_result: LevelResult
    logs: str = ""
    diagnostics: list[Diagnostic] = []
    total_duration: int
    started_at: str
    created_at: str
    captured_at: str
    skipped_levels: list[Level] = []
    harness_config: HarnessConfig = HarnessConfig()
    tree_hash: str
    plan_hash: str
    used_kept_caches: bool = False
    pristine: bool = False
    notes: list[str] = []

    @property
    def levels(self) -> tuple[LevelResult, LevelResult, LevelResult, LevelResult]:
        return (self.l0_result, self.l1_result, self.l2_result, self.l3_result)

    @property
    def first_failed(self) -> Check | None:
        """The first failing check in level order, which is what `why` begins with."""
        return next((c for level in self.levels for c in level.checks if c.status is CheckStatus.FAILED), None)


FailureKind = Literal[
    "missing_file",
    "forbidden_file",
    "schema_violation",
    "test_failed",
    "test_timeout",
    "assertion_failed",
    "build_error",
    "runtime_error",
    "resource_exceeded",
]
