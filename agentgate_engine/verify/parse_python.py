"""Python tracebacks, and unittest's report, which is a name above a traceback."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from agentgate_engine.verify.finding import Finding, Parsed, Place, Verdict, placed
from agentgate_engine.verify.output_window import OutputLine
from agentgate_engine.verify.stack_frames import MAX_FRAMES, python_frame
from agentgate_engine.verify.tree_paths import TreePaths

LINKS = {
    "The above exception was the direct cause of the following exception:": "from",
    "During handling of the above exception, another exception occurred:": "while handling",
}

_HEADER = re.compile(r"^(?P<indent>[\s|+]*)(?:Exception Group )?Traceback \(most recent call last\):$")
_RAISED = re.compile(r"^(?P<type>[A-Za-z_][\w.]*)(?::\s.*)?$")
_UNITTEST = re.compile(r"^(?:FAIL|ERROR): (?P<test>[^\s(]+) \((?P<where>[\w.<>]+)\)")
_VERBOSE = re.compile(r"^(?P<test>\w+) \((?P<where>[\w.<>]+)\)(?: \.\.\. (?P<word>ok|FAIL|ERROR|skipped)\b.*)?$")
_DOCUMENTED = re.compile(r" \.\.\. (?P<word>ok|FAIL|ERROR|skipped)\b[^.]*$")
_GROUP = re.compile(r"^\w*ExceptionGroup: ")
_FATAL = re.compile(r"^Fatal Python error: \S.*$")
_INTERPRETER = re.compile(r"^\S*python[\d.]*: (?P<message>(?:No module named|can't open file|Error while finding) .*)$")
_VERDICTS: dict[str, Verdict] = {"ok": "passed", "skipped": "skipped"}


def parse_python(lines: Sequence[OutputLine], tree: TreePaths) -> Parsed:
    """One finding a traceback, placed at its innermost frame inside the tree; a syntax error needs no header.

    A test of unittest is one finding: the exception that was not caught, with the first one of its chain.
    """
    reader = _Reader(tree)
    for line in lines:
        if not reader.names(line):
            reader.traces(line)
    if reader.fatal:
        reader.parsed.findings.append(Finding("runtime_error", reader.fatal.text, reader.fatal.number))
    return reader.parsed


@dataclass(slots=True)
class _Trace:
    """A traceback under way: its frames in the tree (outermost first), and how far it is indented."""

    indent: str
    frames: list[Place] = field(default_factory=list[Place])
    any_frame: bool = False

    def add(self, frame: tuple[str, int], tree: TreePaths) -> None:
        self.any_frame = True
        if len(self.frames) < MAX_FRAMES and (path := tree.known(frame[0])):
            self.frames.append(Place(path, frame[1]))


@dataclass(slots=True)
class _Reader:
    """`case` is the test of unittest whose tracebacks follow, `chain` what it has raised so far, `link` how the next
    traceback belongs to that; `fatal` is a crash of the interpreter, whose frames follow."""

    tree: TreePaths
    parsed: Parsed = field(default_factory=Parsed)
    case: str | None = None
    chain: list[Finding] = field(default_factory=list[Finding])
    link: str | None = None
    documented: str | None = None
    trace: _Trace | None = None
    fatal: OutputLine | None = None

    def names(self, line: OutputLine) -> bool:
        """Whether the line is one in which unittest names a test."""
        if named := _UNITTEST.match(line.text):
            self.case, self.chain, self.trace = _unittest_id(named["test"], named["where"]), [], None
            self.parsed.saw(self.case, "failed")
            return True
        if verbose := _VERBOSE.match(line.text):
            self.documented = _unittest_id(verbose["test"], verbose["where"])
        elif not (self.documented and (verbose := _DOCUMENTED.search(line.text[-120:]))):
            return False
        if verbose["word"] and self.documented:
            self.parsed.saw(self.documented, _VERDICTS.get(verbose["word"], "failed"))
            self.documented = None
        return True

    def traces(self, line: OutputLine) -> None:
        text = line.text
        frame = python_frame(text)
        if self.fatal:
            if frame and (path := self.tree.known(frame[0])):
                at = [Place(path, frame[1])]
                self.parsed.findings.append(placed("runtime_error", self.fatal.text, self.fatal.number, at))
                self.fatal = None
        elif header := _HEADER.match(text):
            self.trace = _Trace(header["indent"].replace("+", "|"))
        elif _FATAL.match(text):
            self.fatal = line
        elif found := _INTERPRETER.match(text):
            self.parsed.findings.append(Finding("error", found["message"], line.number))
        elif frame:
            self.trace = self.trace or _Trace("")
            self.trace.add(frame, self.tree)
        elif self.trace is not None:
            self._ends(self.trace, line)
        elif link := LINKS.get(text.strip()):
            self.link = link

    def _ends(self, trace: _Trace, line: OutputLine) -> None:
        """A traceback ends with the first line that is not indented: what was raised."""
        text = line.text.removeprefix(trace.indent)
        if not trace.any_frame or not text or text[0].isspace():
            return
        if _RAISED.match(text):
            self._raised(text, line.number, trace.frames)
        self.trace = self.link = None

    def _raised(self, text: str, number: int, frames: Sequence[Place]) -> None:
        case = self.case
        if case and self.chain and self.link:
            self.parsed.findings.remove(self.chain[-1])
            text = f"{text} ({self.link} {self.chain[0].message})"
            frames = frames or self.chain[-1].frames
        elif self.chain:
            case = None
        finding = placed("test_failed" if case else "runtime_error", text, number, frames, case=case)
        finding = replace(finding, late=_GROUP.match(text) is not None)
        self.parsed.findings.append(finding)
        if case:
            self.chain.append(finding)


def _unittest_id(test: str, where: str) -> str:
    """`pkg.Case.test`; before Python 3.11 unittest printed `pkg.Case` in the brackets."""
    if "_FailedTest" in where:
        return test
    return where if where.endswith("." + test) else f"{where}.{test}"
