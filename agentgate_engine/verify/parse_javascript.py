"""Errors of Node programs and test runners: a headline, and below it the first stack frame inside the tree."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agentgate_engine.verify.finding import Finding
from agentgate_engine.verify.output_window import OutputLine
from agentgate_engine.verify.tree_paths import TreePaths

_HEADLINE = re.compile(r"^\s*(?:● (?P<jest>\S.*)|(?:Uncaught )?(?P<error>\w*Error(?: \[\w+\])?: .+))$")
_FRAME = re.compile(
    r"^\s*(?:at (?:.*\()?|❯ (?:\S+ )?)(?:file://)?(?P<path>[^\s:()]+):(?P<line>\d+):(?P<column>\d+)\)?$"
)


def parse_javascript(lines: Sequence[OutputLine], tree: TreePaths) -> list[Finding]:
    """One finding a headline that has a frame in the tree; jest, vitest, mocha and plain Node print them alike."""
    found: list[Finding] = []
    headline: tuple[str, int] | None = None
    tested = False
    for line in lines:
        if head := _HEADLINE.match(line.text):
            headline = (head["jest"] or head["error"], line.number)
            tested = head["jest"] is not None
        elif headline and (frame := _FRAME.match(line.text)) and (path := tree.known(frame["path"])):
            kind = "test_failed" if tested else "runtime_error"
            found.append(Finding(kind, *headline, path, int(frame["line"]), int(frame["column"])))
            headline = None
    return found
