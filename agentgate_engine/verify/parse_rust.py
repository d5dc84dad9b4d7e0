"""`cargo test` and panics of Rust programs. What rustc prints is read with the other compilers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from agentgate_engine.verify.finding import Finding, Parsed, Place, Verdict
from agentgate_engine.verify.output_window import OutputLine
from agentgate_engine.verify.stack_frames import frames_in
from agentgate_engine.verify.tree_paths import TreePaths

_TEST = re.compile(r"^test (?P<name>\S+)(?: - should panic)? \.\.\. (?P<word>ok|FAILED|ignored)\b")
_QUIET = re.compile(r"^(?P<name>[\w:]+) --- FAILED$")
_SECTION = re.compile(r"^---- (?P<name>\S+)(?: \(line \d+\))? stdout ----$")
_PANICKED = re.compile(r"^thread '(?P<thread>[^']*)'(?: \(\d+\))? panicked at (?P<rest>\S.*)$")
_PLACE = re.compile(r"^(?P<path>[^\s:']+\.rs):(?P<line>\d+):(?P<column>\d+):?$")
_OLD = re.compile(r"^'(?P<message>.*)', (?P<path>[^\s:']+\.rs):(?P<line>\d+):(?P<column>\d+)$")
_NO_PANIC = re.compile(r"^note: (?P<message>test did not panic as expected)(?: at (?P<at>\S+))?$")
_COMPARED = re.compile(r"^ *(?P<side>left|right): (?P<value>.+)$")
_VERDICTS: dict[str, Verdict] = {"ok": "passed", "ignored": "skipped"}


@dataclass(slots=True)
class _Block:
    """What a failing test printed, or a panic outside of tests."""

    case: str | None
    lines: list[OutputLine] = field(default_factory=list[OutputLine])


def parse_rust(lines: Sequence[OutputLine], tree: TreePaths) -> Parsed:
    """One finding a failing test, and one a panic outside of tests."""
    parsed = Parsed()
    block: _Block | None = None
    for line in lines:
        text = line.text
        test = _TEST.match(text) or _QUIET.match(text)
        if test:
            parsed.saw(test["name"], _VERDICTS.get(test.groupdict().get("word") or "FAILED", "failed"))
        elif section := _SECTION.match(text):
            _close(block, tree, parsed)
            block = _Block(section["name"])
        elif text in ("failures:", "successes:") or text.startswith("test result: "):
            _close(block, tree, parsed)
            block = None
        elif block is None and _PANICKED.match(text):
            block = _Block(None, [line])
        elif block is not None:
            block.lines.append(line)
        if test or block is not None:
            parsed.claimed.add(line.number)
    _close(block, tree, parsed)
    return parsed


def _close(block: _Block | None, tree: TreePaths, parsed: Parsed) -> None:
    if block is None:
        return
    found = _panic(block, tree) or _result(block, tree)
    if block.case:
        parsed.saw(block.case, "failed", found.file)
    parsed.findings.append(found)


def _panic(block: _Block, tree: TreePaths) -> Finding | None:
    for i, line in enumerate(block.lines):
        panicked = _PANICKED.match(line.text)
        if panicked is None:
            continue
        rest, after = panicked["rest"], block.lines[i + 1 :]
        place = _PLACE.match(rest) or _OLD.match(rest)
        old = place is not None and place.re is _OLD
        message = place["message"] if place and old else _message(after) or rest
        return _at(block, place, message, line.number, after, tree)
    return None


def _message(lines: Sequence[OutputLine]) -> str:
    first = lines[0].text.strip() if lines else ""
    sides = [f"{side['side']} {side['value']}" for line in lines[1:4] if (side := _COMPARED.match(line.text))]
    return f"{first}: {', '.join(sides)}" if first and sides else first


def _at(
    block: _Block, place: re.Match[str] | None, message: str, number: int, after: Sequence[OutputLine], tree: TreePaths
) -> Finding:
    kind = "test_failed" if block.case else "runtime_error"
    frames = list(frames_in(after, tree))
    file = tree.known(place["path"]) if place else None
    if place and file:
        at = Place(file, int(place["line"]), int(place["column"]))
        frames = frames if frames and frames[-1] == at else [*frames, at]
    last = frames[-1] if frames else None
    return Finding(
        kind,
        message,
        number,
        last.file if last else None,
        last.line if last else None,
        last.column if last else None,
        block.case,
        tuple(frames),
    )


def _result(block: _Block, tree: TreePaths) -> Finding:
    """A test that returned an error, or did not panic when it should have."""
    for line in block.lines:
        if missing := _NO_PANIC.match(line.text):
            place = _PLACE.match(missing["at"] or "")
            return _at(block, place, missing["message"], line.number, (), tree)
        if line.text.startswith("Error: "):
            return Finding("test_failed", line.text, line.number, case=block.case)
    number = block.lines[0].number if block.lines else 1
    return Finding("test_failed", f"{block.case or 'the test'} failed", number, case=block.case)
