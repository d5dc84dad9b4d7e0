"""JUnit XML, the format in which nearly every test runner can write its cases.

Read as a stream with the expat of the standard library: a report of any size takes bounded memory, which the libraries
for JUnit, all of them building the whole tree, cannot promise. A document type is refused, and with it every entity,
internal or external; that is the same rule, by the same means, as defusedxml's.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import BinaryIO
from xml.parsers import expat

from agentgate_engine.verify.error_lines import plain
from agentgate_engine.verify.finding import Finding, Parsed, Place, Verdict, placed
from agentgate_engine.verify.output_window import OutputLine
from agentgate_engine.verify.parse_jest import failure_message
from agentgate_engine.verify.stack_frames import frames_in
from agentgate_engine.verify.tree_paths import TreePaths

MAX_BYTES = 64 * 1024 * 1024
MAX_CASES = 20_000
MAX_FAILED = 1_000

_CHUNK = 64 * 1024
_MAX_DEPTH = 32
_KEPT = 8 * 1024
_MAX_NAME = 300
_PLACE = re.compile(r"\bline (?P<line>\d+), col(?:umn)? (?P<column>\d+)")
_COLON_PLACE = re.compile(r"^\s*(?P<path>[^\s:][^:]*\.\w+):(?P<line>\d+)(?::(?P<column>\d+))?\b")


class NotJUnit(ValueError):
    """The document is XML of another kind, or none."""


@dataclass(slots=True)
class _Test:
    """A `testcase` under way. Of what a failure says, the beginning and the end are kept."""

    attributes: dict[str, str]
    suite: dict[str, str]
    verdict: Verdict = "passed"
    message: str = ""
    head: str = ""
    tail: str = ""

    def add(self, text: str) -> None:
        room = _KEPT - len(self.head)
        self.head += text[:room]
        self.tail = (self.tail + text[room:])[-_KEPT:] if len(text) > room else self.tail

    @property
    def said(self) -> str:
        return self.head + ("\n" if self.tail else "") + self.tail


@dataclass(slots=True)
class _Reader:
    tree: TreePaths
    parsed: Parsed = field(default_factory=Parsed)
    depth: int = 0
    suites: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    test: _Test | None = None
    listening: bool = False
    dropped: int = 0
    failed: int = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if self.depth == 0 and name not in ("testsuites", "testsuite"):
            raise NotJUnit(f"its root is <{name[:40]}>")
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise NotJUnit("its elements are nested too deeply")
        if name == "testsuite":
            self.suites.append(attributes)
        elif name == "testcase":
            self.test = _Test(attributes, self.suites[-1] if self.suites else {})
        elif self.test and name in ("failure", "error") and not self.listening:
            first = self.test.verdict != "failed"
            self.test.verdict = "failed"
            self.test.message = attributes.get("message", "") if first else self.test.message
            self.listening = first
        elif self.test and name == "skipped" and self.test.verdict == "passed":
            self.test.verdict = "skipped"

    def end(self, name: str) -> None:
        self.depth -= 1
        if name in ("failure", "error"):
            self.listening = False
        elif name == "testsuite" and self.suites:
            self.suites.pop()
        elif name == "testcase" and self.test:
            self._close(self.test)
            self.test = None

    def data(self, text: str) -> None:
        if self.listening and self.test:
            self.test.add(text)

    def _close(self, test: _Test) -> None:
        failed = test.verdict == "failed"
        if len(self.parsed.cases) >= MAX_CASES or (failed and self.failed >= MAX_FAILED):
            self.dropped += 1
            return
        self.failed += failed
        case, file = _named(test, self.tree)
        if not _of_linter(test):
            self.parsed.saw(case, test.verdict, file)
            self.parsed.findings += [_finding(test, case, file, self.tree)] if failed else []
        elif failed:
            found = _finding(test, None, file, self.tree)
            self.parsed.findings.append(replace(found, type="build_error", frames=()))


def read_junit(file: BinaryIO, tree: TreePaths, max_bytes: int = MAX_BYTES) -> tuple[Parsed, str | None]:
    """(cases and failures, note). The note says what was not read; what came before a break is kept.

    Raises:
        NotJUnit: the file is no JUnit XML at all.
    """
    reader = _Reader(tree)
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.data
    parser.StartDoctypeDeclHandler = _refuse
    left = max_bytes
    note = None
    try:
        while left > 0 and (chunk := file.read(min(_CHUNK, left))):
            parser.Parse(chunk, False)
            left -= len(chunk)
        if file.read(1):
            note = f"only the first {max_bytes} bytes were read"
        else:
            parser.Parse(b"", True)
    except (expat.ExpatError, ValueError) as fault:
        if not reader.parsed.cases:
            raise fault if isinstance(fault, NotJUnit) else NotJUnit(f"it is broken: {str(fault)[:200]}") from fault
        note = f"it is broken after {len(reader.parsed.cases)} tests: {str(fault)[:200]}"
    if reader.dropped:
        note = f"{reader.dropped} of its tests were left out"
    return reader.parsed, note


def parse_printed_junit(lines: Sequence[OutputLine], whole: str, tree: TreePaths) -> Parsed:
    """A report that was printed instead of written, below whatever a script runner printed first."""
    start = next((line for line in lines if line.text.startswith(("<?xml", "<testsuite"))), None)
    if start is None or "<testsuite" not in whole:
        return Parsed()
    document = "\n".join(whole.split("\n")[start.number - 1 :])
    try:
        parsed, _ = read_junit(io.BytesIO(document.encode(errors="replace")), tree)
    except NotJUnit:
        return Parsed()
    parsed.findings = [replace(found, output_line=start.number) for found in parsed.findings]
    parsed.claimed = {line.number for line in lines if line.number >= start.number}
    return parsed


def _refuse(*_: object) -> None:
    raise NotJUnit("it declares a document type, which no test runner writes")


def _named(test: _Test, tree: TreePaths) -> tuple[str, str | None]:
    """(id, file), spelled as the runner prints the test, so that both name the same one.

    pytest dots its paths, vitest gives the file as class, ruff and eslint give the file as suite, jest gives titles.
    """
    name = test.attributes.get("name", "").strip()[:_MAX_NAME] or "unnamed"
    group = test.attributes.get("classname", "").strip()[:_MAX_NAME]
    printed = test.attributes.get("file") or test.suite.get("file") or test.suite.get("filepath") or ""
    file = tree.relative(printed) if printed else None
    if file is None and (path := tree.known(group)):
        return f"{path} > {name}", path
    parts = group.split(".")
    for length in range(len(parts), 0, -1):
        if path := tree.known("/".join(parts[:length]) + ".py"):
            return "::".join([path, *parts[length:], name]), path
    if file is None:
        file = tree.known(test.suite.get("name", ""))
    return f"{group}.{name}" if group and group != name else name, file


def _of_linter(test: _Test) -> bool:
    """ruff and eslint write their findings as tests named after the rule, below `org.ruff` or `org.eslint`."""
    package = test.suite.get("package", "")
    return package.startswith("org.") and test.attributes.get("name", "").startswith(package + ".")


def _finding(test: _Test, case: str | None, file: str | None, tree: TreePaths) -> Finding:
    lines = [OutputLine(i, plain(each)) for i, each in enumerate(test.said.split("\n"), 1)]
    frames = frames_in(lines, tree) or _other_place(test, lines, file, tree)
    said = plain(test.message[:_KEPT]).strip() or (failure_message(lines) or ("", 1))[0]
    return placed("test_failed", said.partition("\n")[0] or "failed", 1, frames, case=case, otherwise=file)


def _other_place(test: _Test, lines: Sequence[OutputLine], file: str | None, tree: TreePaths) -> Sequence[Place]:
    """Where there is no stack: `line 3, col 7` of linters, `calc_test.go:13: ...` of Go, the attributes of the case."""
    for line in lines[:200]:
        if (place := _COLON_PLACE.match(line.text)) and (path := tree.known(place["path"])):
            return [Place(path, int(place["line"]), int(place["column"]) if place["column"] else None)]
        if file and (place := _PLACE.search(line.text[:200])):
            return [Place(file, int(place["line"]), int(place["column"]))]
    at, column = test.attributes.get("line", ""), test.attributes.get("column", "")
    if file and at.isascii() and at.isdigit() and int(at[:9]) > 0:
        return [Place(file, int(at[:9]), int(column[:9]) if column.isascii() and column.isdigit() else None)]
    return []
