"""One line of a transcript as people read it. Plain JSON and no pydantic: a log asks this for every line it draws."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import cast

from agentgate_engine.models.line_kind import LineKind
from agentgate_engine.verify.error_lines import is_error_line
from agentgate_engine.views.safe_text import SafeText, sanitize

_LEADS = {
    LineKind.THINKING: "(thinks) ",
    LineKind.TOOL_OUTPUT: "  | ",
    LineKind.ERROR_OUTPUT: "stderr: ",
}
_KINDS = {LineKind.NOTICE: "notice", LineKind.TOOL_CALL: "tool"}


@dataclass(frozen=True, slots=True)
class TranscriptText:
    """`time` is HH:MM:SS in UTC, empty when unknown; `kind` is one that a log view marks, or `plain`."""

    time: SafeText
    kind: str
    text: SafeText


def transcript_text(raw: bytes) -> TranscriptText:
    """A line of `transcript-{n}.jsonl`.

    Raises:
        ValueError: it is not a transcript line.
    """
    found = _record(raw)
    kind, text = str(found.get("kind", "")), found.get("text")
    if not isinstance(text, str):
        raise ValueError("not a transcript line")
    tool = found.get("tool")
    if kind == LineKind.TOOL_CALL and isinstance(tool, str) and tool and not text.startswith(tool):
        text = f"{tool}: {text}"
    shown = _KINDS.get(LineKind(kind), "plain") if kind in tuple(LineKind) else "plain"
    spoken = kind in (LineKind.MESSAGE, LineKind.THINKING, LineKind.TOOL_CALL)
    if found.get("isError") or (not spoken and is_error_line(text)):
        shown = "error"
    lead = _LEADS.get(LineKind(kind), "") if kind in tuple(LineKind) else ""
    return TranscriptText(
        sanitize(str(found.get("t", ""))[11:19]), shown, sanitize(lead + text + (" [cut]" if found.get("cut") else ""))
    )


def event_text(raw: bytes) -> TranscriptText:
    """A line of `events.jsonl`: its time, type and the values that are short.

    Raises:
        ValueError: it is not an event.
    """
    found = _record(raw)
    data = found.get("data")
    if not isinstance(data, dict):
        raise ValueError("not an event")
    name = str(found.get("type", "?"))
    shown = [
        f"{key}={str(value)[:120]}"
        for key, value in cast("dict[str, object]", data).items()
        if isinstance(value, (str, int, float)) and value != ""
    ]
    where = f" it {found['iteration']}" if found.get("iteration") else ""
    kind = "error" if name.endswith(":failed") else "notice" if name in ("run:warning", "run:waiting") else "plain"
    return TranscriptText(
        sanitize(str(found.get("t", ""))[11:19]), kind, sanitize(f"{name}{where}  {'  '.join(shown)}")
    )


def _record(raw: bytes) -> dict[str, object]:
    found: object = json.loads(raw)
    if not isinstance(found, dict):
        raise ValueError("not a record")
    return cast("dict[str, object]", found)
