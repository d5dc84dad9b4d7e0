"""From what a failed command printed to diagnostics, test cases and the failure's signature.

Thin on purpose: the formats that people meet daily, and for everything else the first line that speaks of an error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from agentgate_engine.models.verification import Case, CheckStatus, Diagnostic, Level
from agentgate_engine.verify.error_lines import is_error_line, plain
from agentgate_engine.verify.finding import CaseSeen, Finding
from agentgate_engine.verify.output_window import OutputLine
from agentgate_engine.verify.parse_compilers import parse_compilers
from agentgate_engine.verify.parse_javascript import parse_javascript
from agentgate_engine.verify.parse_pytest import parse_pytest
from agentgate_engine.verify.parse_python import parse_python
from agentgate_engine.verify.signature import signature
from agentgate_engine.verify.tree_paths import TreePaths

MAX_DIAGNOSTICS = 50
MAX_CASES = 500
MAX_MESSAGE = 500

Stream = Literal["stdout", "stderr"]
_STATUS = {"passed": CheckStatus.PASSED, "failed": CheckStatus.FAILED, "skipped": CheckStatus.SKIPPED}


@dataclass(frozen=True, slots=True)
class OutputFindings:
    """`signature` is `None` when the output names no error at all."""

    diagnostics: tuple[Diagnostic, ...]
    cases: tuple[Case, ...]
    signature: str | None


def read_findings(
    level: Level,
    check: str,
    stdout: Sequence[OutputLine],
    stderr: Sequence[OutputLine],
    tree: TreePaths,
    mask: Callable[[str], str],
) -> OutputFindings:
    """What both streams of the check with id `check` say, in the order they say it, stdout first.

    Messages are free of control characters and of the clean room's place, masked, and at most 500 characters long.
    """
    findings: list[tuple[Stream, Finding]] = []
    cases: dict[str, CaseSeen] = {}
    streams: tuple[tuple[Stream, Sequence[OutputLine]], ...] = (("stdout", stdout), ("stderr", stderr))
    cleaned: list[tuple[Stream, list[OutputLine]]] = [
        (stream, [OutputLine(line.number, plain(line.text)) for line in lines]) for stream, lines in streams
    ]
    for stream, lines in cleaned:
        found, seen = _parse(lines, tree)
        findings += _said(stream, _distinct(found), tree, mask)
        cases.update({case.id: case for case in seen})
    if not findings:
        for stream, lines in cleaned:
            findings += _said(stream, _first_error_line(lines), tree, mask)
        del findings[1:]
    first = findings[0][1] if findings else None
    return OutputFindings(
        tuple(_diagnostic(level, check, stream, finding) for stream, finding in findings[:MAX_DIAGNOSTICS]),
        _cases(cases, [finding for _, finding in findings], check, mask),
        signature(check, first.file or "", first.message) if first else None,
    )


def _parse(lines: Sequence[OutputLine], tree: TreePaths) -> tuple[list[Finding], list[CaseSeen]]:
    """pytest's own report makes the tracebacks and places in it redundant; elsewhere they are all there is."""
    found, cases = parse_pytest(lines, tree)
    if not found:
        found, unittest_cases = parse_python(lines, tree)
        cases = cases + unittest_cases
        found = found + parse_javascript(lines, tree) + parse_compilers(lines, tree)
    return sorted(found, key=lambda finding: finding.output_line), cases


def _first_error_line(lines: Sequence[OutputLine]) -> list[Finding]:
    return [Finding("error", line.text.strip(), line.number) for line in lines if is_error_line(line.text)][:1]


def _distinct(findings: Sequence[Finding]) -> list[Finding]:
    """Without repetitions: a compiler that meets one header five times reports its error five times."""
    first = {(f.case, f.file, f.line, f.message): f for f in reversed(findings)}
    return [
        finding for finding in findings if first[(finding.case, finding.file, finding.line, finding.message)] is finding
    ]


def _said(
    stream: Stream, findings: Sequence[Finding], tree: TreePaths, mask: Callable[[str], str]
) -> list[tuple[Stream, Finding]]:
    """As shown to people: masked, without the clean room's place, clipped."""
    return [(stream, replace(f, message=mask(tree.without_roots(f.message))[:MAX_MESSAGE])) for f in findings]


def _diagnostic(level: Level, check: str, stream: Stream, finding: Finding) -> Diagnostic:
    return Diagnostic(
        level=level,
        check=check,
        type=finding.type,
        message=finding.message,
        file=finding.file,
        line=finding.line,
        column=finding.column,
        output_line=finding.output_line,
        stream=stream,
    )


def _cases(
    seen: dict[str, CaseSeen], findings: Sequence[Finding], check: str, mask: Callable[[str], str]
) -> tuple[Case, ...]:
    """Failed ones first, so that the limit never hides one behind passes."""
    reasons = {finding.case: finding for finding in reversed(findings) if finding.case}
    made: list[Case] = []
    for case in sorted(seen.values(), key=lambda each: each.verdict != "failed"):
        why = reasons.get(case.id) if case.verdict == "failed" else None
        made.append(
            Case(
                id=mask(case.id),
                status=_STATUS[case.verdict],
                file=case.file or (why.file if why else None),
                line=why.line if why else None,
                message=why.message if why else None,
                signature=signature(check, case.id, why.message) if why else None,
            )
        )
    return tuple(made[:MAX_CASES])
