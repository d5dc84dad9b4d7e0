"""`path:line:column: message`, in the spellings of compilers, linters and type checkers."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agentgate_engine.verify.finding import Finding
from agentgate_engine.verify.output_window import OutputLine
from agentgate_engine.verify.tree_paths import TreePaths

_PATH = r"(?P<path>(?:[\w.@+~-]|/)[^\s:(]*\.[A-Za-z]\w{0,9})"
_SPELLINGS = (
    # gcc, clang, mypy, ruff --concise, flake8, go, pyright (" - error:")
    re.compile(rf"^\s*{_PATH}:(?P<line>\d+)(?::(?P<column>\d+))?(?::| -) ?(?P<message>\S.*)$"),
    # tsc
    re.compile(rf"^\s*{_PATH}\((?P<line>\d+),(?P<column>\d+)\): (?P<message>\S.*)$"),
)
# rustc, ruff, biome: the message stands above its place
_ARROW = re.compile(rf"^\s*--> {_PATH}:(?P<line>\d+)(?::(?P<column>\d+))?\s*$")
_SEVERITY = re.compile(r"^(?:fatal )?(?P<word>error|warning|note|info|information|hint|help)\b", re.IGNORECASE)
# the lines of a pytest section or of a stack are places, not errors of their own
_STACK = re.compile(r"^in \S+$")


def parse_compilers(lines: Sequence[OutputLine], tree: TreePaths) -> list[Finding]:
    """Errors with their places. Warnings and notes are left out; so are places outside of the tree.

    A line without the word "error" counts only when it names a file of the snapshot: `host.name:8080: up` is none.
    """
    found: list[Finding] = []
    above = ""
    for line in lines:
        if arrow := _ARROW.match(line.text):
            match, message = arrow, above
        else:
            match = next((m for spelling in _SPELLINGS if (m := spelling.match(line.text))), None)
            message = match["message"] if match else ""
            above = line.text.strip() or above
        if match is None or _STACK.match(message):
            continue
        severity = _SEVERITY.match(message)
        if severity and severity["word"].lower() != "error":
            continue
        path = tree.relative(match["path"]) if severity else tree.known(match["path"])
        if path:
            column = int(match["column"]) if match["column"] else None
            found.append(Finding("build_error", message, line.number, path, int(match["line"]), column))
    return found
