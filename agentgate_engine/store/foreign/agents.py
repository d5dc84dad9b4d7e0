"""`agent-{n}.json` of the original as our record, and the texts in it as logs. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Literal, cast

from agentgate_engine.clock import from_stamp, to_stamp
from agentgate_engine.models.agent_result import (
    UNKNOWN_SESSION,
    AgentOutcome,
    PersistedAgentResult,
    TokenUsage,
    ToolCall,
    ToolKind,
)
from agentgate_engine.models.line_kind import LineKind
from agentgate_engine.models.transcript import TEXT_LIMIT, TranscriptLine
from agentgate_engine.store.foreign.records import Fields, plain

Mask = Callable[[str], str]

_KEPT_CHARS = 64 << 10
_MOST_CALLS = 5_000
_STOPPED_CODES = (130, 137, 143)
_TIMEOUT_CODE = 124
_KINDS: dict[str, ToolKind] = {
    **dict.fromkeys(("read", "notebookread", "ls"), cast("ToolKind", "read")),
    **dict.fromkeys(("edit", "write", "multiedit", "notebookedit"), cast("ToolKind", "edit")),
    **dict.fromkeys(("bash", "shell"), cast("ToolKind", "bash")),
    **dict.fromkeys(("grep", "glob", "search"), cast("ToolKind", "search")),
    **dict.fromkeys(("webfetch", "websearch"), cast("ToolKind", "web")),
}


def tokens_of(value: Fields, key: str) -> TokenUsage | None:
    """Tokens as an object {input, output, total} or as one number, their sum (upstream.md 3.5): one total from both."""
    found = value.child(key)
    if not found:
        total = value.whole(key)
        return None if total is None else TokenUsage(input=0, output=0, total=total)
    given, made = found.whole("input"), found.whole("output")
    if given is None and made is None and found.whole("total") is None:
        return None
    total = found.whole("total")
    return TokenUsage(input=given or 0, output=made or 0, total=(given or 0) + (made or 0) if total is None else total)


def cost_of(agent: Fields) -> float | None:
    """What the call cost; the original leaves it out of its own field though the agent's answer has it."""
    own = agent.real("totalCostUsd")
    return own if own is not None else agent.child("structuredOutput").real("total_cost_usd")


def convert_agent(
    run_id: str, iteration: int, agent: Fields, *, name: str, agent_type: str, canceled: bool, mask: Mask
) -> PersistedAgentResult:
    """The record. `name` is its file, in which both streams stand; `canceled` tells how its run ended."""
    stdout, stderr = agent.text("stdout") or "", agent.text("stderr") or ""
    captured = agent.stamp("capturedAt")
    outcome = outcome_of(agent, canceled=canceled)
    return PersistedAgentResult(
        run_id=run_id,
        iteration=iteration,
        captured_at=captured or "",
        agent=agent_type,
        session_id=agent.text("sessionId") or UNKNOWN_SESSION,
        model=agent.text("model"),
        success=outcome is AgentOutcome.SUCCESS,
        outcome=outcome,
        outcome_reason=reason_of(agent, outcome),
        exit_code=agent.code("exitCode"),
        stdout=_ends(mask(stdout)),
        stderr=_ends(mask(stderr)),
        stdout_log=f"{name}#stdout",
        stderr_log=f"{name}#stderr",
        original_bytes={"stdout": len(stdout.encode()), "stderr": len(stderr.encode())},
        transcript_file=f"{name}#transcript",
        result_text=_masked(_answer(agent), mask),
        tool_calls=_calls(agent, captured),
        duration_ms=agent.whole("durationMs") or 0,
        tokens_used=tokens_of(agent, "tokensUsed"),
        total_cost_usd=cost_of(agent),
    )


def outcome_of(agent: Fields, *, canceled: bool) -> AgentOutcome:
    """How the call ended: what the record says of success, else its exit code."""
    code, said = agent.code("exitCode"), agent.flag("success")
    if said if said is not None else code == 0:
        return AgentOutcome.SUCCESS
    if canceled and code in (None, *_STOPPED_CODES):
        return AgentOutcome.CANCELED
    if code == _TIMEOUT_CODE:
        return AgentOutcome.TIMEOUT
    return AgentOutcome.TASK_FAILURE if code == 0 else AgentOutcome.CRASH


