"""Our own protocol: JSON lines on stdout, printed by the scripted player and by bridges to agents that hold a dialogue.

An event is an object with a `type`; times `t` are epoch seconds and optional; anything else on stdout is plain output.

| type | keys |
|---|---|
| session | sessionId, model |
| message | role, text |
| thinking | text |
| tool_start | id, tool, kind (read edit bash search web think other), input, paths: [{path, ranges: [[1, 9]]}], t |
| tool_end | id, output, exitCode, isError, t |
| usage | input, output, cacheRead, cacheWrite, costUsd: what was spent since the last such event |
| result | success, text, error, outcome (one of AgentOutcome, for a failure). Compulsory, and the last one counts |
"""

from __future__ import annotations

from typing import get_args

from agentgate_engine.agents import json_line as j
from agentgate_engine.agents.conversation import Conversation, Raw, headline
from agentgate_engine.agents.driver import AgentResult, Observation, UsageSeen
from agentgate_engine.agents.json_line import JsonObject
from agentgate_engine.agents.line_splitter import LineSplitter, RawLine
from agentgate_engine.agents.outcome import Verdict, by_result
from agentgate_engine.agents.plain_parser import ErrorStream
from agentgate_engine.agents.touched import line_range, touched
from agentgate_engine.models.agent_result import AgentOutcome, LineRange, TokenUsage, ToolKind, TouchedPath
from agentgate_engine.models.line_kind import LineKind
from agentgate_engine.models.process import ProcessExit

_KINDS: dict[str, ToolKind] = {kind: kind for kind in get_args(ToolKind)}


class LineProtocolParser:
    """Reads the protocol. `workspace` is what absolute paths of tool calls are made relative to."""

    def __init__(self, workspace: str) -> None:
        self._workspace = workspace
        self._conversation = Conversation()
        self._splitter = LineSplitter()
        self._errors = ErrorStream(self._conversation)
        self._usage: TokenUsage | None = None
        self._cost: float | None = None
        self._session_id: str | None = None
        self._model: str | None = None
        self._verdict: Verdict | None = None
        self._text: str | None = None

    def feed(self, chunk: bytes, arrived_at: float) -> list[Observation]:
        return [seen for line in self._splitter.feed(chunk) for seen in self._line(line, arrived_at)]

    def feed_stderr(self, chunk: bytes, arrived_at: float) -> list[Observation]:
        return self._errors.feed(chunk, arrived_at)

    def finish(self, end: ProcessExit | None, ended_at: float) -> tuple[list[Observation], AgentResult]:
        rest = self._splitter.finish()
        observed = self._line(rest, ended_at) if rest is not None else []
        observed += self._errors.finish(ended_at)
        observed += self._conversation.close(ended_at)
        verdict = by_result(end, self._verdict, self._errors.last_words)
        return observed, AgentResult(
            outcome=verdict.outcome,
            reason=verdict.reason,
            session_id=self._session_id,
            model=self._model,
            result_text=self._text,
            tool_calls=self._conversation.tool_calls,
            messages=self._conversation.messages,
            tokens_used=self._usage,
            cost_usd=self._cost,
            unknown_events=dict(self._conversation.unknown),
        )

    def _line(self, line: RawLine, t: float) -> list[Observation]:
        event = j.parse_object(line.data) if line.is_whole else None
        kind = j.string(event, "type") if event is not None else None
        if event is None or kind is None:
            return self._conversation.output(line, t, LineKind.OUTPUT)
        return self._event(kind, event, line.raw, t)

    def _event(self, kind: str, event: JsonObject, raw: Raw, t: float) -> list[Observation]:
        match kind:
            case "session":
                self._session_id = j.string(event, "sessionId") or self._session_id
                self._model = j.string(event, "model") or self._model
                return [UsageSeen(session_id=self._session_id, model=self._model)]
            case "message":
                role = j.string(event, "role") or "assistant"
                return self._conversation.message(role[:40], j.string(event, "text") or "", raw, t)
            case "thinking":
                return self._conversation.text(LineKind.THINKING, j.string(event, "text") or "", raw, t)
            case "tool_start":
                return self._tool_start(event, raw, t)
            case "tool_end":
                return self._conversation.tool_finished(
                    j.string(event, "id") or "",
                    j.string(event, "output") or "",
                    raw,
                    t,
                    is_error=j.flag(event, "isError"),
                    exit_code=j.integer(event, "exitCode"),
                    ended=j.number(event, "t"),
                )
            case "usage":
                return [self._spent(event)]
            case "result":
                return self._result(event, raw, t)
            case _:
                return self._conversation.unknown_event(kind, raw, t)

    def _tool_start(self, event: JsonObject, raw: Raw, t: float) -> list[Observation]:
        tool_input = event.get("input")
        paths = self._paths(event)
        return self._conversation.tool_started(
            j.string(event, "id") or "",
            j.string(event, "tool") or "unnamed",
            _KINDS.get(j.string(event, "kind") or "", "other"),
            tool_input,
            raw,
            t,
            summary=_summary(tool_input, paths),
            paths=paths,
            began=j.number(event, "t"),
        )

    def _paths(self, event: JsonObject) -> tuple[TouchedPath, ...]:
        found: list[TouchedPath] = []
        for entry in j.objects(event, "paths"):
            ranges = (_range(pair) for pair in j.items(entry, "ranges"))
            found += touched(j.string(entry, "path") or "", (self._workspace,), *ranges)
        return tuple(found)

    def _spent(self, event: JsonObject) -> UsageSeen:
        old = self._usage or TokenUsage(input=0, output=0, total=0)
        new = TokenUsage(
            input=old.input + j.count(event, "input"),
            output=old.output + j.count(event, "output"),
            cache_read=old.cache_read + j.count(event, "cacheRead"),
            cache_write=old.cache_write + j.count(event, "cacheWrite"),
            total=0,
        )
        total = new.input + new.output + new.cache_read + new.cache_write
        self._usage = new.model_copy(update={"total": total})
        cost = j.number(event, "costUsd")
        if cost is not None and cost >= 0:
            self._cost = (self._cost or 0.0) + cost
        return UsageSeen(self._session_id, self._model, self._usage, self._cost)

    def _result(self, event: JsonObject, raw: Raw, t: float) -> list[Observation]:
        self._text = j.string(event, "text")
        if j.flag(event, "success"):
            self._verdict = Verdict(AgentOutcome.SUCCESS, "The agent reported success.")
            return []
        said = headline(j.string(event, "error") or self._text or "no reason was given")
        self._verdict = Verdict(_failure(j.string(event, "outcome")), f"The agent reported a failure: {said}")
        return self._conversation.notice(self._verdict.reason, raw, t, is_error=True)


def _failure(name: str | None) -> AgentOutcome:
    """The outcome that a failed result names; a task failure when it names none, or calls itself a success."""
    if name in set(AgentOutcome) and name != AgentOutcome.SUCCESS:
        return AgentOutcome(name)
    return AgentOutcome.TASK_FAILURE


def _range(pair: object) -> LineRange | None:
    match pair:
        case [int(start), int(end)]:
            return line_range(start, end)
        case {"start": int(start), "end": int(end)}:
            return line_range(start, end)
        case _:
            return None


def _summary(tool_input: object, paths: tuple[TouchedPath, ...]) -> str:
    match tool_input:
        case str(text):
            return text
        case {"command": str(text)}:
            return text
        case _:
            return ", ".join(entry.path for entry in paths)
