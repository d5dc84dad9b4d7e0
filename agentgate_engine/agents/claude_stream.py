"""The parser for `claude --output-format stream-json --verbose` (agents.md 2, seen with 2.1.197).

Traps that it knows: an API failure is `subtype: success` with `is_error: true`; one message comes as several lines,
each with the usage of the message's start, so tokens are read from the result alone, and there from `modelUsage`.
"""

from __future__ import annotations

from agentgate_engine.agents import json_line as j
from agentgate_engine.agents.claude_tools import (
    content_text,
    declared_paths,
    exit_code_of,
    kind_of,
    measured_paths,
    summary_of,
)
from agentgate_engine.agents.conversation import Conversation, Raw, headline
from agentgate_engine.agents.driver import AgentResult, Observation, UsageSeen
from agentgate_engine.agents.json_line import JsonObject
from agentgate_engine.agents.line_splitter import LineSplitter, RawLine
from agentgate_engine.agents.model_fault import outcome_of_fault
from agentgate_engine.agents.outcome import Verdict, by_result, not_by_itself
from agentgate_engine.agents.plain_parser import ErrorStream
from agentgate_engine.clock import from_stamp
from agentgate_engine.models.agent_result import AgentOutcome, TokenUsage
from agentgate_engine.models.line_kind import LineKind
from agentgate_engine.models.process import ProcessExit

_QUIET_SYSTEM = frozenset(
    (
        "status",
        "task_notification",
        "task_progress",
        "task_started",
        "task_updated",
        "thinking_tokens",
    )
)
_LIMITS = frozenset(("error_max_turns", "error_max_budget_usd"))
_UNKNOWN_SESSION = "No conversation found with session ID"
_SESSION_LOST = "The session to resume is not known to claude"


