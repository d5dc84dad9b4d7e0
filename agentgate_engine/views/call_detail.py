"""One tool call, whole: what it was asked, what it changed, what came back."""

from __future__ import annotations

import json
from dataclasses import dataclass

from agentgate_engine.models.agent_result import ToolCall, TouchedPath
from agentgate_engine.store.run_evidence import RunEvidence
from agentgate_engine.verify.error_lines import is_error_line
from agentgate_engine.views import wording
from agentgate_engine.views.safe_text import SafeText, sanitize, sanitize_block
from agentgate_engine.views.timeline import live_calls, summary_of


@dataclass(frozen=True, slots=True)
class CallDetail:
    """`lines` are (kind, text), the kinds those that a log view marks."""

    title: SafeText
    lines: tuple[tuple[str, SafeText], ...]


def call_detail(evidence: RunEvidence, iteration: int, call_id: str) -> CallDetail | None:
    """The call `call_id` of an iteration, or None when no record knows it. Live, it is what the events say."""
    agent = evidence.agents.get(iteration)
    calls = agent.tool_calls if agent is not None else live_calls(evidence, iteration)
    found = next(((number, call) for number, call in enumerate(calls, 1) if call.id == call_id), None)
    if found is None:
        return None
    number, call = found
    lines = [("heading", f"#{number} {call.tool} ({call.kind})"), ("plain", _fate(call))]
    lines += _paths("changed, as measured in the workspace", call.delta.paths if call.delta else [])
    if call.delta is not None and call.delta.confidence == "shared":
        lines.append(("notice", "several calls ran at that time; any of them may have made this change"))
    lines += _paths("paths it declared", call.paths)
    lines += [("plain", ""), ("heading", "input"), *(("plain", line) for line in _text_of(call).split("\n"))]
    if call.output is not None:
        told = f"output, {wording.size(call.output_bytes)}" if call.output_bytes else "output"
        lines += [("plain", ""), ("heading", told)]
        lines += [("error" if is_error_line(line) else "plain", line) for line in call.output.split("\n")]
    elif agent is None:
        lines += [
            ("plain", ""),
            ("notice", "its output is recorded when the agent ends; until then the log (l) has it"),
        ]
    return CallDetail(sanitize(f"#{number} {call.tool}"), tuple((kind, sanitize(text)) for kind, text in lines))


def _fate(call: ToolCall) -> str:
    if call.ended_at is None:
        return f"began {call.started_at}, still running"
    parts = [f"took {wording.duration(call.duration_ms)}", f"began {call.started_at}"]
    if call.exit_code is not None:
        parts.insert(0, f"exit code {call.exit_code}")
    if call.is_error:
        parts.insert(0, "ended with an error")
    if call.closed_by == "end_of_run":
        parts.append("it had not come back when the agent ended")
    return ", ".join(parts)


def _paths(title: str, paths: list[TouchedPath]) -> list[tuple[str, str]]:
    if not paths:
        return []
    shown = [("plain", ""), ("heading", title)]
    for path in paths:
        spans = ", ".join(f"{span.start}-{span.end}" for span in path.ranges)
        shown.append(("plain", f"  {path.path}" + (f"  lines {spans}" if spans else "")))
    return shown


def _text_of(call: ToolCall) -> str:
    given = call.input
    if isinstance(given, dict) and set(given) == {"command"}:
        return summary_of(call)
    text = given if isinstance(given, str) else json.dumps(given, indent=2, ensure_ascii=False)
    return sanitize_block(text.replace("\\n", "\n") if isinstance(given, dict) else text)
