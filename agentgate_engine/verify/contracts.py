"""L0: what files must and must not be there, what documents must hold, and how files are named.

Only tracked paths are judged: what git ignores is no part of the result. For the lists and the names nothing is opened,
so a link is judged by its name and never followed; a document is read in the clean room, before any command ran there.
Unlike the original no directory is left out (it skipped node_modules and dist on disk): what is committed is delivered,
wherever it lies.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from agentgate_engine.models.gate_plan import Contracts, NamingContract, SchemaContract
from agentgate_engine.models.verification import Check, CheckStatus, Diagnostic, Level
from agentgate_engine.verify.error_lines import plain
from agentgate_engine.verify.globs import translate
from agentgate_engine.verify.naming import misnamed
from agentgate_engine.verify.room_file import RoomFault, read_in_room
from agentgate_engine.verify.schemas import MAX_DOCUMENT_BYTES, AtBase, broken_rules
from agentgate_engine.verify.signature import signature

REQUIRED = "L0/required-files"
FORBIDDEN = "L0/forbidden-patterns"
SCHEMA_PREFIX = "L0/schema:"
NAMING_PREFIX = "L0/naming:"

_NAMED = 10
_MAX_DIAGNOSTICS = 50
_MAX_TEXT = 300

Verdict = tuple[str, list[Diagnostic]]
"""What a check says, and what is wrong; nothing wrong is a pass."""


@dataclass(frozen=True, slots=True)
class ContractTree:
    """What is judged. `base_paths` are the files of the base commit, `room` is where documents are read."""

    tracked: Sequence[str]
    base_paths: Collection[str]
    room: Path
    at_base: AtBase
    mask: Callable[[str], str] = str


def contract_checks(contracts: Contracts) -> list[str]:
    """The ids of the checks that `check_contracts` makes, in order: no check without something to judge."""
    return [check_id for check_id, _ in _verdicts(contracts)]


def check_contracts(
    contracts: Contracts, tree: ContractTree, *, tree_hash: str, plan_hash: str, now: str
) -> list[Check]:
    """Judge a snapshot; `now` is the stamp of the checks. Blocking: documents are read, and judged in processes."""
    checks: list[Check] = []
    for check_id, judge in _verdicts(contracts):
        message, diagnostics = judge(tree)
        wrong = [each.file or "" for each in diagnostics] if check_id in (REQUIRED, FORBIDDEN) else [message]
        checks.append(
            Check(
                id=check_id,
                name=check_id.partition("/")[2],
                level=Level.L0,
                status=CheckStatus.FAILED if diagnostics else CheckStatus.PASSED,
                passed=not diagnostics,
                message=message,
                details="\n".join(f"{each.file}: {each.message}" for each in diagnostics[:_NAMED]) or None,
                started_at=now,
                diagnostics=diagnostics,
                signature=signature(check_id, *wrong) if diagnostics else None,
                tree_hash=tree_hash,
                plan_hash=plan_hash,
            )
        )
    return checks


def _verdicts(contracts: Contracts) -> Iterator[tuple[str, Callable[[ContractTree], Verdict]]]:
    """(check id, how it is judged) in order."""
    if contracts.required_files:
        yield REQUIRED, lambda tree: _required(contracts, tree)
    if contracts.forbidden_patterns or contracts.forbidden_new_patterns:
        yield FORBIDDEN, lambda tree: _forbidden(contracts, tree)
    for schema in contracts.required_schemas:
        yield SCHEMA_PREFIX + schema.file, lambda tree, schema=schema: _schema(schema, tree)
    for naming in contracts.naming_conventions:
        yield NAMING_PREFIX + naming.pattern, lambda tree, naming=naming: _naming(naming, tree)


def _required(contracts: Contracts, tree: ContractTree) -> Verdict:
    globs = [translate(pattern) for pattern in contracts.required_files]
    missing = [glob.pattern for glob in globs if not any(glob.matches(path) for path in tree.tracked)]
    if not missing:
        return f"{_count(len(globs), 'required file')} there", []
    return (
        f"{_count(len(missing), 'required file')} missing: {_named(missing)}",
        [_diagnostic(REQUIRED, "missing_file", "required, and not in the tree", path) for path in missing],
    )


def _forbidden(contracts: Contracts, tree: ContractTree) -> Verdict:
    old = frozenset(tree.base_paths)
    globs = [(translate(pattern), False) for pattern in contracts.forbidden_patterns]
    globs += [(translate(pattern), True) for pattern in contracts.forbidden_new_patterns]
    found: list[Diagnostic] = []
    for path in tree.tracked:
        for glob, only_new in globs:
            if not (only_new and path in old) and glob.matches(path):
                found.append(_diagnostic(FORBIDDEN, "forbidden_file", f"forbidden by {glob.pattern}", path))
                break
    if not found:
        return f"none of {_count(len(tree.tracked), 'file')} is forbidden by {_count(len(globs), 'pattern')}", []
    return f"{_count(len(found), 'forbidden file')}: {_named([each.file or '' for each in found])}", found


def _schema(contract: SchemaContract, tree: ContractTree) -> Verdict:
    check = SCHEMA_PREFIX + contract.file
    if contract.file not in tree.tracked:
        message = "must be there to be judged, and is not in the tree"
        return f"{contract.file} is missing", [_diagnostic(check, "missing_file", message, contract.file)]
    try:
        broken = broken_rules(contract, read_in_room(tree.room, contract.file, MAX_DOCUMENT_BYTES), tree.at_base)
    except RoomFault as fault:
        return f"{contract.file} {fault}", [_diagnostic(check, "schema_violation", str(fault), contract.file)]
    if not broken:
        return f"{_count(len(contract.rules), 'rule')} kept ({contract.format})", []

    def clean(text: str | None) -> str | None:
        return None if text is None else plain(tree.mask(text))[:_MAX_TEXT]

    found = [
        _diagnostic(check, "schema_violation", clean(each.message) or "", contract.file).model_copy(
            update={"expected": clean(each.expected), "actual": clean(each.actual)}
        )
        for each in broken[:_MAX_DIAGNOSTICS]
    ]
    return f"{_count(len(broken), 'violation')}, first: {found[0].message}", found


def _naming(contract: NamingContract, tree: ContractTree) -> Verdict:
    check = NAMING_PREFIX + contract.pattern
    meant, wrong = misnamed(contract, tree.tracked)
    if not wrong:
        return f"{_count(meant, 'file')} in {contract.rule}", []
    found = [_diagnostic(check, "naming_violation", f"its name is not {contract.rule}", path) for path in wrong]
    return f"{len(wrong)} of {_count(meant, 'file')} not in {contract.rule}: {_named(wrong)}", found[:_MAX_DIAGNOSTICS]


def _diagnostic(check: str, kind: str, message: str, path: str) -> Diagnostic:
    return Diagnostic(level=Level.L0, check=check, type=kind, message=message, file=path)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _named(paths: Sequence[str]) -> str:
    more = len(paths) - _NAMED
    return ", ".join(paths[:_NAMED]) + (f" and {more} more" if more > 0 else "")
