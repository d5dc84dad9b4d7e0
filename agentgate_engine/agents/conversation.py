"""The account of one agent call: facts go in as a parser finds them, observations and records come out.

Every parser of structured output keeps one of these, so that ids, times, limits and the closing of open tool calls are
decided in one place.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import Literal

from pydantic import JsonValue

from agentgate_engine.agents.driver import Line, Observation, Said, ToolFinished, ToolStarted
from agentgate_engine.agents.json_line import canonical
from agentgate_engine.agents.line_splitter import RawLine
from agentgate_engine.clock import to_stamp
from agentgate_engine.models.agent_result import MessageNote, ToolCall, ToolKind, TouchedPath
from agentgate_engine.models.line_kind import LineKind
from agentgate_engine.models.transcript import TEXT_LIMIT

PAYLOAD_LIMIT = 64 << 10
"""Characters of a tool call's input (as JSON) and of its output kept in its record; the raw log has the whole."""

PLAIN_KEEP = 4 * TEXT_LIMIT + 4
"""Bytes of a line of plain text worth holding: enough for `TEXT_LIMIT` characters of any encoding."""

_LINES_LIMIT = 5000
_HEADLINE = 240
_ID_LIMIT = 200
_KINDS_LIMIT = 100

Stream = Literal["stdout", "stderr"]
Raw = tuple[int, int]


@dataclass(slots=True)
class _Call:
    id: str
    tool: str
    kind: ToolKind
    input: JsonValue
    fingerprint: str
    paths: tuple[TouchedPath, ...]
    began: float
    times_from: Literal["agent", "arrival"]
    ended: float | None = None
    output: str | None = None
    output_bytes: int = 0
    exit_code: int | None = None
    is_error: bool = False
    closed_by: Literal["agent", "end_of_run"] | None = None

    def record(self) -> ToolCall:
        return ToolCall(
            id=self.id,
            tool=self.tool,
            kind=self.kind,
            input=self.input,
            output=self.output,
            output_bytes=self.output_bytes,
            exit_code=self.exit_code,
            is_error=self.is_error,
            started_at=to_stamp(self.began),
            ended_at=None if self.ended is None else to_stamp(self.ended),
            duration_ms=self.duration_ms,
            times_from=self.times_from,
            paths=list(self.paths),
            fingerprint=self.fingerprint,
            closed_by=self.closed_by,
        )

    @property
    def duration_ms(self) -> int | None:
        return None if self.ended is None else max(0, round((self.ended - self.began) * 1000))


