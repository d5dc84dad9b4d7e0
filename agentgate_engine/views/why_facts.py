"""The parts that an answer to `why` is made of."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from agentgate_engine.models.agent_result import PersistedAgentResult
from agentgate_engine.models.event_type import EventType
from agentgate_engine.models.events import SnapshotCreated, parse_payload
from agentgate_engine.models.snapshot import Snapshot
from agentgate_engine.models.verification import Check, CheckStatus, Diagnostic, PersistedVerificationReport
from agentgate_engine.store.run_evidence import RunEvidence
from agentgate_engine.verify.error_lines import is_error_line
from agentgate_engine.views import wording
from agentgate_engine.views.safe_text import SafeText, sanitize

_BEFORE, _AFTER = 6, 14
_SEARCHED, _SEARCHED_AT_END = 20_000, 2_000
LEVELS = ("L0", "L1", "L2", "L3")


@dataclass(frozen=True, slots=True)
class Fact:
    """A numbered fact. `goes_to` names where enter leads: `log:N`, `tool:N:id`, `tools:N`, `diff:N`, `feedback:N`,
    `check:ID`, `events` or `prompt`."""

    number: int
    key: str
    lines: tuple[SafeText, ...]
    goes_to: str

    @classmethod
    def of(cls, key: str, lines: list[str], goes_to: str) -> Fact:
        """A fact without its number yet; every line is made safe, and kept to one line."""
        return cls(0, key, tuple(sanitize(line.replace("\n", " ")) for line in lines), goes_to)


@dataclass(frozen=True, slots=True)
class Window:
    """Lines of a file around a failure. `first` is the number of the first one, `marked` of the failing one, from 1.

    `numbered` is false where the file is too long to be counted: then the lines count from the first that is shown.
    """

    path: str
    name: SafeText
    first: int
    marked: int | None
    lines: tuple[SafeText, ...]
    numbered: bool = True

    @classmethod
    def empty(cls) -> Window:
        return cls("", sanitize(""), 1, None, ())


@dataclass(frozen=True, slots=True)
class LogReaders:
    """How logs are read: views touch no files themselves.

    `lines` gives (file, first line from 1, how many) -> those lines, fewer when the file ends; `last` gives (file, how
    many) -> the number of the first of the last lines, None where nobody counted, and these.
    """

    lines: Callable[[Path, int, int], list[bytes]]
    last: Callable[[Path, int], tuple[int | None, list[bytes]]]


def diagnostic_lines(check: Check) -> list[str]:
    """What the first diagnostic of a check says, expected and actual below each other; and the next one, if any."""
    if not check.diagnostics:
        return []
    first, *others = check.diagnostics
    told = _with_place(first)
    lines = [told] if told != check.message else []
    if first.expected is not None or first.actual is not None:
        lines += [f"expected: {first.expected or ''}", f"actual:   {first.actual or ''}"]
    if others:
        more = f"; {len(others) - 1} more" if len(others) > 1 else ""
        lines.append(f"also: {_with_place(others[0])}{more}")
    return lines


def _with_place(found: Diagnostic) -> str:
    place = f"{found.file}:{found.line}" if found.file and found.line else found.file
    return f"{found.message}   {place}" if place else found.message


def level_cells(
    report: PersistedVerificationReport | None, signs: str
) -> tuple[tuple[str, wording.Shown, SafeText], ...]:
    """(level, state, a few words) for each level; from the signs of the run while there is no report."""
    if report is None:
        return tuple(
            (name, wording.of_level_glyph(sign), sanitize("")) for name, sign in zip(LEVELS, signs, strict=False)
        )
    cells: list[tuple[str, wording.Shown, SafeText]] = []
    for level in report.levels:
        failed = sum(1 for check in level.checks if check.status is CheckStatus.FAILED)
        if level.status is CheckStatus.NOT_RUN:
            words = "not run"
        elif failed:
            words = f"{failed} of {len(level.checks)} failed, {wording.duration(level.duration)}"
        else:
            words = f"{wording.plural(len(level.checks), 'check')}, {wording.duration(level.duration)}"
        cells.append((level.level.value, wording.of_check(level.status.value), sanitize(words)))
    return tuple(cells)


def output_of_check(directory: Path, check: Check, readers: LogReaders) -> Window:
    """The output around the first diagnostic whose line is known, else around the first error line of the tail."""
    found = next((d for d in check.diagnostics if d.output_line), None)
    marked = found.output_line if found else None
    if found is not None:
        log = check.stderr_log if found.stream == "stderr" else check.stdout_log
    else:
        log = check.stdout_log if check.stdout.strip() else check.stderr_log or check.stdout_log
    if log is None:
        return Window(
            "",
            sanitize(check.message or ""),
            1,
            None,
            tuple(sanitize(line) for line in [*(check.details or "").splitlines(), *check.stdout.splitlines()]),
        )
    return _around(directory / log, log, marked, readers)


def error_tail(directory: Path, agent: PersistedAgentResult, readers: LogReaders) -> Window:
    """The end of what the agent said: its stderr where there is any, else its transcript."""
    if agent.stderr.strip():
        return _end(directory / agent.stderr_log, agent.stderr_log, readers)
    path = directory / agent.transcript_file
    first, lines = readers.last(path, _AFTER)
    shown = tuple(_transcript_text(line) for line in lines)
    return Window(str(path), sanitize(agent.transcript_file), first or 1, None, shown, first is not None)


def _transcript_text(line: bytes) -> SafeText:
    try:
        found: object = json.loads(line)
    except ValueError:
        return sanitize(line)
    text = cast("dict[str, object]", found).get("text") if isinstance(found, dict) else None
    return sanitize(text if isinstance(text, str) else line)


def last_words(agent: PersistedAgentResult) -> str:
    """The last thing the agent said, clipped to a line."""
    text = agent.result_text or (agent.messages[-1].text if agent.messages else "")
    flat = " ".join(text.split())
    return flat if len(flat) <= 160 else flat[:159] + "…"


def _around(path: Path, name: str, marked: int | None, readers: LogReaders) -> Window:
    """Around the line `marked`, else the first error line; without one the end."""
    if marked is None:
        lines = readers.lines(path, 1, _SEARCHED)
        marked = next((number for number, line in enumerate(lines, 1) if _is_error(line)), None)
        if marked is None:
            return _end(path, name, readers)
    first = max(1, marked - _BEFORE)
    shown = readers.lines(path, first, _BEFORE + _AFTER)
    return Window(str(path), sanitize(name), first, marked, tuple(sanitize(line) for line in shown))


def _end(path: Path, name: str, readers: LogReaders) -> Window:
    """Around the last error line near the end, else the very end."""
    known, lines = readers.last(path, _SEARCHED_AT_END)
    first = known or 1
    marked = next((at for at in range(len(lines) - 1, -1, -1) if _is_error(lines[at])), None)
    full = len(lines) - _BEFORE - _AFTER
    begin = max(0, full if marked is None else min(full, marked - _BEFORE))
    shown = tuple(sanitize(line) for line in lines[begin : begin + _BEFORE + _AFTER])
    at = None if marked is None else first + marked
    return Window(str(path), sanitize(name), first + begin, at, shown, known is not None)


def _is_error(line: bytes) -> bool:
    return is_error_line(line.decode(errors="replace"))


def snapshot_of(evidence: RunEvidence, iteration: int) -> Snapshot | None:
    """What an iteration left, or None while it has no snapshot."""
    if iteration in evidence.snapshots:
        return evidence.snapshots[iteration]
    for event in reversed(evidence.events):
        if event.type is EventType.SNAPSHOT_CREATED and event.iteration == iteration:
            payload = parse_payload(event)
            return payload.snapshot if isinstance(payload, SnapshotCreated) else None
    return None
