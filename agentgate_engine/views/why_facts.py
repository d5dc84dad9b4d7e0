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
from agentgate_engine.models.verification import Check, CheckStatus, PersistedVerificationReport
from agentgate_engine.store.run_evidence import RunEvidence
from agentgate_engine.verify.error_lines import is_error_line
from agentgate_engine.views import wording
from agentgate_engine.views.safe_text import SafeText, sanitize

_BEFORE, _AFTER = 6, 14
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
    """Lines of a file around a failure. `first` is the number of the first one, `marked` of the failing one, from 1."""

    path: str
    name: SafeText
    first: int
    marked: int | None
    lines: tuple[SafeText, ...]

    @classmethod
    def empty(cls) -> Window:
        return cls("", sanitize(""), 1, None, ())


ReadLines = Callable[[Path, int, int], list[bytes]]


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


def output_of_check(directory: Path, check: Check, read_lines: ReadLines) -> Window:
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
            tuple(sanitize(line) for line in (check.details or "").splitlines()),
        )
    return _around(directory / log, log, marked, read_lines)


def error_tail(directory: Path, agent: PersistedAgentResult, read_lines: ReadLines) -> Window:
    """The end of what the agent said: its stderr where there is any, else its transcript."""
    if agent.stderr.strip():
        return _around(directory / agent.stderr_log, agent.stderr_log, None, read_lines, tail=True)
    path = directory / agent.transcript_file
    lines = read_lines(path, 1, 1_000_000)
    first = max(1, len(lines) - _AFTER + 1)
    shown = tuple(_transcript_text(line) for line in lines[first - 1 :])
    return Window(str(path), sanitize(agent.transcript_file), first, None, shown)


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


def _around(path: Path, name: str, marked: int | None, read_lines: ReadLines, *, tail: bool = False) -> Window:
    if marked is None:
        lines = read_lines(path, 1, 20_000)
        errors = [number for number, line in enumerate(lines, 1) if is_error_line(line.decode(errors="replace"))]
        marked = None if not errors else errors[-1] if tail else errors[0]
        centre = marked if marked is not None else len(lines)
    else:
        centre = marked
    first = max(1, centre - _BEFORE)
    shown = read_lines(path, first, _BEFORE + _AFTER)
    return Window(str(path), sanitize(name), first, marked, tuple(sanitize(line) for line in shown))


def snapshot_of(evidence: RunEvidence, iteration: int) -> Snapshot | None:
    """What an iteration left, or None while it has no snapshot."""
    for event in reversed(evidence.events):
        if event.type is EventType.SNAPSHOT_CREATED and event.iteration == iteration:
            payload = parse_payload(event)
            return payload.snapshot if isinstance(payload, SnapshotCreated) else None
    return None