class Conversation:
    """What was said and done so far. `transcript_seq` of a message counts the lines of this call from 0."""

    def __init__(self) -> None:
        self.unknown: Counter[str] = Counter()
        self._lines = 0
        self._messages: list[MessageNote] = []
        self._calls: list[_Call] = []
        self._by_id: dict[str, _Call] = {}
        self._ids: set[str] = set()

    def output(self, line: RawLine, t: float, kind: LineKind, stream: Stream = "stdout") -> list[Observation]:
        """A line that means only itself."""
        text, cut = shown(line.data[:PLAIN_KEEP].decode("utf-8", errors="replace"))
        self._lines += 1
        return [Line(kind, text, line.raw, t, stream, cut=cut or not line.is_whole)]

    def text(
        self, kind: LineKind, text: str, raw: Raw, t: float, *, tool: str | None = None, is_error: bool = False
    ) -> list[Observation]:
        """Text that an event carried, a transcript line for each of its lines."""
        lines = text.removesuffix("\n").split("\n", _LINES_LIMIT)
        if len(lines) > _LINES_LIMIT:
            left = lines.pop().count("\n") + 1
            lines.append(f"... {left} more lines stand in the raw log")
        self._lines += len(lines)
        observed: list[Observation] = []
        for part in lines:
            kept, cut = shown(part)
            observed.append(Line(kind, kept, raw, t, tool=tool, is_error=is_error, cut=cut))
        return observed

    def message(self, role: str, text: str, raw: Raw, t: float, *, tool: str | None = None) -> list[Observation]:
        """Something said. Blank text is nothing said."""
        if not text.strip():
            return []
        first = headline(text)
        index = len(self._messages)
        note = MessageNote(index=index, t=to_stamp(t), role=role, transcript_seq=self._lines, text=first)
        self._messages.append(note)
        return [Said(index, role, first), *self.text(LineKind.MESSAGE, text, raw, t, tool=tool)]

    def notice(
        self, text: str, raw: Raw, t: float, *, tool: str | None = None, is_error: bool = False
    ) -> list[Observation]:
        """Something that the agent program, not the model, has to tell."""
        return self.text(LineKind.NOTICE, text, raw, t, tool=tool, is_error=is_error)

    def unknown_event(self, name: str, raw: Raw, t: float) -> list[Observation]:
        """Counts an event that the parser does not know; the first of each kind is shown."""
        key = shown(name)[0][:64]
        if key not in self.unknown and len(self.unknown) >= _KINDS_LIMIT:
            key = "(more kinds)"
        self.unknown[key] += 1
        return self.notice(f"unknown event: {key}", raw, t) if self.unknown[key] == 1 else []

    def tool_started(
        self,
        given_id: str,
        tool: str,
        kind: ToolKind,
        tool_input: JsonValue,
        raw: Raw,
        t: float,
        *,
        summary: str,
        paths: tuple[TouchedPath, ...] = (),
        began: float | None = None,
    ) -> list[Observation]:
        """A tool call begins, at `began` where the agent tells a time, else on arrival."""
        whole = canonical(tool_input)
        fits = len(whole) <= PAYLOAD_LIMIT
        own_time = None if began is None else believable(began, 0.0, t)
        call = _Call(
            id=self._unused_id(given_id),
            tool=tool[:_ID_LIMIT],
            kind=kind,
            input=tool_input if fits else whole[:PAYLOAD_LIMIT],
            fingerprint=hashlib.sha256(f"{tool}\0{whole}".encode()).hexdigest()[:12],
            paths=paths,
            began=t if own_time is None else own_time,
            times_from="arrival" if own_time is None else "agent",
        )
        self._calls.append(call)
        self._by_id[given_id] = call
        what = headline(summary)
        started = ToolStarted(call.id, call.tool, kind, what, to_stamp(call.began), paths, call.times_from)
        return [started, *self.text(LineKind.TOOL_CALL, f"{call.tool} {what}".rstrip(), raw, t, tool=call.id)]

    def tool_finished(
        self,
        given_id: str,
        output: str,
        raw: Raw,
        t: float,
        *,
        is_error: bool = False,
        exit_code: int | None = None,
        ended: float | None = None,
        paths: tuple[TouchedPath, ...] = (),
    ) -> list[Observation]:
        """A tool call ends, at `ended` where the agent tells a believable time. `paths` replaces what was declared."""
        call = self._by_id.pop(given_id, None)
        if call is None:
            said = self.unknown_event("result of a tool call that never began", raw, t)
            return [*said, *self.text(LineKind.TOOL_OUTPUT, output, raw, t, is_error=is_error)]
        own_time = None if ended is None else believable(ended, call.began, t)
        call.ended = max(t, call.began) if own_time is None else own_time
        call.output = output if len(output) <= PAYLOAD_LIMIT else _ends(output)
        call.output_bytes = len(output.encode())
        call.is_error, call.exit_code, call.closed_by = is_error, exit_code, "agent"
        call.paths = paths or call.paths
        lines = self.text(LineKind.TOOL_OUTPUT, output, raw, t, tool=call.id, is_error=is_error) if output else []
        ended_at = to_stamp(call.ended)
        return [*lines, ToolFinished(call.id, call.kind, is_error, ended_at, exit_code, call.duration_ms)]

    def close(self, ended_at: float) -> list[Observation]:
        """Ends the calls that the agent left open. Whether they failed is not known, so they are not called errors."""
        observed: list[Observation] = []
        for call in self._calls:
            if call.ended is None:
                call.ended, call.closed_by = max(ended_at, call.began), "end_of_run"
                stamp = to_stamp(call.ended)
                observed.append(
                    ToolFinished(call.id, call.kind, False, stamp, None, call.duration_ms, closed_by="end_of_run")
                )
        self._by_id.clear()
        return observed

    def call_id(self, given_id: str) -> str | None:
        """Our id of the open call that the agent names so."""
        call = self._by_id.get(given_id)
        return call.id if call is not None else None

    def call_facts(self, given_id: str) -> tuple[str, tuple[TouchedPath, ...]] | None:
        """Tool and declared paths of the open call that the agent names so."""
        call = self._by_id.get(given_id)
        return (call.tool, call.paths) if call is not None else None

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        return tuple(call.record() for call in self._calls)

    @property
    def messages(self) -> tuple[MessageNote, ...]:
        return tuple(self._messages)

    def _unused_id(self, given: str) -> str:
        base = given[:_ID_LIMIT] or f"call-{len(self._calls)}"
        own = base if base not in self._ids else f"{base}#{len(self._calls)}"
        self._ids.add(own)
        return own


def shown(text: str) -> tuple[str, bool]:
    """The text within the limit of a transcript line, and whether it was cut."""
    return text[:TEXT_LIMIT], len(text) > TEXT_LIMIT


def headline(text: str) -> str:
    """The first line that is not blank, clipped; with dots when there was more."""
    stripped = text.strip()
    first, _, rest = stripped.partition("\n")
    first = first.rstrip()
    if len(first) > _HEADLINE:
        return first[: _HEADLINE - 4] + " ..."
    return f"{first} ..." if rest else first


def believable(claimed: float, earliest: float, latest: float) -> float | None:
    """The time that an agent claims, when it can be: not before the start, not a second after the news of it came."""
    return min(claimed, latest) if earliest <= claimed <= latest + 1.0 else None


def _ends(text: str) -> str:
    head, tail = PAYLOAD_LIMIT * 3 // 4, PAYLOAD_LIMIT // 4
    left = len(text) - head - tail
    return f"{text[:head]}\n... {left} characters stand in the raw log ...\n{text[-tail:]}"
