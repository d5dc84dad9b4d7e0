"""jest, mocha and the runner of Node (its readable report)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from agentgate_engine.verify.finding import Finding, Parsed, placed
from agentgate_engine.verify.output_window import OutputLine
from agentgate_engine.verify.spec_tree import SpecTree
from agentgate_engine.verify.stack_frames import frames_in, quoted_line
from agentgate_engine.verify.tree_paths import TreePaths

BETWEEN = " › "

_SUITE = re.compile(
    r"^ ?(?:FAIL|PASS) {1,2}(?P<path>[^\s>\[][^>\[]*\.(?:[cm]?[jt]sx?|vue|svelte|coffee))(?: \(\d[^)]*\))?$"
)
_HEADING = re.compile(r"^(?P<indent> *)● (?P<name>\S.*)$")
_END = re.compile(r"^(?:Test Suites: |Snapshots: |Tests: +\d|Ran all test suites)")
_NO_TESTS = re.compile(r"^No tests found, exiting with code \d")
_DIFFERENCE = re.compile(r"^\s*(?P<word>Expected|Received)\b[^:]*: +(?P<value>\S.*)$")
_MOCHA = re.compile(r"^  +(?P<number>\d+)\) (?P<name>\S.*)$")
_MOCHA_COUNT = re.compile(r"^ +\d+ (?:passing|failing|pending)\b")
_NODE_PLACE = re.compile(r"^test at (?P<path>\S[^:]*):(?P<line>\d+):(?P<column>\d+)$")
_NODE_FAILING = "✖ failing tests:"
_LATER = ("Console", "Validation Warning:", "Deprecation Warning:")


@dataclass(slots=True)
class _Block:
    """A failure under its heading: what was printed until the next one."""

    names: list[str]
    start: int
    file: str | None
    lines: list[OutputLine] = field(default_factory=list[OutputLine])


def parse_jest(lines: Sequence[OutputLine], tree: TreePaths) -> Parsed:
    """One finding a failing test. Ids are `file › heading › test`, as jest itself joins them."""
    parsed = Parsed()
    spec = SpecTree()
    file: str | None = None
    block: _Block | None = None
    done: set[str] = set()
    for line in lines:
        text = line.text
        if suite := _SUITE.match(text):
            _close(block, tree, parsed, done)
            file, block = tree.relative(suite["path"].rpartition(" ")[2]) or suite["path"], None
            spec.reset()
        elif (heading := _HEADING.match(text)) and (block is None or len(heading["indent"]) <= 2):
            _close(block, tree, parsed, done)
            block = _Block([heading["name"]], line.number, file)
        elif _END.match(text):
            _close(block, tree, parsed, done)
            block = file = None
        elif block is not None:
            block.lines.append(line)
        elif file is not None and (test := spec.read(text)):
            parsed.saw(BETWEEN.join((file, *test[0])), test[1], file)
        elif _NO_TESTS.match(text):
            parsed.findings.append(Finding("error", text, line.number))
        if file is not None or block is not None:
            parsed.claimed.add(line.number)
    _close(block, tree, parsed, done)
    return parsed


def _close(block: _Block | None, tree: TreePaths, parsed: Parsed, done: set[str]) -> None:
    """jest repeats the failures of a long run at its end: each is told once."""
    if block is None or block.names[0].startswith(_LATER):
        return
    name = block.names[0]
    if block.file is None:
        if name == "Validation Error:":
            said = failure_message(block.lines) or (name, block.start)
            parsed.findings.append(Finding("error", f"{name} {said[0]}", said[1]))
        return
    whole = name == "Test suite failed to run"
    case = block.file if whole else BETWEEN.join((block.file, name))
    if case in done:
        return
    done.add(case)
    parsed.saw(case, "failed", block.file)
    parsed.findings.append(_finding(block, case, tree))


def _finding(block: _Block, case: str, tree: TreePaths) -> Finding:
    message, number = failure_message(block.lines) or (block.names[-1], block.start)
    frames = frames_in(block.lines, tree)
    found = placed("test_failed", message, number, frames, case=case, otherwise=block.file)
    if frames or block.file is None:
        return found
    quoted = next((at for each in block.lines if (at := quoted_line(each.text))), None)
    return Finding("test_failed", message, number, block.file, quoted, case=case)


def failure_message(lines: Sequence[OutputLine]) -> tuple[str, int] | None:
    """(message, its line): the first line of a failure, with what was expected and what was found in short."""
    first = next((line for line in lines if line.text.strip()), None)
    if first is None:
        return None
    values: dict[str, str] = {}
    for line in lines:
        if difference := _DIFFERENCE.match(line.text):
            values.setdefault(difference["word"], difference["value"])
    compared = ", ".join(f"{word.lower()} {value}" for word, value in values.items())
    text = first.text.strip()
    return (f"{text.partition(' // ')[0]}: {compared}" if compared else text), first.number


def parse_mocha(lines: Sequence[OutputLine], tree: TreePaths) -> Parsed:
    """mocha's `spec` report: a tree, then the failures by number, each under the names of its headings."""
    parsed = Parsed()
    counted = next((i for i, line in enumerate(lines) if _MOCHA_COUNT.match(line.text)), None)
    if counted is None:
        return parsed
    spec = SpecTree()
    for line in lines[:counted]:
        if test := spec.read(line.text):
            parsed.saw(BETWEEN.join(test[0]), test[1])
    block: _Block | None = None
    naming = False
    for line in lines[counted:]:
        parsed.claimed.add(line.number)
        if entry := _MOCHA.match(line.text):
            _close_mocha(block, tree, parsed)
            block, naming = _Block([entry["name"]], line.number, None), not entry["name"].endswith(":")
        elif block is not None and naming and line.text.strip():
            block.names.append(line.text.strip())
            naming = not line.text.rstrip().endswith(":") and len(block.names) < 30
        elif block is not None:
            block.lines.append(line)
    _close_mocha(block, tree, parsed)
    return parsed


