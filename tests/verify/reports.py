"""Reports and checks for the tests of what is made from them."""

from __future__ import annotations

from agentgate_engine.models.verification import (
    Check,
    CheckStatus,
    Diagnostic,
    Level,
    LevelResult,
    PersistedVerificationReport,
)

NOW = "2026-01-01T00:00:00.000Z"


def check(check_id: str = "L1/unit", status: CheckStatus = CheckStatus.FAILED, **about: object) -> Check:
    level, _, name = check_id.partition("/")
    facts = {"message": "exit 1, expected 0", "exit_code": 1, "command": "pytest -q"} if level == "L1" else {}
    facts |= {"id": check_id, "name": name, "level": level, "status": status, "passed": status is CheckStatus.PASSED}
    return Check.model_validate({**facts, "tree_hash": "t", "plan_hash": "p", **about})


def diagnostic(message: str, file: str | None = None, line: int | None = None, kind: str = "test_failed") -> Diagnostic:
    return Diagnostic(level=Level.L1, check="L1/unit", type=kind, message=message, file=file, line=line)


def report_of(*checks: Check) -> PersistedVerificationReport:
    def level(which: Level) -> LevelResult:
        mine = [each for each in checks if each.level is which]
        failed = any(each.status is CheckStatus.FAILED for each in mine)
        status = CheckStatus.FAILED if failed else CheckStatus.PASSED if mine else CheckStatus.NOT_RUN
        return LevelResult(level=which, status=status, passed=not failed and bool(mine), checks=mine)

    return PersistedVerificationReport(
        id="v",
        snapshot_id="s",
        run_id="abcdefgh.1",
        iteration=2,
        passed=False,
        summary="failed at L1 commands: 1 of 1 checks failed",
        l0_result=level(Level.L0),
        l1_result=level(Level.L1),
        l2_result=level(Level.L2),
        l3_result=level(Level.L3),
        diagnostics=[each for one in checks for each in one.diagnostics],
        total_duration=1,
        started_at=NOW,
        created_at=NOW,
        captured_at=NOW,
        tree_hash="t",
        plan_hash="p",
    )
