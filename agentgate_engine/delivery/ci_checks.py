"""The verdict of continuous integration as checks of level L1, for a report and for feedback. Pure."""

from __future__ import annotations

from agentgate_engine.delivery.ci_verdict import CiFinding, CiMark, CiVerdict
from agentgate_engine.models.verification import Check, CheckStatus, Diagnostic, Level
from agentgate_engine.verify.check_kind import CI_PREFIX
from agentgate_engine.verify.signature import signature

_STATUS = {"passed": CheckStatus.PASSED, "failed": CheckStatus.FAILED}


def ci_checks(verdict: CiVerdict, *, tree_hash: str, plan_hash: str, duration_ms: int = 0) -> list[Check]:
    """A check `L1/ci:{name}` for each that continuous integration ran; unfinished ones were not run.

    A verdict without any check gives none: who calls decides whether that is a pass.
    """
    return [_check(each, tree_hash, plan_hash, duration_ms) for each in verdict.findings]


def _check(finding: CiFinding, tree_hash: str, plan_hash: str, duration_ms: int) -> Check:
    name = f"{CI_PREFIX}{finding.name}"
    identity = f"{Level.L1}/{name}"
    status = _STATUS.get(finding.state, CheckStatus.NOT_RUN)
    parts = [f"{finding.conclusion} in continuous integration", finding.title]
    return Check(
        id=identity,
        name=name,
        level=Level.L1,
        status=status,
        passed=status is CheckStatus.PASSED,
        message=": ".join(part for part in parts if part),
        details=finding.url,
        stdout=finding.output,
        duration=finding.duration_ms or duration_ms,
        diagnostics=[_diagnostic(mark, identity) for mark in finding.marks] if status is CheckStatus.FAILED else [],
        signature=_signature(finding, identity) if status is CheckStatus.FAILED else None,
        tree_hash=tree_hash,
        plan_hash=plan_hash,
    )


def _signature(finding: CiFinding, check: str) -> str:
    """Equal for a check that fails in the same way again."""
    return signature(check, finding.conclusion, *(mark.message for mark in finding.marks[:5]))


def _diagnostic(mark: CiMark, check: str) -> Diagnostic:
    return Diagnostic(
        level=Level.L1,
        check=check,
        type=f"ci_{mark.kind}",
        message=mark.message,
        file=mark.path,
        line=mark.line,
        column=mark.column,
    )
