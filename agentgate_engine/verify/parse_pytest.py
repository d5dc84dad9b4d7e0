"""pytest's report: the failure sections, and the short summary that names each failing test."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from agentgate_engine.verify.finding import CaseSeen, Finding, Verdict
from agentgate_engine.verify.output_window import OutputLine
from agentgate_engine.verify.tree_paths import TreePaths

_FILE = r"[^\s:][^:]*?\.(?:py|md|rst|txt|ya?ml|feature)"
_SUMMARY = re.compile(rf"^(?:FAILED|ERROR) (?P<id>{_FILE}(?:::[^\[]+?(?:\[.+?\])?)?)(?: - (?P<message>.*))?$")
_VERBOSE = re.compile(rf"^(?P<id>{_FILE}::.+?) (?P<word>PASSED|FAILED|SKIPPED|ERROR|XFAIL|XPASS)\b")
_SECTION = re.compile(r"^_{2,} (?:ERROR (?:at \w+ of|collecting) )?(?P<name>\S.*?) _{2,}$")
_RULE = re.compile(r"^={3,} .* ={3,}$")
_MESSAGE = re.compile(r"^E(?P<indent> {3,})(?P<text>\S.*)$")
_PLACE = re.compile(r"^(?P<path>\S[^:]*\.\w+):(?P<line>\d+):(?: |$)")
_SYNTAX_PLACE = re.compile(r'^E\s+File "(?P<path>[^"]+)", line (?P<line>\d+)')
_VERDICTS: dict[str, Verdict] = {"PASSED": "passed", "XPASS": "passed", "SKIPPED": "skipped", "XFAIL": "skipped"}


@dataclass(slots=True)
class _Section:
    """One block under FAILURES or ERRORS. `places` are in printed order: the last one is innermost.

    The message is the first of the least indented `E` lines: a syntax error quotes the code above its own name.
    """

    name: str
    start: int
    message: str | None = None
    message_line: int = 0
    indent: int = 1000
    places: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])


def parse_pytest(lines: Sequence[OutputLine], tree: TreePaths) -> tuple[list[Finding], list[CaseSeen]]:
    """Failures in the order of the summary, then sections that no summary names. Nothing when pytest did not run."""
    sections = _sections(lines)
    findings: list[Finding] = []
    cases: dict[str, CaseSeen] = {}
    seen: set[str] = set()
    for line in lines:
        if verbose := _VERBOSE.match(line.text):
            test = verbose["id"]
            cases[test] = CaseSeen(
                test, _VERDICTS.get(verbose["word"], "failed"), tree.relative(test.partition("::")[0])
            )
        summary = _SUMMARY.match(line.text)
        if summary is None or summary["id"] in seen:
            continue
        test = summary["id"]
        seen.add(test)
        path, _, inner = test.partition("::")
        section = _take(sections, inner.replace("::", ".") or path)
        findings.append(_finding(section, summary["message"], line.number, test, path, tree))
        cases[test] = CaseSeen(test, "failed", tree.relative(path))
    findings += [
        _finding(section, None, section.start, section.name, None, tree) for section in sections if section.message
    ]
    return findings, list(cases.values())


def _sections(lines: Sequence[OutputLine]) -> list[_Section]:
    found: list[_Section] = []
    inside = False
    for line in lines:
        if header := _SECTION.match(line.text):
            found.append(_Section(header["name"], line.number))
            inside = True
        elif _RULE.match(line.text):
            inside = False
        elif inside:
            section = found[-1]
            message = _MESSAGE.match(line.text)
            if message and len(message["indent"]) < section.indent:
                section.message, section.message_line = message["text"], line.number
                section.indent = len(message["indent"])
            if place := _PLACE.match(line.text) or _SYNTAX_PLACE.match(line.text):
                section.places.append((place["path"], int(place["line"])))
    return found


def _take(sections: list[_Section], name: str) -> _Section | None:
    """The first section of that name; two files may have tests of one name, reported in the same order."""
    for section in sections:
        if section.name == name:
            sections.remove(section)
            return section
    return None


def _finding(
    section: _Section | None, message: str | None, output_line: int, case: str, path: str | None, tree: TreePaths
) -> Finding:
    places = [(known, line) for place, line in section.places if (known := tree.known(place))] if section else []
    file, line = places[-1] if places else (tree.relative(path) if path else None, None)
    if section and section.message:
        message, output_line = section.message, section.message_line
    return Finding("test_failed", message or "failed", output_line, file, line, case=case)
