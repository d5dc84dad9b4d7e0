"""pytest's report: the failure sections, and the short summary that names each failing test."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from agentgate_engine.verify.finding import Finding, Parsed, Place, Verdict, placed
from agentgate_engine.verify.output_window import OutputLine
from agentgate_engine.verify.parse_python import LINKS
from agentgate_engine.verify.stack_frames import MAX_FRAMES, pytest_frame, python_frame
from agentgate_engine.verify.test_files import is_test_file
from agentgate_engine.verify.tree_paths import TreePaths

_FILE = r"[^\s:][^:]*?\.(?:py|md|rst|txt|ya?ml|feature)"
_SUMMARY = re.compile(
    rf"^(?P<word>FAILED|ERROR|SUBFAIL(?:ED)?\S*) "
    rf"(?P<id>{_FILE}(?:::[^\[]+?(?:\[.+?\](?= - |$))?)?)(?: - (?P<message>.*))?$"
)
_VERBOSE = re.compile(rf"^(?P<id>{_FILE}::.+?) (?P<word>PASSED|FAILED|SKIPPED|ERROR|XFAIL|XPASS)\b")
_XDIST = re.compile(rf"^\[gw\d+\] \[ *\d+%\] (?P<word>PASSED|FAILED|SKIPPED|ERROR|XFAIL|XPASS) (?P<id>{_FILE}::.+)$")
_SECTION = re.compile(r"^_+ (?P<error>ERROR (?:at (?P<when>\w+) of|collecting) )?(?P<name>[^\s_].*?|_+[^\s_].*?) _+$")
_RULE = re.compile(r"^=+ (?P<title>.*) =+$")
_BODY = frozenset(("FAILURES", "ERRORS"))
_MESSAGE = re.compile(r"^(?:E(?P<indent> {3,})|(?P<bar>[\s|+]*))(?P<text>\S.*)$")
_RAISED = re.compile(
    r"^[A-Za-z_][\w.]*(?:Error|Exception|Warning|Exit|Interrupt|Group|Failed|Skipped)\b(?:: .*| \(.*)?$"
)
_SYNTAX_PLACE = re.compile(r'^E\s+File "(?P<path>[^"]+)", line (?P<line>\d+)')
_LINE_STYLE = re.compile(r"^(?P<path>[^\s:][^:]*\.\w+):(?P<line>\d+): (?P<message>\S.*)$")
_CAPTURED = re.compile(r"^-+ Captured \w+(?: \w+)? -+$")
_CRASHED = re.compile(r"^worker '\w+' crashed while running '(?P<id>.+)'$")
_CONFTEST = re.compile(r"^ImportError while loading conftest '(?P<path>[^']+)'\.?$")
_CONFTEST_NAME = "conftest"
_USAGE = re.compile(r"^(?:ERROR: (?!usage:)|pytest: error: |__main__\.py: error: )(?P<message>\S.*)$")
_NOTHING = re.compile(r"^=* ?(?:no tests ran|(?P<why>\d+ deselected)[^=,]*) in \d[\d.]*s\b")
_VERDICTS: dict[str, Verdict] = {"PASSED": "passed", "XPASS": "passed", "SKIPPED": "skipped", "XFAIL": "skipped"}


@dataclass(slots=True)
class _Raised:
    """One exception of a chain. `frames` are in printed order: the last one is innermost.

    The message is the first of the least indented `E` lines: a syntax error quotes the code above its own name.
    """

    message: str | None = None
    message_line: int = 0
    indent: int = 1000
    frames: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])


@dataclass(slots=True)
class _Section:
    """One block under FAILURES or ERRORS. `chain` ends with the exception that was not caught."""

    name: str
    error: bool
    start: int
    teardown: bool = False
    chain: list[_Raised] = field(default_factory=lambda: [_Raised()])
    link: str = ""
    captured: bool = False

    @property
    def raised(self) -> _Raised:
        return self.chain[-1]


def parse_pytest(lines: Sequence[OutputLine], tree: TreePaths) -> Parsed:
    """Failures in the order of the summary, then sections that no summary names. Nothing when pytest did not run."""
    parsed = Parsed()
    sections, styled = _sections(lines, parsed)
    named: set[tuple[str, str]] = set()
    for line in lines:
        if seen := _VERBOSE.match(line.text) or _XDIST.match(line.text):
            test = seen["id"].rstrip()
            parsed.saw(test, _VERDICTS.get(seen["word"], "failed"), tree.relative(test.partition("::")[0]))
            parsed.claimed.add(line.number)
        elif (summary := _SUMMARY.match(line.text)) and (summary["word"], summary["id"]) not in named:
            named.add((summary["word"], summary["id"]))
            parsed.claimed.add(line.number)
            test, message = summary["id"], summary["message"]
            path, _, inner = test.partition("::")
            section = _take(sections, _section_name(inner) or path, error=summary["word"] == "ERROR")
            section = section or _styled(styled, message)
            parsed.findings.append(_finding(section, message, line.number, test, tree))
            parsed.saw(test, "failed", tree.relative(path))
        elif usage := _USAGE.match(line.text):
            parsed.findings.append(Finding("error", usage["message"], line.number, strength="weak"))
        elif nothing := _NOTHING.match(line.text):
            said = _no_tests(nothing["why"])
            parsed.findings.append(Finding("error", said, line.number, strength="weak", late=True))
    for section in sections:
        if section.raised.message:
            parsed.findings.append(_finding(section, None, section.start, _case_of(section, parsed), tree))
    if not parsed.findings:
        parsed.findings += [
            Finding("test_failed", f"{case.id} failed", number, case.file, case=case.id)
            for case in parsed.cases.values()
            if case.verdict == "failed"
            for number in [_line_of(lines, case.id)]
        ]
    return parsed


def _no_tests(why: str | None) -> str:
    return f"no tests ran: {why}" if why else "no tests ran"


def _sections(lines: Sequence[OutputLine], parsed: Parsed) -> tuple[list[_Section], list[_Section]]:
    """(sections with a title, one-line failures of `--tb=line`). Their lines are claimed."""
    found: list[_Section] = []
    styled: list[_Section] = []
    body = inside = False
    for line in lines:
        text = line.text
        header = _SECTION.match(text)
        if header:
            found.append(
                _Section(header["name"], header["error"] is not None, line.number, header["when"] == "teardown")
            )
            inside = True
        elif rule := _RULE.match(text):
            inside, body = False, rule["title"] in _BODY
        elif _CONFTEST.match(text):
            found.append(_Section(_CONFTEST_NAME, True, line.number))
            inside = True
        elif inside:
            _read(found[-1], line)
        elif body and (short := _LINE_STYLE.match(text)):
            styled.append(_one_line(short, line))
        if inside or body or header:
            parsed.claimed.add(line.number)
    return found, styled


def _one_line(short: re.Match[str], line: OutputLine) -> _Section:
    raised = _Raised(short["message"], line.number, 0, [(short["path"], int(short["line"]))])
    return _Section("", False, line.number, chain=[raised])


def _read(section: _Section, line: OutputLine) -> None:
    text = line.text
    if section.captured or _CAPTURED.match(text):
        section.captured = True
        return
    if link := LINKS.get(text.strip()):
        section.chain.append(_Raised())
        section.link = link
        return
    raised = section.raised
    if crash := _CRASHED.match(text):
        raised.message, raised.message_line, raised.indent = text, line.number, 0
        section.name = _section_name(crash["id"].partition("::")[2])
    elif place := _SYNTAX_PLACE.match(text):
        raised.frames.append((place["path"], int(place["line"])))
    elif frame := pytest_frame(text) or python_frame(text):
        if len(raised.frames) < MAX_FRAMES:
            raised.frames.append(frame)
    elif message := _MESSAGE.match(text):
        indent = len(message["indent"]) if message["indent"] else 500 + len(message["bar"])
        if indent < raised.indent and (message["indent"] or _RAISED.match(message["text"])):
            raised.message, raised.message_line, raised.indent = message["text"], line.number, indent


def _section_name(inner: str) -> str:
    """`TestA::test_b[x::y]` is headed `TestA.test_b[x::y]`."""
    name, bracket, parameters = inner.partition("[")
    return name.replace("::", ".") + bracket + parameters


def _take(sections: list[_Section], name: str, *, error: bool) -> _Section | None:
    """The first section of that name; two files may have tests of one name, reported in the same order."""
    named = [section for section in sections if section.name == name]
    found = next((section for section in named if section.error is error), named[0] if named else None)
    if found:
        sections.remove(found)
    return found


def _styled(styled: list[_Section], message: str | None) -> _Section | None:
    """The next one-line failure that says what the summary says (which cuts long messages short)."""
    said = (message or "").removesuffix("...")
    for section in styled:
        if said and (section.raised.message or "").startswith(said):
            styled.remove(section)
            return section
    return None


def _case_of(section: _Section, parsed: Parsed) -> str | None:
    """The case that a verbose line named, for a report without a summary. A conftest that cannot be read is no case."""
    if section.name == _CONFTEST_NAME:
        return None
    for case in parsed.cases.values():
        if case.verdict == "failed" and _section_name(case.id.partition("::")[2]) == section.name:
            return case.id
    return section.name


def _finding(
    section: _Section | None, message: str | None, output_line: int, case: str | None, tree: TreePaths
) -> Finding:
    path = (case or "").partition("::")[0]
    otherwise = tree.relative(path) if path.endswith(".py") else None
    if section is None:
        return Finding("test_failed", message or "failed", output_line, otherwise, case=case)
    last = section.raised
    frames = _inside(last, tree)
    for earlier in reversed(section.chain[:-1]):
        if all(is_test_file(frame.file) for frame in frames):
            frames = [*(f for f in _inside(earlier, tree) if not is_test_file(f.file)), *frames]
    if last.message:
        message, output_line = last.message, last.message_line
        first = section.chain[0]
        if first is not last and first.message:
            message = f"{message} ({section.link} {first.message})"
    found = placed("test_failed", message or "failed", output_line, frames, case=case, otherwise=otherwise)
    return replace(found, late=section.teardown)


def _inside(raised: _Raised, tree: TreePaths) -> list[Place]:
    return [Place(known, line) for path, line in raised.frames if (known := tree.known(path))]


def _line_of(lines: Sequence[OutputLine], text: str) -> int:
    return next((line.number for line in lines if text in line.text), lines[0].number if lines else 1)