def _close_mocha(block: _Block | None, tree: TreePaths, parsed: Parsed) -> None:
    if block is not None:
        case = BETWEEN.join(block.names).removesuffix(":")
        found = _finding(block, case, tree)
        parsed.saw(case, "failed", found.frames[0].file if found.frames else None)
        parsed.findings.append(found)


def parse_node_spec(lines: Sequence[OutputLine], tree: TreePaths) -> Parsed:
    """`node --test`: a tree of what ran, then the failing tests, each below its place."""
    parsed = Parsed()
    failing = next((i for i, line in enumerate(lines) if line.text == _NODE_FAILING), None)
    if failing is None:
        return parsed
    spec, names = SpecTree(), dict[str, list[str]]()
    for line in lines[:failing]:
        parsed.claimed.add(line.number)
        if line.text.lstrip().startswith(("▶", "✔", "✖", "﹣")) and (test := spec.read(line.text)):
            case = BETWEEN.join(test[0])
            parsed.saw(case, test[1])
            if test[1] == "failed":
                names.setdefault(test[0][-1], []).append(case)
    blocks: list[tuple[_Block, re.Match[str]]] = []
    for line in lines[failing + 1 :]:
        parsed.claimed.add(line.number)
        if place := _NODE_PLACE.match(line.text):
            blocks.append((_Block([], line.number, tree.known(place["path"])), place))
        elif blocks:
            blocks[-1][0].lines.append(line)
    for block, place in blocks:
        _close_node(block, place, names, tree, parsed)
    return parsed


def _close_node(
    block: _Block, place: re.Match[str], names: dict[str, list[str]], tree: TreePaths, parsed: Parsed
) -> None:
    head = SpecTree().read(block.lines[0].text) if block.lines else None
    name = head[0][-1] if head else "test"
    case = names[name].pop(0) if names.get(name) else name
    block.names = [name]
    block.lines = block.lines[1:]
    found = _finding(block, case, tree)
    if not found.frames:
        found = Finding(
            found.type, found.message, found.output_line, block.file, int(place["line"]), int(place["column"]), case
        )
    parsed.saw(case, "failed", block.file)
    parsed.findings.append(found)
