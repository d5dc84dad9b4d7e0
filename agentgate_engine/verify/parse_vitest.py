"""vitest, and TAP (vitest, the runner of Node, and others)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from agentgate_engine.verify.finding import Finding, Parsed, Place, Verdict, placed
from agentgate_engine.verify.output_window import OutputLine
from agentgate_engine.verify.stack_frames import frames_in, javascript_frame
from agentgate_engine.verify.tree_paths import TreePaths

_HEADING = re.compile(r"^ FAIL  (?:\|[^|]*\| )?(?P<file>\S[^>\[]*?)(?: > (?P<test>\S.*)| \[ [^\]]* \])$")
_RULER = re.compile(r"^⎯{4,}")
_VERBOSE = re.compile(r"^ (?P<mark>[✓×↓]) (?:\|[^|]*\| )?(?P<test>\S[^>]*? > \S.*?)(?: \d+ms)?$")
_NOTHING = re.compile(r"^No test files found, exiting with code \d")
_CONFIG = re.compile(r"^failed to load config from (?P<path>\S.*)$")
_PLUGIN_PLACE = re.compile(r"^  File: (?P<path>[^:]+):(?P<line>[1-9]\d*):\d+$")
_MARKS: dict[str, Verdict] = {"✓": "passed", "×": "failed", "↓": "skipped"}

_TAP = re.compile(r"^(?P<indent> *)(?P<not>not )?ok \d+ (?:- )?(?P<name>\S.*)$")
_SUBTEST = re.compile(r"^(?P<indent> *)# Subtest: (?P<name>\S.*)$")
_TAP_KEY = re.compile(r"^ *(?P<key>error|message|at|location|failureType|name): ?(?P<value>.*)$")
_TAP_TIME = re.compile(r" # time=[\d.]+ms(?P<open> \{)?$")


def parse_vitest(lines: Sequence[OutputLine], tree: TreePaths) -> Parsed:
    """One finding a failing test. Ids are `file > heading > test`, as vitest itself prints them.

    Tests that fail with the same error share one block: their headings stand above it, one below the other.
    """
    parsed = Parsed()
    heads: list[tuple[re.Match[str], int]] = []
    block: list[OutputLine] = []
    config: str | None = None
    for line in lines:
        text = line.text
        if heading := _HEADING.match(text):
            if block:
                _close(heads, block, tree, parsed)
                heads, block = [], []
            heads.append((heading, line.number))
            parsed.claimed.add(line.number)
        elif heads and _RULER.match(text):
            _close(heads, block, tree, parsed)
            heads, block = [], []
        elif heads:
            block.append(line)
            parsed.claimed.add(line.number)
        elif verbose := _VERBOSE.match(text):
            printed, _, test = verbose["test"].partition(" > ")
            file = tree.relative(printed) or printed
            parsed.saw(f"{file} > {test}", _MARKS[verbose["mark"]], file)
            parsed.claimed.add(line.number)
        elif _NOTHING.match(text):
            parsed.findings.append(Finding("error", text, line.number))
        elif found := _CONFIG.match(text):
            config = tree.known(found["path"])
            parsed.findings.append(Finding("error", text, line.number, config, strength="strong" if config else "weak"))
    _close(heads, block, tree, parsed)
    return parsed


def _close(
    heads: Sequence[tuple[re.Match[str], int]], block: Sequence[OutputLine], tree: TreePaths, parsed: Parsed
) -> None:
    said = next((line for line in block if line.text.strip()), None)
    frames = frames_in(block, tree) or [
        Place(path, int(place["line"]))
        for line in block
        if (place := _PLUGIN_PLACE.match(line.text)) and (path := tree.known(place["path"]))
    ]
    for heading, number in heads:
        file = tree.relative(heading["file"]) or heading["file"]
        case = f"{file} > {heading['test']}" if heading["test"] else file
        parsed.saw(case, "failed", file)
        message, at = (said.text.strip(), said.number) if said else (f"{case} failed", number)
        parsed.findings.append(placed("test_failed", message, at, frames, case=case, otherwise=file))


@dataclass(slots=True)
class _Tap:
    """A `not ok` line and the notes below it."""

    case: str
    line: OutputLine
    notes: list[OutputLine] = field(default_factory=list[OutputLine])
    reading: bool = False


def parse_tap(lines: Sequence[OutputLine], tree: TreePaths) -> Parsed:
    """Test Anything Protocol. A test that failed because of its subtests is no failure of its own."""
    parsed = Parsed()
    open_names: list[tuple[int, str]] = []
    failed: _Tap | None = None
    if not any(line.text.startswith("TAP version") for line in lines[:200]):
        return parsed
    for line in lines:
        text = line.text
        parsed.claimed.add(line.number)
        if failed and text.strip() == "---":
            failed.reading = True
        elif failed and failed.reading and text.strip() != "...":
            failed.notes.append(line)
        elif failed and failed.reading:
            _close_tap(failed, tree, parsed)
            failed = None
        elif found := _SUBTEST.match(text):
            _enter(open_names, len(found["indent"]), found["name"])
        elif test := _TAP.match(text):
            if failed:
                _close_tap(failed, tree, parsed)
            failed = _test(test, line, open_names, parsed)
    if failed:
        _close_tap(failed, tree, parsed)
    return parsed


def _test(test: re.Match[str], line: OutputLine, open_names: list[tuple[int, str]], parsed: Parsed) -> _Tap | None:
    indent, name = len(test["indent"]), test["name"]
    timed = _TAP_TIME.search(name[-40:])
    if timed:
        name = name.removesuffix(timed[0])
    if timed and timed["open"]:
        _enter(open_names, indent, name)
        return None
    skipped = " # SKIP" in name or " # TODO" in name
    name = name.partition(" # SKIP")[0].partition(" # TODO")[0]
    case = " > ".join([heading for at, heading in open_names if at < indent] + [name])
    if test["not"] and not skipped:
        return _Tap(case, line)
    parsed.saw(case, "skipped" if skipped else "passed")
    return None


def _enter(open_names: list[tuple[int, str]], indent: int, name: str) -> None:
    while open_names and open_names[-1][0] >= indent:
        open_names.pop()
    if len(open_names) < 30:
        open_names.append((indent, name))


def _close_tap(tap: _Tap, tree: TreePaths, parsed: Parsed) -> None:
    values: dict[str, str] = {}
    for i, note in enumerate(tap.notes):
        if key := _TAP_KEY.match(note.text):
            value = key["value"].strip()
            if value in ("|-", "|", ">-"):
                value = next((after.text.strip() for after in tap.notes[i + 1 :][:20] if after.text.strip()), "")
            values.setdefault(key["key"], value.strip("'\""))
    if values.get("failureType") == "subtestsFailed":
        return
    frames = list(frames_in(tap.notes, tree))
    where = [f for each in ("at", "location") if (f := javascript_frame(values.get(each, ""))) and tree.known(f[0])]
    if not frames and where:
        frames = [Place(tree.known(where[0][0]) or "", where[0][1], where[0][2])]
    message = values.get("error") or values.get("message") or tap.line.text.strip()
    if name := values.get("name"):
        message = f"{name}: {message}"
    number = next((note.number for note in tap.notes if message.rpartition(": ")[2] in note.text), tap.line.number)
    file = frames[0].file if frames else None
    parsed.saw(tap.case, "failed", file)
    parsed.findings.append(placed("test_failed", message, number, frames, case=tap.case))
