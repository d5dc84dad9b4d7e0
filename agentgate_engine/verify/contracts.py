"""L0: what files must and must not be there. Pure, over the list of the snapshot's paths.

Only tracked paths are judged: what git ignores is no part of the result, and nothing is opened, so a link is judged by
its name and never followed. Unlike the original no directory is left out (it skipped node_modules and dist on disk):
what is committed is delivered, wherever it lies.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from agentgate_engine.models.gate_plan import Contracts
from agentgate_engine.models.verification import Check, CheckStatus, Diagnostic, Level
from agentgate_engine.verify.globs import translate
from agentgate_engine.verify.signature import signature

REQUIRED = "L0/required-files"
FORBIDDEN = "L0/forbidden-patterns"

_NAMED = 10


def contract_checks(contracts: Contracts) -> list[str]:
    """The ids of the checks that `check_contracts` makes, in order: no check without something to judge."""
    required = [REQUIRED] if contracts.required_files else []
    forbidden = [FORBIDDEN] if contracts.forbidden_patterns or contracts.forbidden_new_patterns else []
    return required + forbidden


def check_contracts(
    contracts: Contracts, tracked: Sequence[str], at_base: Collection[str], *, tree_hash: str, plan_hash: str, now: str
) -> list[Check]:
    """Judge the paths of a snapshot; `at_base` are those of the base commit, `now` the stamp of the checks."""
    made = {REQUIRED: _required, FORBIDDEN: _forbidden}
    checks: list[Check] = []
    for check_id in contract_checks(contracts):
        message, diagnostics = made[check_id](contracts, tracked, at_base)
        checks.append(
            Check(
                id=check_id,
                name=check_id.partition("/")[2],
                level=Level.L0,
                status=CheckStatus.FAILED if diagnostics else CheckStatus.PASSED,
                passed=not diagnostics,
                message=message,
                started_at=now,
                diagnostics=diagnostics,
                signature=signature(check_id, *(each.file or "" for each in diagnostics)) if diagnostics else None,
                tree_hash=tree_hash,
                plan_hash=plan_hash,
            )
        )
    return checks


def _required(contracts: Contracts, tracked: Sequence[str], _at_base: Collection[str]) -> tuple[str, list[Diagnostic]]:
    globs = [translate(pattern) for pattern in contracts.required_files]
    missing = [glob.pattern for glob in globs if not any(glob.matches(path) for path in tracked)]
    if not missing:
        return f"{_count(len(globs), 'required file')} there", []
    return (
        f"{_count(len(missing), 'required file')} missing: {_named(missing)}",
        [_diagnostic(REQUIRED, "missing_file", "required, and not in the tree", path) for path in missing],
    )


def _forbidden(contracts: Contracts, tracked: Sequence[str], at_base: Collection[str]) -> tuple[str, list[Diagnostic]]:
    old = frozenset(at_base)
    globs = [(translate(pattern), False) for pattern in contracts.forbidden_patterns]
    globs += [(translate(pattern), True) for pattern in contracts.forbidden_new_patterns]
    found: list[Diagnostic] = []
    for path in tracked:
        for glob, only_new in globs:
            if not (only_new and path in old) and glob.matches(path):
                found.append(_diagnostic(FORBIDDEN, "forbidden_file", f"forbidden by {glob.pattern}", path))
                break
    if not found:
        return f"none of {_count(len(tracked), 'file')} is forbidden by {_count(len(globs), 'pattern')}", []
    return f"{_count(len(found), 'forbidden file')}: {_named([each.file or '' for each in found])}", found


def _diagnostic(check: str, kind: str, message: str, path: str) -> Diagnostic:
    return Diagnostic(level=Level.L0, check=check, type=kind, message=message, file=path)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _named(paths: Sequence[str]) -> str:
    more = len(paths) - _NAMED
    return ", ".join(paths[:_NAMED]) + (f" and {more} more" if more > 0 else "")
