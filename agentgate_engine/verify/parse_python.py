"""Python tracebacks, and unittest's report, which is a name above a traceback."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agentgate_engine.verify.finding import CaseSeen, Finding, Verdict
from agentgate_engine.verify.output_window import OutputLine
from agentgate_engine.verify.tree_paths import TreePaths

_HEADER = re.compile(r"^(?P<indent>[\s|+]*)Traceback \(most recent call last\):$")
_FRAME = re.compile(r'^\s*File "(?P<path>[^"]+)", line (?P<line>\d+)(?:, in .*)?$')
_RAISED = re.compile(r"^(?P<type>[A-Za-z_][\w.]*)(?::\s.*)?$")
_UNITTEST = re.compile(r"^(?:FAIL|ERROR): (?P<test>\w+) \((?P<where>[\w.<>]+)\)")
_VERBOSE = re.compile(r"^(?P<test>\w+) \((?P<where>[\w.<>]+)\) \.\.\. (?P<word>ok|FAIL|ERROR|skipped)\b")
_VERDICTS: dict[str, Verdict] = {"ok": "passed", "skipped": "skipped"}


def parse_python(lines: Sequence[OutputLine], tree: TreePaths) -> tuple[list[Finding], list[CaseSeen]]:
    """One finding a traceback, placed at its innermost frame inside the tree; a syntax error needs no header."""
    findings: list[Finding] = []
    cases: dict[str, CaseSeen] = {}
    case: str | None = None
    frames: list[tuple[str, int]] = []
    indent: str | None = None
    for line in lines:
        if verbose := _VERBOSE.match(line.text):
            test = _unittest_id(verbose["test"], verbose["where"])
            cases[test] = CaseSeen(test, _VERDICTS.get(verbose["word"], "failed"))
        elif named := _UNITTEST.match(line.text):
            case = _unittest_id(named["test"], named["where"])
            cases[case] = CaseSeen(case, "failed")
        elif header := _HEADER.match(line.text):
            indent, frames = header["indent"], []
        elif frame := _FRAME.match(line.text):
            frames.append((frame["path"], int(frame["line"])))
            indent = indent or ""
        elif indent is not None:
            text = line.text.removeprefix(indent)
            if not frames or not text or text[0].isspace():
                continue
            if _RAISED.match(text):
                findings.append(_finding(text, line.number, frames, case, tree))
                case = None
            indent, frames = None, []
    return findings, list(cases.values())


def _finding(text: str, output_line: int, frames: list[tuple[str, int]], case: str | None, tree: TreePaths) -> Finding:
    inside = [(known, line) for path, line in frames if (known := tree.known(path))]
    file, line = inside[-1] if inside else (None, None)
    return Finding("test_failed" if case else "runtime_error", text, output_line, file, line, case=case)


def _unittest_id(test: str, where: str) -> str:
    """`pkg.Case.test`; before Python 3.11 unittest printed `pkg.Case` in the brackets."""
    return where if where.endswith("." + test) else f"{where}.{test}"