class ClaudeStreamParser:
    """One call. `workspace` is where the engine started it; the `cwd` of the init event is a second name for it."""

    def __init__(self, workspace: str) -> None:
        self._roots = [workspace]
        self._conversation = Conversation()
        self._splitter = LineSplitter()
        self._errors = ErrorStream(self._conversation)
        self._session_id: str | None = None
        self._model: str | None = None
        self._usage: TokenUsage | None = None
        self._cost: float | None = None
        self._result: JsonObject | None = None

    def feed(self, chunk: bytes, arrived_at: float) -> list[Observation]:
        return [seen for line in self._splitter.feed(chunk) for seen in self._line(line, arrived_at)]

    def feed_stderr(self, chunk: bytes, arrived_at: float) -> list[Observation]:
        return self._errors.feed(chunk, arrived_at)

    def finish(self, end: ProcessExit | None, ended_at: float) -> tuple[list[Observation], AgentResult]:
        rest = self._splitter.finish()
        observed = self._line(rest, ended_at) if rest is not None else []
        observed += self._errors.finish(ended_at)
        observed += self._conversation.close(ended_at)
        verdict = self._verdict(end)
        result = self._result or {}
        return observed, AgentResult(
            outcome=verdict.outcome,
            reason=verdict.reason,
            session_id=self._session_id,
            model=self._model,
            result_text=j.string(result, "result"),
            structured_output=result.get("structured_output"),
            tool_calls=self._conversation.tool_calls,
            messages=self._conversation.messages,
            tokens_used=self._usage,
            cost_usd=self._cost,
            unknown_events=dict(self._conversation.unknown),
            session_unknown=verdict.reason.startswith(_SESSION_LOST),
        )

    def _line(self, line: RawLine, t: float) -> list[Observation]:
        event = j.parse_object(line.data) if line.is_whole else None
        if event is None:
            self._conversation.unknown["(not JSON)"] += 1
            return self._conversation.output(line, t, LineKind.OUTPUT)
        match j.string(event, "type"):
            case "system":
                return self._system(event, line.raw, t)
            case "assistant":
                return self._assistant(event, line.raw, t)
            case "user":
                return self._user(event, line.raw, t)
            case "result":
                return self._final(event, line.raw, t)
            case "stream_event":
                return []  # parts of messages that come whole as well
            case kind:
                return self._conversation.unknown_event(kind or "(no type)", line.raw, t)

    def _system(self, event: JsonObject, raw: Raw, t: float) -> list[Observation]:
        match j.string(event, "subtype"):
            case "init":
                self._session_id = j.string(event, "session_id") or self._session_id
                self._model = j.string(event, "model") or self._model
                cwd = j.string(event, "cwd")
                if cwd is not None and cwd.startswith("/") and len(self._roots) == 1:
                    self._roots.append(cwd)
                return [UsageSeen(session_id=self._session_id, model=self._model)]
            case "api_retry":
                return self._conversation.notice(_retry_notice(event), raw, t)
            case str(kind) if kind in _QUIET_SYSTEM:
                return []
            case kind:
                return self._conversation.unknown_event(f"system/{kind or '(none)'}", raw, t)

    def _assistant(self, event: JsonObject, raw: Raw, t: float) -> list[Observation]:
        message = j.mapping(event, "message")
        parent = self._parent(event)
        if "error" in event:
            return self._conversation.notice(content_text(message.get("content")), raw, t, tool=parent, is_error=True)
        if self._model is None:
            named = j.string(message, "model")
            self._model = None if named == "<synthetic>" else named
        role = "assistant" if j.string(event, "parent_tool_use_id") is None else "subagent"
        words = j.string(message, "content")
        if words is not None:
            return self._conversation.message(role, words, raw, t, tool=parent)
        return [seen for block in j.objects(message, "content") for seen in self._block(block, role, parent, raw, t)]

    def _block(self, block: JsonObject, role: str, parent: str | None, raw: Raw, t: float) -> list[Observation]:
        match j.string(block, "type"):
            case "text":
                return self._conversation.message(role, j.string(block, "text") or "", raw, t, tool=parent)
            case "thinking":
                thought = j.string(block, "thinking")
                return self._conversation.text(LineKind.THINKING, thought, raw, t, tool=parent) if thought else []
            case "tool_use" | "server_tool_use":
                return self._tool_use(block, raw, t)
            case kind:
                return self._conversation.unknown_event(f"assistant/{kind or '(none)'}", raw, t)

    def _tool_use(self, block: JsonObject, raw: Raw, t: float) -> list[Observation]:
        tool = j.string(block, "name") or "unnamed"
        tool_input = j.mapping(block, "input")
        paths = declared_paths(tool, tool_input, self._roots)
        return self._conversation.tool_started(
            j.string(block, "id") or "",
            tool,
            kind_of(tool),
            block.get("input"),
            raw,
            t,
            summary=summary_of(tool_input, paths),
            paths=paths,
        )

    def _user(self, event: JsonObject, raw: Raw, t: float) -> list[Observation]:
        message = j.mapping(event, "message")
        parent = self._parent(event)
        words = j.string(message, "content")
        if words is not None:
            return self._conversation.notice(words, raw, t, tool=parent)
        observed: list[Observation] = []
        for block in j.objects(message, "content"):
            match j.string(block, "type"):
                case "tool_result":
                    observed += self._tool_result(block, event, raw, t)
                case "text":
                    observed += self._conversation.notice(j.string(block, "text") or "", raw, t, tool=parent)
                case kind:
                    observed += self._conversation.unknown_event(f"user/{kind or '(none)'}", raw, t)
        return observed

    def _tool_result(self, block: JsonObject, event: JsonObject, raw: Raw, t: float) -> list[Observation]:
        given_id = j.string(block, "tool_use_id") or ""
        output = content_text(block.get("content"))
        is_error = j.flag(block, "is_error")
        tool, declared = self._conversation.call_facts(given_id) or ("", ())
        measured = measured_paths(event.get("tool_use_result"), self._roots)
        same_file = {entry.path for entry in measured} == {entry.path for entry in declared}
        return self._conversation.tool_finished(
            given_id,
            output,
            raw,
            t,
            is_error=is_error,
            exit_code=exit_code_of(tool, output, is_error),
            ended=_time_of(event),
            paths=measured if same_file else (),
        )

    def _parent(self, event: JsonObject) -> str | None:
        given = j.string(event, "parent_tool_use_id")
        return None if given is None else self._conversation.call_id(given)

    def _final(self, event: JsonObject, raw: Raw, t: float) -> list[Observation]:
        self._result = event
        self._usage = _tokens(event) or self._usage
        cost = j.number(event, "total_cost_usd")
        self._cost = cost if cost is not None and cost >= 0 else self._cost
        observed: list[Observation] = [UsageSeen(self._session_id, self._model, self._usage, self._cost)]
        for denial in j.objects(event, "permission_denials"):
            denied = j.mapping(denial, "tool_input")
            tool = j.string(denial, "tool_name") or "a tool"
            what = summary_of(denied, declared_paths(tool, denied, self._roots))
            observed += self._conversation.notice(f"permission denied: {tool[:80]} {headline(what)}".rstrip(), raw, t)
        if j.flag(event, "is_error"):
            observed += self._conversation.notice(_error_text(event), raw, t, is_error=True)
        return observed

    def _verdict(self, end: ProcessExit | None) -> Verdict:
        last_words = self._errors.last_words
        if self._result is not None:
            return by_result(end, _judge(self._result, last_words), last_words)
        if not_by_itself(end) is None and end is not None and end.exit_code != 0:
            known = outcome_of_fault(None, last_words)
            if known is not None:
                return Verdict(known, f"claude reported: {last_words}")
        return by_result(end, None, last_words)


