"""Stack frames and code frames, as the languages print them. No pattern here looks back over a line twice."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from agentgate_engine.verify.finding import Place
from agentgate_engine.verify.output_window import OutputLine
from agentgate_engine.verify.tree_paths import TreePaths

MAX_FRAMES = 200

_PYTHON = re.compile(r'^[\s|+]*File "(?P<path>[^"]+)", line (?P<line>\d+)(?:,? in .*)?$')
_PYTEST = re.compile(r"^(?P<path>[^\s:][^:]*\.\w+):(?P<line>\d+):(?: |$)")
_QUOTED_CODE = re.compile(r"^\s*> ?(?P<line>\d+) \|")
_GO = re.compile(r"^\t(?P<path>[^\s:][^:]*\.(?:go|s)):(?P<line>\d+)(?: \+0x[0-9a-f]+)?$")
_NATIVE = re.compile(r"^\s*#\d+ (?:0x[0-9a-f]+ )?in (?P<rest>.*)$")
_ENDS_IN_PLACE = re.compile(r":(\d+)(?::(\d+))?$")


def python_frame(text: str) -> tuple[str, int] | None:
    """`  File "pkg/x.py", line 3, in f`, also inside exception groups."""
    found = _PYTHON.match(text)
    return (found["path"], int(found["line"])) if found else None


def pytest_frame(text: str) -> tuple[str, int] | None:
    """`pkg/x.py:3: in f`, `pkg/x.py:3: ValueError`."""
    found = _PYTEST.match(text)
    return (found["path"], int(found["line"])) if found else None


def javascript_frame(text: str) -> tuple[str, int, int] | None:
    """`at f (src/x.js:1:2)`, `at async file:///src/x.js:1:2`, vitest's `❯ f src/x.js:1:2`, TAP's `f (src/x.js:1:2)`."""
    text = text.strip()
    if text.startswith("❯ "):
        text = text[2:].rpartition(" ")[2]
    elif text.endswith(")"):
        text = text[:-1].rpartition("(")[2]
    elif text.startswith("at "):
        text = text[3:].removeprefix("async ")
    elif not text.startswith(("file://", "/")):
        return None
    found = _ENDS_IN_PLACE.search(text[-24:])
    if found is None or found[2] is None:
        return None
    return text[: -len(found[0])].removeprefix("file://"), int(found[1]), int(found[2])


def go_frame(text: str) -> tuple[str, int] | None:
    """`<tab>/src/x.go:12 +0x9e`, below the name of a function."""
    found = _GO.match(text)
    return (found["path"], int(found["line"])) if found else None


def rust_frame(text: str) -> tuple[str, int, int] | None:
    """`             at ./src/x.rs:2:42`."""
    text = text.strip()
    found = _ENDS_IN_PLACE.search(text[-24:]) if text.startswith("at ") else None
    return (text[3 : -len(found[0])], int(found[1]), int(found[2])) if found and found[2] else None


def native_frame(text: str) -> tuple[str, int, int | None] | None:
    """`    #0 0x5627 in main /src/x.c:2:7`, as the sanitizers print it."""
    found = _NATIVE.match(text)
    at = found["rest"].rpartition(" ")[2] if found else ""
    end = _ENDS_IN_PLACE.search(at[-24:])
    return (at[: -len(end[0])], int(end[1]), int(end[2]) if end[2] else None) if end else None


def quoted_line(text: str) -> int | None:
    """The line that a code frame points at: `> 3 |   expect(...)`."""
    found = _QUOTED_CODE.match(text)
    return int(found["line"]) if found else None


def frames_in(lines: Iterable[OutputLine], tree: TreePaths) -> Sequence[Place]:
    """The frames of one stack, of whatever language, that lie in the tree, outermost first.

    Python prints the innermost frame last; the others print it first.
    """
    python: list[Place] = []
    others: list[Place] = []
    for line in lines:
        if len(python) + len(others) >= MAX_FRAMES:
            break
        if frame := python_frame(line.text) or pytest_frame(line.text):
            if path := tree.known(frame[0]):
                python.append(Place(path, frame[1]))
        elif (
            frame := javascript_frame(line.text)
            or go_frame(line.text)
            or rust_frame(line.text)
            or native_frame(line.text)
        ) and (path := tree.known(frame[0])):
            others.append(Place(path, frame[1], frame[2] if len(frame) > 2 else None))
    return python or others[::-1]
