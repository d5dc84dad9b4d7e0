"""Reports that tools print as JSON: eslint, ruff, pyright, mypy, gcc, cargo, jest, vitest, and SARIF."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from agentgate_engine.verify.finding import Finding, Parsed, Place, Verdict, placed
from agentgate_engine.verify.json_values import at, decoded, mapping, number, sequence, text
from agentgate_engine.verify.output_window import OutputLine
from agentgate_engine.verify.parse_jest import failure_message
from agentgate_engine.verify.parse_sarif import sarif_findings
from agentgate_engine.verify.stack_frames import frames_in
from agentgate_engine.verify.tree_paths import TreePaths

MAX_FOUND = 1000

_CODE = re.compile(r"^[A-Z]+\d+:? ")
_RULE = re.compile(r"(?: {2}\[[^\]]*\]| \([^)]*\))$")
_VERDICTS: dict[str, Verdict] = {"passed": "passed", "failed": "failed"}
_LINE_MARKS = ('"severity":', '"level":', '"location":', '"reason":"compiler-message"')


def parse_json(lines: Sequence[OutputLine], whole: str, tree: TreePaths) -> Parsed:
    """What a JSON document in `whole` (all that was printed; "" when it was too much) says, or JSON lines say."""
    parsed = Parsed()
    for value, number_of, claimed in _documents(lines, whole):
        found = _read(value, tree, parsed)
        parsed.findings += [replace(each, output_line=number_of(each.message)) for each in found[:MAX_FOUND]]
        if found or parsed.cases:
            parsed.claimed |= claimed
    return parsed


def _documents(lines: Sequence[OutputLine], whole: str) -> Iterator[tuple[object, Callable[[str], int], set[int]]]:
    """(value, line of a message in it, its lines). The document may stand below what a script runner printed."""
    raw = whole.split("\n") if whole else []
    starts = [line for line in lines if line.text[:1] in ("{", "[")]
    alone = False
    for line in starts[:MAX_FOUND]:
        unclipped = raw[line.number - 1] if line.number <= len(raw) else line.text
        if line_object(unclipped.rstrip("\r")) and (value := decoded(unclipped)):
            alone = True
            yield value, lambda _, line=line.number: line, {line.number}
    for line in [] if alone else starts[:3]:
        value = _first_value("\n".join(raw[line.number - 1 :]))
        if isinstance(value, dict | list):
            below = [each for each in lines if each.number >= line.number]
            yield value, _finder(below), {each.number for each in below}
            return


def line_object(line: str) -> bool:
    """Whether a line may be a report of its own (mypy, ruff and cargo print one a line)."""
    return line.startswith("{") and line.endswith("}") and any(mark in line for mark in _LINE_MARKS)


def _first_value(document: str) -> object:
    """The first value of a document; what follows it, such as the words of a script runner, is not its own."""
    try:
        return json.JSONDecoder().raw_decode(document)[0]
    except (ValueError, RecursionError):
        return None


def _finder(lines: Sequence[OutputLine]) -> Callable[[str], int]:
    """The line in which a message stands, looked for from the last one found on; else the first line."""
    position = 0

    def find(message: str) -> int:
        nonlocal position
        quoted = [
            json.dumps(part, ensure_ascii=ascii)[1:-1]
            for part in dict.fromkeys((message, _without_rule(message), message.partition(" ")[2] or message))
            for ascii in (True, False)
        ]
        for i in range(position, len(lines)):
            if any(each in lines[i].text for each in quoted):
                position = i
                return lines[i].number
        return lines[position].number

    return find


def _without_rule(message: str) -> str:
    """A message as the tool wrote it: without the severity or code put before it, and the rule put behind it."""
    message = message.removeprefix("error: ").removeprefix("warning: ")
    if _CODE.match(message):
        message = message.partition(" ")[2]
    return _RULE.sub("", message)


def _read(value: object, tree: TreePaths, parsed: Parsed) -> list[Finding]:
    if mapping(value).get("runs") is not None:
        return list(sarif_findings(value, tree))
    if "testResults" in mapping(value):
        return _jest(value, tree, parsed)
    if "generalDiagnostics" in mapping(value):
        entries = sequence(at(value, "generalDiagnostics"))
        return [said for entry in entries if (said := _pyright(entry, tree))]
    entries = sequence(value) or sequence(at(value, "results")) or [value]
    found: list[Finding] = []
    for entry in entries:
        found += _eslint(entry, tree)
        found += [single for read in _SINGLE if (single := read(entry, tree))][:1]
    return found


def _finding(
    message: str, path: str, line: int | None, column: int | None, tree: TreePaths, *, error: bool
) -> Finding | None:
    file = tree.relative(path) if path else None
    if not message or (path and file is None):
        return None
    kind, strength = ("build_error", "strong") if error else ("warning", "warning")
    return Finding(kind, message, 1, file, line, column, strength=strength)


def _eslint(entry: object, tree: TreePaths) -> list[Finding]:
    found: list[Finding] = []
    for each in sequence(at(entry, "messages")):
        rule = text(at(each, "ruleId"))
        message = text(at(each, "message")) + (f"  [{rule}]" if rule else "")
        place = number(at(each, "line")), number(at(each, "column"))
        made = _finding(message, text(at(entry, "filePath")), *place, tree, error=at(each, "severity") == 2)
        found += [made] if made else []
    return found


def _ruff(entry: object, tree: TreePaths) -> Finding | None:
    where = at(entry, "location")
    if at(where, "row") is None:
        return None
    message = " ".join(filter(None, (text(at(entry, "code")), text(at(entry, "message")))))
    path = text(at(entry, "filename"))
    return _finding(message, path, number(at(where, "row")), number(at(where, "column")), tree, error=True)


def _gitlab(entry: object, tree: TreePaths) -> Finding | None:
    where = at(entry, "location")
    begin = at(where, "positions", "begin")
    line = number(at(begin, "line")) or number(at(where, "lines", "begin"))
    if at(entry, "fingerprint") is None:
        return None
    path = text(at(where, "path"))
    return _finding(text(at(entry, "description")), path, line, number(at(begin, "column")), tree, error=True)


def _mypy(entry: object, tree: TreePaths) -> Finding | None:
    severity, column = at(entry, "severity"), at(entry, "column")
    if severity != "error" or at(entry, "file") is None:
        return None
    code = text(at(entry, "code"))
    message = f"error: {text(at(entry, 'message'))}" + (f"  [{code}]" if code else "")
    column = column + 1 if isinstance(column, int) else None
    return _finding(message, text(at(entry, "file")), number(at(entry, "line")), number(column), tree, error=True)


def _pyright(entry: object, tree: TreePaths) -> Finding | None:
    start, severity = at(entry, "range", "start"), text(at(entry, "severity"))
    if severity not in ("error", "warning"):
        return None
    rule = text(at(entry, "rule"))
    message = f"{severity}: {text(at(entry, 'message')).partition(chr(10))[0]}" + (f" ({rule})" if rule else "")
    line, column = at(start, "line"), at(start, "character")
    place = [number(each + 1) if isinstance(each, int) else None for each in (line, column)]
    return _finding(message, text(at(entry, "file")), place[0], place[1], tree, error=severity == "error")


def _gcc(entry: object, tree: TreePaths) -> Finding | None:
    kind = text(at(entry, "kind"))
    if kind not in ("error", "fatal error", "warning"):
        return None
    caret = next((at(each, "caret") for each in sequence(at(entry, "locations"))), None)
    place = number(at(caret, "line")), number(at(caret, "column"))
    message = f"{kind}: {text(at(entry, 'message'))}"
    return _finding(message, text(at(caret, "file")), *place, tree, error=kind != "warning")


def _rustc(entry: object, tree: TreePaths) -> Finding | None:
    """A `compiler-message` of cargo, or what rustc itself prints with `--error-format json`."""
    said = at(entry, "message") if mapping(at(entry, "message")) else entry
    level, spans = text(at(said, "level")), sequence(at(said, "spans"))
    message = text(at(said, "message"))
    if level not in ("error", "warning") or at(said, "spans") is None or message.startswith("aborting due"):
        return None
    span = next((each for each in spans if at(each, "is_primary")), None)
    code = text(at(said, "code", "code"))
    message = f"{level}{f'[{code}]' if code else ''}: {message}"
    place = number(at(span, "line_start")), number(at(span, "column_start"))
    return _finding(message, text(at(span, "file_name")), *place, tree, error=level == "error")


_SINGLE = (_ruff, _gitlab, _mypy, _gcc, _rustc)


def _jest(value: object, tree: TreePaths, parsed: Parsed) -> list[Finding]:
    found: list[Finding] = []
    vitest = "numRuntimeErrorTestSuites" not in mapping(value)
    for suite in sequence(at(value, "testResults")):
        path = text(at(suite, "name"))
        file = tree.relative(path) or path
        tests = sequence(at(suite, "assertionResults"))
        for test in tests:
            names = [file, *map(text, sequence(at(test, "ancestorTitles"))), text(at(test, "title"))]
            case = (" > " if vitest else " › ").join(name for name in names if name)
            verdict = _VERDICTS.get(text(at(test, "status")), "skipped")
            parsed.saw(case, verdict, file)
            said = next((text(each) for each in sequence(at(test, "failureMessages"))), "")
            if verdict == "failed":
                found.append(_failure(said or f"{case} failed", case, file, tree))
        if not tests and text(at(suite, "status")) == "failed":
            parsed.saw(file, "failed", file)
            found.append(_failure(text(at(suite, "message")) or "the file could not be run", file, file, tree))
    return found


def _failure(said: str, case: str, file: str, tree: TreePaths) -> Finding:
    lines = [OutputLine(i, each) for i, each in enumerate(said.split("\n")[:200], 1)]
    frames: Sequence[Place] = frames_in(lines, tree)
    message, _ = failure_message(lines) or (said, 1)
    return placed("test_failed", message, 1, frames, case=case, otherwise=file)
