"""`go test`: plain, verbose and as JSON. What the Go compiler prints is read with the other compilers."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

from agentgate_engine.verify.finding import Finding, Parsed, Place, Verdict, placed
from agentgate_engine.verify.output_window import OutputLine
from agentgate_engine.verify.stack_frames import MAX_FRAMES, go_frame
from agentgate_engine.verify.tree_paths import TreePaths

_RESULT = re.compile(r"^(?P<indent> *)--- (?P<word>FAIL|PASS|SKIP): (?P<name>\S+) \(\d")
_RUN = re.compile(r"^=== (?:RUN|CONT|NAME|PAUSE) +(?P<name>\S+)$")
_LOG = re.compile(r"^ {4,}(?P<file>[^\s:]+\.go):(?P<line>\d+): ?(?P<message>.*)$")
_PACKAGE = re.compile(r"^(?P<word>ok|FAIL|\?) ? ?\t(?P<name>\S+)")
_PANIC = re.compile(r"^(?:panic|fatal error): (?P<message>\S.*?)(?: \[recovered(?:, repanicked)?\])?$")
_GOROUTINE = re.compile(r"^goroutine \d+ \[")
_TEST_FUNCTION = re.compile(r"\.(?P<name>Test[^\s.(]*|Fuzz[^\s.(]*)(?:\.func[\d.]+)?\(")
_TESTIFY = re.compile(r"^\s+Error:\s+(?P<message>\S.*)$")
_SAYS_WHY = re.compile(r"(?i)\bgot\b|\bwant|\bexpect|\berror|\bfail|\bunexpected|!=|\bmismatch|\bshould\b")
_VERDICTS: dict[str, Verdict] = {"FAIL": "failed", "PASS": "passed", "SKIP": "skipped"}


@dataclass(frozen=True, slots=True)
class _Log:
    file: str
    line: int
    message: str
    number: int


@dataclass(slots=True)
class _Panic:
    message: str
    number: int
    test: str | None
    frames: list[str] = field(default_factory=list[str])
    places: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])


@dataclass(slots=True)
class _Package:
    """What was printed before the line that names the package."""

    verdicts: dict[str, tuple[Verdict, int]] = field(default_factory=dict[str, tuple[Verdict, int]])
    logs: dict[str, list[_Log]] = field(default_factory=dict[str, list[_Log]])
    panics: list[_Panic] = field(default_factory=list[_Panic])


def parse_go(lines: Sequence[OutputLine], tree: TreePaths) -> Parsed:
    """One finding a failing test, one a panic. Ids are `import/path.TestName/subtest`."""
    parsed = Parsed()
    package, current = _Package(), ""
    panic: _Panic | None = None
    for line in _from_json(lines, parsed):
        text = line.text
        claim = True
        if result := _RESULT.match(text):
            current, panic = result["name"], None
            package.verdicts[current] = (_VERDICTS[result["word"]], line.number)
        elif run := _RUN.match(text):
            current = run["name"]
        elif ended := _PACKAGE.match(text):
            _close(package, ended["name"], tree, parsed)
            package, current, panic = _Package(), "", None
        elif panic is None and (found := _PANIC.match(text)):
            panic = _Panic(found["message"], line.number, current or None)
            package.panics.append(panic)
        elif panic is not None:
            claim = _in_panic(panic, text)
        elif current and (log := _LOG.match(text)):
            logs = package.logs.setdefault(current, [])
            if len(logs) < 50:
                logs.append(_Log(log["file"], int(log["line"]), log["message"], line.number))
        elif current and text.startswith("    "):
            _continues(package.logs.get(current), text)
        else:
            claim = False
        if claim:
            parsed.claimed.add(line.number)
    _close(package, None, tree, parsed)
    return parsed


def _from_json(lines: Sequence[OutputLine], parsed: Parsed) -> Sequence[OutputLine]:
    """`go test -json` as the text it wraps; other lines as they are."""
    plain: list[OutputLine] = []
    for line in lines:
        if not (line.text.startswith("{") and '"Action":' in line.text):
            plain.append(line)
            continue
        parsed.claimed.add(line.number)
        try:
            event: object = json.loads(line.text)
        except (ValueError, RecursionError):
            continue
        output = cast("dict[str, object]", event).get("Output") if isinstance(event, dict) else None
        if isinstance(output, str):
            plain += [OutputLine(line.number, text) for text in output.removesuffix("\n").split("\n")]
    return plain


def _in_panic(panic: _Panic, text: str) -> bool:
    if frame := go_frame(text):
        if len(panic.places) < MAX_FRAMES:
            panic.places.append(frame)
        return True
    if (function := _TEST_FUNCTION.search(text[:400])) and panic.test is None and not text[0].isspace():
        panic.test = function["name"]
    return True


def _continues(logs: list[_Log] | None, text: str) -> None:
    """testify prints its message below the place."""
    if logs and not logs[-1].message and (error := _TESTIFY.match(text)):
        last = logs[-1]
        logs[-1] = _Log(last.file, last.line, error["message"], last.number)


def _close(package: _Package, name: str | None, tree: TreePaths, parsed: Parsed) -> None:
    prefix = f"{name}." if name else ""
    for test, (verdict, number) in package.verdicts.items():
        log = _telling(package.logs.get(test, ())) if verdict == "failed" else None
        file = _resolved(log.file, name, tree) if log else None
        parsed.saw(prefix + test, verdict, file)
        crashed = any(panic.test == test for panic in package.panics)
        parent = any(other.startswith(test + "/") and v[0] == "failed" for other, v in package.verdicts.items())
        if log:
            at = [Place(file, log.line)] if file else []
            message = log.message or f"{test} failed"
            parsed.findings.append(placed("test_failed", message, log.number, at, case=prefix + test))
        elif verdict == "failed" and not crashed and not parent:
            parsed.findings.append(Finding("test_failed", f"{test} failed", number, case=prefix + test))
    for panic in package.panics:
        frames = [Place(path, line) for at, line in reversed(panic.places) if (path := tree.known(at))]
        case = prefix + panic.test if panic.test else None
        if case:
            parsed.saw(case, "failed", frames[0].file if frames else None)
        kind = "test_failed" if case else "runtime_error"
        parsed.findings.append(placed(kind, f"panic: {panic.message}", panic.number, frames, case=case))


def _telling(logs: Sequence[_Log]) -> _Log | None:
    """`t.Log` and `t.Error` print alike: the first that sounds like a failure, else the last, which ended the test."""
    return next((log for log in logs if _SAYS_WHY.search(log.message)), logs[-1] if logs else None)


def _resolved(file: str, package: str | None, tree: TreePaths) -> str | None:
    """Go names a test's file without its folder: the folder is the end of the package's path."""
    if known := tree.known(file):
        return known
    fitting = [
        path
        for path in tree.by_name.get(posixpath.basename(file), ())
        if package and f"/{package}/".endswith(f"/{posixpath.dirname(path)}/")
    ]
    return max(fitting, key=len, default=None)