def _judge(result: JsonObject, last_words: str) -> Verdict:
    if not j.flag(result, "is_error"):
        denials = len(j.objects(result, "permission_denials"))
        denied = f" {denials} tool call(s) were denied: see the permission mode of the order." if denials else ""
        return Verdict(AgentOutcome.SUCCESS, f"claude reported success.{denied}")
    subtype = j.string(result, "subtype") or ""
    said = headline(_error_text(result))
    if subtype in _LIMITS:
        return Verdict(AgentOutcome.LIMIT_REACHED, f"claude stopped at a limit: {said}")
    if _UNKNOWN_SESSION in said or _UNKNOWN_SESSION in last_words:
        reason = f"{_SESSION_LOST}: {last_words or said}"
        return Verdict(AgentOutcome.TASK_FAILURE, reason)
    known = outcome_of_fault(j.integer(result, "api_error_status"), said)
    return Verdict(known or AgentOutcome.TASK_FAILURE, f"claude reported: {said}")


def _error_text(result: JsonObject) -> str:
    errors = [part for part in j.items(result, "errors") if isinstance(part, str)]
    return j.string(result, "result") or "; ".join(errors) or j.string(result, "subtype") or "an error without words"


def _retry_notice(event: JsonObject) -> str:
    status = j.integer(event, "error_status")
    what = (j.string(event, "error") or "no reason given")[:200]
    delay = j.number(event, "retry_delay_ms")
    wait = "" if delay is None else f", next try in {delay / 1000:.1f} s"
    named = what if status is None else f"{status} {what}"
    attempt, of = j.count(event, "attempt"), j.count(event, "max_retries")
    return f"the model's API failed ({named}): retry {attempt} of {of}{wait}"


def _time_of(event: JsonObject) -> float | None:
    try:
        return from_stamp(j.string(event, "timestamp") or "")
    except (ValueError, OverflowError):
        return None


def _tokens(result: JsonObject) -> TokenUsage | None:
    """The sum over the models of this call; from `usage` only when `modelUsage` is missing."""
    by_model = result.get("modelUsage")
    if isinstance(by_model, dict):
        parts = [part for part in by_model.values() if isinstance(part, dict)]
        keys = ("inputTokens", "outputTokens", "cacheReadInputTokens", "cacheCreationInputTokens")
    elif isinstance(result.get("usage"), dict):
        parts = [j.mapping(result, "usage")]
        keys = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    else:
        return None
    sums = [sum(j.count(part, key) for part in parts) for key in keys]
    return TokenUsage(input=sums[0], output=sums[1], cache_read=sums[2], cache_write=sums[3], total=sum(sums))
