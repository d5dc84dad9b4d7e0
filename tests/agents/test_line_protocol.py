from __future__ import annotations

import json

import pytest

from agentgate_engine.agents.driver import AgentResult, Line, Observation, Said, ToolFinished, ToolStarted
from agentgate_engine.agents.line_protocol import LineProtocolParser
from agentgate_engine.clock import to_stamp
from agentgate_engine.models.agent_result import AgentOutcome, LineRange, TokenUsage, TouchedPath
from agentgate_engine.models.line_kind import LineKind
from agentgate_engine.models.process import ProcessExit

from .support import WORKSPACE, T, ended, lines_of, play


def told(*events: object, end: ProcessExit | None = None) -> tuple[list[Observation], AgentResult]:
    lines = [event if isinstance(event, bytes) else json.dumps(event).encode() + b"\n" for event in events]
    return play(LineProtocolParser(WORKSPACE), lines, b"careful\n", end)


def test_a_whole_play() -> None:
    observed, result = told(
        {"type": "session", "sessionId": "s1", "model": "m1"},
        {"type": "message", "role": "assistant", "text": "First\nsecond"},
        {"type": "thinking", "text": "hm"},
        {
            "type": "tool_start", "id": "1", "tool": "Edit", "kind": "edit", "input": {"with": "x"}, "t": T - 3,
            "paths": [{"path": f"{WORKSPACE}/a.py", "ranges": [[2, 4], [9, 1], "x"]}, {"path": "/etc/passwd"}],
        },
        b"plain words\n",
        {"type": "tool_end", "id": "1", "output": "done\n", "exitCode": 0, "isError": False, "t": T - 1},
        {"type": "usage", "input": 10, "output": 5, "cacheRead": 3, "costUsd": 0.25},
        {"type": "usage", "input": 1, "output": 1, "costUsd": 0.5},
        {"type": "result", "success": True, "text": "All good"},
    )  # fmt: skip
    path = TouchedPath(path="a.py", ranges=[LineRange(start=2, end=4)])
    assert Said(0, "assistant", "First ...") in observed
    assert ToolStarted("1", "Edit", "edit", "a.py", to_stamp(T - 3), (path,), "agent") in observed
    assert ToolFinished("1", "edit", False, to_stamp(T - 1), 0, 2000) in observed
    assert [(line.kind.value, line.text) for line in observed if isinstance(line, Line)] == [
        ("message", "First"),
        ("message", "second"),
        ("thinking", "hm"),
        ("tool_call", "Edit a.py"),
        ("output", "plain words"),
        ("tool_output", "done"),
        ("error_output", "careful"),
    ]
    assert (result.outcome, result.result_text) == (AgentOutcome.SUCCESS, "All good")
    assert (result.session_id, result.model) == ("s1", "m1")
    assert result.tokens_used == TokenUsage(input=11, output=6, cache_read=3, total=20)
    assert result.cost_usd == 0.75
    (call,) = result.tool_calls
    assert (call.input, call.paths, call.times_from, call.closed_by) == ({"with": "x"}, [path], "agent", "agent")


@pytest.mark.parametrize(
    ("final", "end", "outcome"),
    [
        ({"success": True}, ended(0), AgentOutcome.SUCCESS),
        ({"success": "yes"}, ended(0), AgentOutcome.TASK_FAILURE),
        ({"success": False}, ended(0), AgentOutcome.TASK_FAILURE),
        ({"success": False, "outcome": "rate_limited"}, ended(1), AgentOutcome.RATE_LIMITED),
        ({"success": False, "outcome": "success"}, ended(1), AgentOutcome.TASK_FAILURE),
        ({"success": False, "outcome": "splendid"}, ended(1), AgentOutcome.TASK_FAILURE),
        ({"success": True}, ended(143, by="stop"), AgentOutcome.CANCELED),
        (None, ended(0), AgentOutcome.INCOMPLETE),
        (None, ended(1), AgentOutcome.CRASH),
        (None, None, AgentOutcome.INCOMPLETE),
    ],
)
def test_outcome(final: dict[str, object] | None, end: ProcessExit | None, outcome: AgentOutcome) -> None:
    parser = LineProtocolParser(WORKSPACE)
    if final is not None:
        parser.feed(json.dumps({"type": "result", **final}).encode() + b"\n", T)
    assert parser.finish(end, T)[1].outcome is outcome


def test_a_failure_says_why() -> None:
    observed, result = told({"type": "result", "success": False, "error": "no such model"})
    assert result.reason == "The agent reported a failure: no such model"
    assert lines_of(observed, LineKind.NOTICE) == [result.reason]


def test_unknown_types_are_counted_and_shown() -> None:
    observed, result = told({"type": "plan"}, {"type": "plan"}, {"no": "type"})
    assert result.unknown_events == {"plan": 2}
    assert lines_of(observed, LineKind.NOTICE) == ["unknown event: plan"]
    assert lines_of(observed, LineKind.OUTPUT) == ['{"no": "type"}']