def reason_of(agent: Fields, outcome: AgentOutcome) -> str:
    """A sentence about a call that failed: the last line it wrote to stderr, else its exit code."""
    if outcome is AgentOutcome.SUCCESS:
        return ""
    lines = [line.strip() for line in (agent.text("stderr") or "").splitlines() if line.strip()]
    if lines:
        return lines[-1][:500]
    answer = _answer(agent)
    if outcome is AgentOutcome.TASK_FAILURE and answer and answer.strip():
        return answer.strip().splitlines()[0][:500]
    code = agent.code("exitCode")
    return f"the agent ended with exit code {code}" if code is not None else "the agent did not succeed"


def _answer(agent: Fields) -> str | None:
    return agent.child("structuredOutput").text("result") or agent.text("structuredOutput")


def _masked(text: str | None, mask: Mask) -> str | None:
    return None if text is None else mask(text)


def _ends(text: str) -> str:
    """Head and tail of a long text; the log has all of it."""
    if len(text) <= _KEPT_CHARS:
        return text
    half = _KEPT_CHARS // 2
    return f"{text[:half]}\n... {len(text) - 2 * half} characters left out ...\n{text[-half:]}"


def _calls(agent: Fields, captured: str | None) -> list[ToolCall]:
    """The calls, one after the other: the original keeps how long each took, and not when it began."""
    spent = agent.whole("durationMs") or 0
    at = max(0.0, (from_stamp(captured) if captured else 0.0) - spent / 1000)
    calls: list[ToolCall] = []
    for number, call in enumerate(agent.children("toolCalls")[:_MOST_CALLS], 1):
        took, tool = call.whole("durationMs"), call.text("tool") or call.text("name") or "?"
        end = at + min(took or 0, 10**9) / 1000
        output = call.words("output")
        calls.append(
            ToolCall(
                id=str(number),
                tool=tool,
                kind=_KINDS.get(tool.lower(), "other"),
                input=plain(call.values.get("input")),
                output=output,
                output_bytes=len(output.encode()) if output else 0,
                is_error=call.flag("isError") or False,
                started_at=to_stamp(at),
                ended_at=to_stamp(end) if took is not None else None,
                duration_ms=took,
            )
        )
        at = end
    return calls


def transcript_of(agent: Fields, mask: Mask) -> Iterator[bytes]:
    """The record as lines of a transcript: its calls, its answer or else its output, and its stderr."""
    t = agent.stamp("capturedAt") or ""
    seq = 0

    def line(kind: LineKind, text: str, stream: Literal["stdout", "stderr"], raw: tuple[int, int]) -> bytes:
        nonlocal seq
        safe = mask(text)
        made = TranscriptLine(
            seq=seq,
            t=t,
            kind=kind,
            text=safe[:TEXT_LIMIT],
            stream=stream,
            raw=raw,
            process="",
            cut=len(safe) > TEXT_LIMIT,
        )
        seq += 1
        return made.to_line()

    for call in agent.children("toolCalls")[:_MOST_CALLS]:
        asked = call.words("input") or ""
        told = f"{call.text('tool') or call.text('name') or '?'} {' '.join(asked.split())}"
        yield line(LineKind.TOOL_CALL, told, "stdout", (0, 0))
        for text in (call.words("output") or "").splitlines():
            yield line(LineKind.TOOL_OUTPUT, text, "stdout", (0, 0))
    stdout, stderr = agent.text("stdout") or "", agent.text("stderr") or ""
    answer = _answer(agent)
    if answer is not None and _is_answer_alone(stdout):
        for text in answer.splitlines():
            yield line(LineKind.MESSAGE, text, "stdout", (0, len(stdout.encode())))
    else:
        for text, raw in _lines(stdout):
            yield line(LineKind.OUTPUT, text, "stdout", raw)
    for text, raw in _lines(stderr):
        yield line(LineKind.ERROR_OUTPUT, text, "stderr", raw)


def _is_answer_alone(stdout: str) -> bool:
    """Whether the output is nothing but the JSON document that holds the answer."""
    text = stdout.strip()
    if not text:
        return True
    if not text.startswith("{") or "\n" in text:
        return False
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _lines(text: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """Each line with where it stands, in bytes."""
    at = 0
    for whole in text.split("\n") if text else ():
        size = len(whole.encode())
        if whole or at < len(text):
            yield whole, (at, size)
        at += size + 1
