"""From what a failed command printed and wrote to diagnostics, test cases and the failure's signature.

Each tool's report is read by its own parser, the most telling first; what it claims, no other parser reads again. For
everything else there is the first line that speaks of an error.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from agentgate_engine.models.verification import Case, CheckStatus, Diagnostic, Level
from agentgate_engine.verify.error_lines import is_error_line, plain
from agentgate_engine.verify.failed_count import failed_count
from agentgate_engine.verify.finding import CaseSeen, Finding, Parsed, Place
from agentgate_engine.verify.output_window import OutputLine
from agentgate_engine.verify.parse_annotations import parse_annotations
from agentgate_engine.verify.parse_compilers import parse_compilers
from agentgate_engine.verify.parse_go import parse_go
from agentgate_engine.verify.parse_javascript import parse_javascript
from agentgate_engine.verify.parse_jest import parse_jest, parse_mocha, parse_node_spec
from agentgate_engine.verify.parse_json import parse_json
from agentgate_engine.verify.parse_junit import parse_printed_junit
from agentgate_engine.verify.parse_linters import parse_linters
from agentgate_engine.verify.parse_pytest import parse_pytest
from agentgate_engine.verify.parse_python import parse_python
from agentgate_engine.verify.parse_rust import parse_rust
from agentgate_engine.verify.parse_vitest import parse_tap, parse_vitest
from agentgate_engine.verify.reports_written import WrittenReports
from agentgate_engine.verify.signature import signature
from agentgate_engine.verify.test_files import is_test_file
from agentgate_engine.verify.tree_paths import TreePaths

MAX_DIAGNOSTICS = 50
MAX_CASES = 500
MAX_MESSAGE = 500

Stream = Literal["stdout", "stderr"]
_STATUS = {"passed": CheckStatus.PASSED, "failed": CheckStatus.FAILED, "skipped": CheckStatus.SKIPPED}
_PARSERS = (parse_go, parse_rust, parse_vitest, parse_jest, parse_mocha, parse_node_spec, parse_tap, parse_python)
_LATE_PARSERS = (parse_linters, parse_annotations, parse_javascript, parse_compilers)


@dataclass(frozen=True, slots=True)
class OutputFindings:
    """`signature` is `None` when nothing names an error at all.

    `failed` is the number of failing tests: the runner's own count, or its failed cases where these are more, because
    whole files could not be run. `None` where no test ran.
    """

    diagnostics: tuple[Diagnostic, ...]
    cases: tuple[Case, ...]
    signature: str | None
    failed: int | None = None


@dataclass(frozen=True, slots=True)
class _Said:
    """A finding with where it was said: a stream of the output, or a report that was written."""

    finding: Finding
    stream: Stream = "stdout"
    report: str | None = None


def read_findings(
    level: Level,
    check: str,
    stdout: Sequence[OutputLine],
    stderr: Sequence[OutputLine],
    tree: TreePaths,
    mask: Callable[[str], str],
    *,
    whole: tuple[str, str] = ("", ""),
    written: WrittenReports | None = None,
) -> OutputFindings:
    """What both streams of the check with id `check` say, in the order they say it, stdout first.

    `whole` are the streams unclipped, for reports of one long line; `written` are the reports that the command left in
    files. Messages are free of control characters and of the clean room's place, masked, and at most 500 characters
    long.
    """
    streams: tuple[tuple[Stream, list[OutputLine], str], ...] = (
        ("stdout", _plain(stdout), whole[0]),
        ("stderr", _plain(stderr), whole[1]),
    )
    said: list[_Said] = []
    cases = Parsed()
    for stream, lines, text in streams:
        told = {each.finding.case for each in said if each.finding.case}
        parsed = _parse(lines, text, tree)
        said += [_Said(found, stream) for found in _in_order(parsed.findings, told)]
        cases.add(Parsed(cases=parsed.cases))
    for report in written.reports if written else ():
        said += [_Said(found, report=report.path) for found in report.parsed.findings]
    first_lines = [_Said(each, stream) for stream, lines, _ in streams for each in _first_error_line(lines)]
    clean = _cleaner(tree, mask)
    chosen = [replace(each, finding=_cleaned(each.finding, clean)) for each in _distinct(_chosen(said, first_lines))]
    first = chosen[0].finding if chosen else None
    seen = [replace(c, id=clean(c.id), file=clean(c.file) if c.file else None) for c in _merged(cases.cases, written)]
    counts = [count for _, lines, _ in streams if (count := failed_count(lines)) is not None]
    return OutputFindings(
        tuple(_diagnostic(level, check, each) for each in chosen[:MAX_DIAGNOSTICS]),
        _cases(seen, [each.finding for each in chosen], check),
        signature(check, first.file or "", first.message) if first else None,
        max(sum(counts), sum(case.verdict == "failed" for case in seen)) if counts or seen else None,
    )


def _cleaner(tree: TreePaths, mask: Callable[[str], str]) -> Callable[[str], str]:
    """How text of tools is shown to people; escapes in JSON and XML bring back what a terminal would act on."""
    return lambda text: mask(tree.without_roots(plain(text).replace("\n", " ")))[:MAX_MESSAGE]


def _cleaned(found: Finding, clean: Callable[[str], str]) -> Finding:
    case = clean(found.case) if found.case else None
    return replace(found, message=clean(found.message), file=clean(found.file) if found.file else None, case=case)


def _plain(lines: Sequence[OutputLine]) -> list[OutputLine]:
    return [OutputLine(line.number, plain(line.text)) for line in lines]


def _parse(lines: Sequence[OutputLine], whole: str, tree: TreePaths) -> Parsed:
    """pytest's own report makes the tracebacks and places around it redundant; elsewhere they are all there is."""
    parsed = parse_pytest(lines, tree)
    if any(found.strength == "strong" for found in parsed.findings):
        return parsed
    for parse in _PARSERS:
        parsed.add(parse(parsed.unclaimed(lines), tree))
    for parse in (parse_printed_junit, parse_json):
        parsed.add(parse(parsed.unclaimed(lines), whole, tree))
    for parse in _LATE_PARSERS:
        parsed.add(parse(parsed.unclaimed(lines), tree))
    return parsed


