"""Errors of Node programs: a headline, and below it the stack."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agentgate_engine.verify.finding import Parsed, Place, placed
from agentgate_engine.verify.output_window import OutputLine
from agentgate_engine.verify.stack_frames import frames_in, javascript_frame
from agentgate_engine.verify.tree_paths import TreePaths

_HEADLINE = re.compile(r"^\s*(?:Uncaught |\[cause\]: )?\w*Error(?: \[\w+\])?: \S.*$")
_NAMES_FILE = re.compile(r"(?:imported )?from '?(?P<path>[^'\s]+)'?$")
_THROWN_AT = re.compile(r"^(?P<path>(?:file://)?/\S[^:]*\.[cm]?[jt]sx?):(?P<line>\d+)$")
_MAX_BLOCK = 80


def parse_javascript(lines: Sequence[OutputLine], tree: TreePaths) -> Parsed:
    """One finding a headline with a stack: at its innermost frame in the tree, or in the file that the message names.

    Without either it is a weak finding: an error inside a tool, which mostly means its configuration.
    """
    parsed = Parsed()
    block: list[OutputLine] = []
    framed = False
    thrown: Place | None = None
    for line in lines:
        frame = _is_frame(line.text)
        if _HEADLINE.match(line.text):
            _close(block, thrown, tree, parsed)
            block, framed = [line], False
        elif block and not (framed and not frame) and len(block) < _MAX_BLOCK:
            block.append(line)
            framed = framed or frame
        elif block:
            _close(block, thrown, tree, parsed)
            block, thrown = [], None
        elif (at := _THROWN_AT.match(line.text)) and (path := tree.known(at["path"])):
            thrown = Place(path, int(at["line"]))
    _close(block, thrown, tree, parsed)
    return parsed


def _is_frame(text: str) -> bool:
    return text.lstrip().startswith(("at ", "❯ ")) and (javascript_frame(text) is not None or "<anonymous>" in text)


def _close(block: Sequence[OutputLine], thrown: Place | None, tree: TreePaths, parsed: Parsed) -> None:
    stack = [line for line in block[1:] if _is_frame(line.text)]
    if not block or not (stack or thrown):
        return
    message, number = block[0].text.strip(), block[0].number
    frames = frames_in(stack, tree) or ([thrown] if thrown else [])
    named = _NAMES_FILE.search(message[-300:])
    file = tree.known(named["path"]) if named else None
    strength = "strong" if frames or file else "weak"
    parsed.findings.append(placed("runtime_error", message, number, frames, otherwise=file, strength=strength))
