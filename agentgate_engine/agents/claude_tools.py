"""What the tools of Claude Code mean: their kind, the files they name, and a line that says what a call does."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pydantic import JsonValue

from agentgate_engine.agents import json_line as j
from agentgate_engine.agents.json_line import JsonObject
from agentgate_engine.agents.touched import line_range, touched
from agentgate_engine.models.agent_result import LineRange, ToolKind, TouchedPath

_KINDS: dict[str, ToolKind] = {
    "Read": "read",
    "NotebookRead": "read",
    "Edit": "edit",
    "MultiEdit": "edit",
    "Write": "edit",
    "NotebookEdit": "edit",
    "Bash": "bash",
    "BashOutput": "bash",
    "KillShell": "bash",
    "Glob": "search",
    "Grep": "search",
    "LS": "search",
    "WebSearch": "search",
    "WebFetch": "web",
    "TodoWrite": "think",
    "TaskCreate": "think",
    "TaskUpdate": "think",
    "TaskGet": "think",
    "TaskList": "think",
    "ExitPlanMode": "think",
}
_SUMMARY_KEYS = (
    "command",
    "file_path",
    "notebook_path",
    "pattern",
    "query",
    "url",
    "description",
    "subject",
    "path",
    "prompt",
)
_EXIT_CODE = re.compile(r"Exit code (\d{1,3})(?:\n|$)")


def kind_of(tool: str) -> ToolKind:
    """The kind of a tool by its name. `Task` starts a sub-agent, whose own calls are listed too: other."""
    return _KINDS.get(tool, "other")


def summary_of(tool_input: JsonObject, paths: tuple[TouchedPath, ...]) -> str:
    """The argument that says most. Paths are shown as the workspace names them."""
    for key in _SUMMARY_KEYS:
        value = j.string(tool_input, key)
        if value:
            return paths[0].path if paths and key.endswith("path") else value
    return ""


def declared_paths(tool: str, tool_input: JsonObject, roots: Iterable[str]) -> tuple[TouchedPath, ...]:
    """The files that a call says it touches. The lines of an edit are not known before it is done."""
    match tool:
        case "Read":
            start = j.integer(tool_input, "offset")
            limit = j.integer(tool_input, "limit")
            window = None if limit is None else line_range(start or 1, (start or 1) + limit - 1)
            return touched(j.string(tool_input, "file_path") or "", roots, window)
        case "Write":
            content = j.string(tool_input, "content") or ""
            lines = content.count("\n") + (0 if content.endswith("\n") else 1)
            return touched(j.string(tool_input, "file_path") or "", roots, line_range(1, lines) if content else None)
        case "Edit" | "MultiEdit":
            return touched(j.string(tool_input, "file_path") or "", roots)
        case "NotebookEdit" | "NotebookRead":
            return touched(j.string(tool_input, "notebook_path") or "", roots)
        case "Grep" | "Glob" | "LS":
            return touched(j.string(tool_input, "path") or "", roots)
        case _:
            return ()


def measured_paths(result: JsonValue, roots: Iterable[str]) -> tuple[TouchedPath, ...]:
    """The lines that a call did read or change, from `tool_use_result`; empty when that does not tell."""
    if not isinstance(result, dict):
        return ()
    changed = [found for hunk in j.objects(result, "structuredPatch") for found in _changed_lines(hunk)]
    if changed:
        return touched(j.string(result, "filePath") or "", roots, *changed)
    read = j.mapping(result, "file")
    start, content = j.integer(read, "startLine"), j.string(read, "content")
    if start is None or not content:
        return ()
    last = start + content.count("\n") - (1 if content.endswith("\n") else 0)
    return touched(j.string(read, "filePath") or "", roots, line_range(start, last))


def _changed_lines(hunk: JsonObject) -> list[LineRange]:
    """The runs of new lines in a hunk; where lines were only taken away, the line that now stands there."""
    number = j.integer(hunk, "newStart") or 1
    runs: list[list[int]] = []
    for line in j.items(hunk, "lines"):
        mark = line[:1] if isinstance(line, str) else ""
        if mark in ("+", "-"):
            if runs and number <= runs[-1][1] + 1:
                runs[-1][1] = max(runs[-1][1], number)
            else:
                runs.append([number, number])
        if mark in ("+", " "):
            number += 1
    ranges = (line_range(first, last) for first, last in runs)
    return [known for known in ranges if known is not None]


def exit_code_of(tool: str, output: str, is_error: bool) -> int | None:
    """The exit code where the result tells it: a failed command starts with `Exit code n`. Success tells none."""
    told = _EXIT_CODE.match(output) if tool == "Bash" and is_error else None
    return int(told.group(1)) if told else None


def content_text(content: JsonValue) -> str:
    """The text of a tool result: a string, or blocks of which those without text are named in brackets."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts: list[str] = []
    for block in content:
        if isinstance(block, str):
            parts.append(block)
        elif isinstance(block, dict):
            text = j.string(block, "text")
            parts.append(text if text is not None else f"[{(j.string(block, 'type') or 'block')[:40]}]")
    return "\n".join(parts)