def _in_order(findings: Sequence[Finding], told: Collection[str | None]) -> list[Finding]:
    """As printed. A test that the other stream told of is not told again: runners print a report and a summary."""
    new = [found for found in findings if found.case is None or found.case not in told]
    return sorted(new, key=lambda found: found.output_line)


def _first_error_line(lines: Sequence[OutputLine]) -> list[Finding]:
    return [Finding("error", line.text.strip(), line.number) for line in lines if is_error_line(line.text)][:1]


def _chosen(said: Sequence[_Said], first_lines: Sequence[_Said]) -> Sequence[_Said]:
    """What is told: errors; else consequences and guesses; else the first line that speaks of an error; else warnings.

    A report that was written repeats what was printed, without the line of the output: it counts where nothing was.
    """
    for strength in ("strong", "weak"):
        of_strength = [each for each in said if each.finding.strength == strength]
        if of_strength:
            chosen = [each for each in of_strength if not each.report] or of_strength
            return sorted(chosen, key=lambda each: each.finding.late)
    return first_lines[:1] or [each for each in said if each.finding.strength == "warning"]


def _distinct(said: Sequence[_Said]) -> list[_Said]:
    """Without repetitions: a compiler that meets one header five times reports its error five times."""
    first: dict[tuple[str | None, str | None, int | None, str], _Said] = {}
    for each in said:
        found = each.finding
        first.setdefault((found.case, found.file, found.line, found.message), each)
    return list(first.values())


def _merged(printed: dict[str, CaseSeen], written: WrittenReports | None) -> list[CaseSeen]:
    """The cases of the reports, where there are any: they are complete, and name the same tests in every run."""
    reported = Parsed()
    for report in written.reports if written else ():
        reported.add(Parsed(cases=report.parsed.cases))
    return list((reported.cases or printed).values())


def _diagnostic(level: Level, check: str, said: _Said) -> Diagnostic:
    finding, cause = said.finding, _cause(said.finding)
    return Diagnostic(
        level=level,
        check=check,
        type=finding.type,
        message=finding.message,
        file=finding.file,
        line=finding.line if finding.file else None,
        column=finding.column if finding.file else None,
        output_line=None if said.report else finding.output_line,
        stream=said.stream,
        case=finding.case,
        cause_file=cause.file if cause else None,
        cause_line=cause.line if cause else None,
        report=said.report,
    )


def _cause(finding: Finding) -> Place | None:
    """The innermost frame that is no test: the module under test, where the stack shows one."""
    if finding.type not in ("test_failed", "runtime_error"):
        return None
    return next((frame for frame in reversed(finding.frames) if not is_test_file(frame.file)), None)


def _cases(seen: Sequence[CaseSeen], findings: Sequence[Finding], check: str) -> tuple[Case, ...]:
    """Failed ones first, so that the limit never hides one behind passes."""
    reasons = {finding.case: finding for finding in reversed(findings) if finding.case}
    made: list[Case] = []
    for case in sorted(seen, key=lambda each: each.verdict != "failed")[:MAX_CASES]:
        why = reasons.get(case.id) if case.verdict == "failed" else None
        file = case.file or (_test_of(why) if why else None)
        cause = _cause(why) if why else None
        made.append(
            Case(
                id=case.id,
                status=_STATUS[case.verdict],
                file=file,
                line=_line_in(file, why) if why else None,
                message=why.message if why else None,
                signature=signature(check, case.id, why.message) if why else None,
                cause_file=cause.file if cause else None,
                cause_line=cause.line if cause else None,
            )
        )
    return tuple(made)


def _test_of(why: Finding) -> str | None:
    """The outermost test file of a stack; a case lives there, wherever it broke."""
    return next((frame.file for frame in why.frames if is_test_file(frame.file)), why.file)


def _line_in(file: str | None, why: Finding) -> int | None:
    """The innermost line of the stack that lies in `file`."""
    inside = [frame.line for frame in why.frames if frame.file == file]
    return inside[-1] if inside else why.line if why.file == file else None
