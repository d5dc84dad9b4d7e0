"""Tool calls of an iteration: live from the events, whole from `agent-{n}.json` once it is there."""

from __future__ import annotations

from dataclasses import dataclass

from agentgate_engine.clock import from_stamp
from agentgate_engine.models.agent_result import ToolCall, TouchedPath, WorkspaceDelta
from agentgate_engine.models.event_type import EventType
from agentgate_engine.models.events import (
    AgentToolFinished,
    AgentToolStarted,
    parse_payload,
)
from agentgate_engine.store.run_evidence import RunEvidence
from agentgate_engine.views.safe_text import SafeText, sanitize


@dataclass(frozen=True, slots=True)
class ToolBar:
    """One call. `start_s` and `end_s` are seconds since the first call began; `end_s` is None while it runs.

    `touched` are the paths it changed: measured in the workspace where `measured`, else as the agent declared them.
    """

    number: int
    id: str
    tool: SafeText
    kind: str
    summary: SafeText
    start_s: float
    end_s: float | None
    duration_ms: int | None
    is_error: bool
    exit_code: int | None
    touched: tuple[SafeText, ...]
    measured: bool
    shared: bool
    closed_by: str | None
    output: SafeText


@dataclass(frozen=True, slots=True)
class Timeline:
    """The calls of one iteration in the order they began. `span_s` reaches to the last known moment."""

    iteration: int
    bars: tuple[ToolBar, ...]
    span_s: float
    complete: bool


def timeline(evidence: RunEvidence, iteration: int, now: float) -> Timeline:
    """The tool calls of one iteration. `now` (epoch seconds) ends the bars of calls that still run."""
    agent = evidence.agents.get(iteration)
    calls = agent.tool_calls if agent is not None else live_calls(evidence, iteration)
    if not calls:
        return Timeline(iteration, (), 0.0, agent is not None)
    zero = min(from_stamp(call.started_at) for call in calls)
    bars = tuple(_bar(number, call, zero) for number, call in enumerate(calls, 1))
    last = max((bar.end_s if bar.end_s is not None else now - zero) for bar in bars)
    return Timeline(iteration, bars, max(last, 0.001), agent is not None)


def _bar(number: int, call: ToolCall, zero: float) -> ToolBar:
    delta = call.delta
    touched = delta.paths if delta else (call.paths if call.kind == "edit" else [])
    return ToolBar(
        number=number,
        id=call.id,
        tool=sanitize(call.tool),
        kind=call.kind,
        summary=sanitize(summary_of(call)),
        start_s=from_stamp(call.started_at) - zero,
        end_s=from_stamp(call.ended_at) - zero if call.ended_at else None,
        duration_ms=call.duration_ms,
        is_error=call.is_error,
        exit_code=call.exit_code,
        touched=tuple(sanitize(path.path) for path in touched),
        measured=delta is not None,
        shared=delta is not None and delta.confidence == "shared",
        closed_by=call.closed_by,
        output=sanitize((call.output or "")[:4000].replace("\n", " ⏎ ")),
    )


def summary_of(call: ToolCall) -> str:
    """What a call is about, in a few words: its command, path or pattern."""
    given = call.input
    if isinstance(given, str):
        return given[:200]
    if isinstance(given, dict):
        for key in (
            "command",
            "file_path",
            "filePath",
            "path",
            "notebook_path",
            "pattern",
            "query",
            "url",
            "prompt",
            "summary",
        ):
            value = given.get(key)
            if isinstance(value, str) and value:
                return value[:200]
    return call.paths[0].path if call.paths else ""


def touches(call: ToolCall, path: str) -> bool:
    """Whether a call changed `path`, as measured, else as declared by an edit."""
    changed: list[TouchedPath] = call.delta.paths if call.delta else (call.paths if call.kind == "edit" else [])
    return any(found.path == path for found in changed)


def live_calls(evidence: RunEvidence, iteration: int) -> list[ToolCall]:
    """The calls of an iteration as its events tell them, while there is no record of the agent yet."""
    calls: dict[str, ToolCall] = {}
    for event in evidence.events:
        if event.iteration != iteration:
            continue
        if event.type is EventType.AGENT_STARTED:
            calls = {}
        elif event.type in (EventType.AGENT_TOOL_STARTED, EventType.AGENT_TOOL_FINISHED):
            payload = parse_payload(event)
            if isinstance(payload, AgentToolStarted):
                calls[payload.id] = ToolCall(
                    id=payload.id,
                    tool=payload.tool,
                    kind=payload.kind,
                    input=payload.summary,
                    started_at=payload.started_at,
                    paths=payload.paths,
                )
            elif isinstance(payload, AgentToolFinished) and payload.id in calls:
                delta: WorkspaceDelta | None = payload.delta or calls[payload.id].delta
                calls[payload.id] = calls[payload.id].model_copy(
                    update={
                        "is_error": payload.is_error,
                        "exit_code": payload.exit_code,
                        "ended_at": payload.ended_at,
                        "duration_ms": payload.duration_ms,
                        "closed_by": payload.closed_by,
                        "delta": delta,
                    }
                )
    return list(calls.values())
