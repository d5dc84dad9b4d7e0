"""What the parser makes of events that the recordings lack (`test_claude_recordings.py` has those)."""

from __future__ import annotations

import json

from agentgate_engine.agents.claude_stream import ClaudeStreamParser
from agentgate_engine.agents.driver import AgentResult, Observation, ToolFinished
from agentgate_engine.agents.json_line import JsonObject
from agentgate_engine.clock import to_stamp
from agentgate_engine.models.agent_result import AgentOutcome as O
from agentgate_engine.models.agent_result import TokenUsage
from agentgate_engine.models.line_kind import LineKind
from agentgate_engine.models.process import ProcessExit

from .support import WORKSPACE, T, ended, lines_of, play


def event(**keys: object) -> bytes:
    return json.dumps(keys).encode() + b"\n"


def use(call: str, tool: str, tool_input: object, parent: str | None = None) -> bytes:
    block = {"type": "tool_use", "id": call, "name": tool, "input": tool_input}
    return event(type="assistant", message={"content": [block]}, parent_tool_use_id=parent)


def answer(call: str, content: object, **more: object) -> bytes:
    block = {"type": "tool_result", "tool_use_id": call, "content": content}
    return event(type="user", message={"content": [block]}, **more)


def parse(*chunks: bytes, end: ProcessExit | None = None) -> tuple[list[Observation], AgentResult]:
    return play(ClaudeStreamParser(WORKSPACE), chunks, end=end)


def test_a_time_is_believed_only_between_the_start_and_the_arrival() -> None:
    parser = ClaudeStreamParser(WORKSPACE)
    for number, claimed in enumerate((T + 4, T - 60, T + 1e6)):
        parser.feed(use(f"c{number}", "Bash", {}), T)
        parser.feed(answer(f"c{number}", "x", timestamp=to_stamp(claimed)), T + 9)
    durations = [call.duration_ms for call in parser.finish(ended(0), T + 10)[1].tool_calls]
    assert durations == [4000, 9000, 9000]


def test_calls_left_open_are_closed_at_the_end_and_not_called_errors() -> None:
    observed, result = parse(use("a", "Bash", {"command": "sleep 9"}), end=ended(143, by="deadline"))
    (call,) = result.tool_calls
    assert (call.closed_by, call.is_error, call.ended_at) == ("end_of_run", False, to_stamp(T + 1))
    assert isinstance(observed[-1], ToolFinished) and observed[-1].closed_by == "end_of_run"


def test_the_same_call_has_the_same_fingerprint_whatever_the_order_of_its_input() -> None:
    first, second, other = parse(
        use("a", "Bash", {"command": "ls", "timeout": 1}),
        use("b", "Bash", {"timeout": 1, "command": "ls"}),
        use("c", "Bash", {"command": "ls -l", "timeout": 1}),
    )[1].tool_calls
    assert first.fingerprint == second.fingerprint != other.fingerprint


def test_an_id_used_twice_makes_two_calls() -> None:
    result = parse(use("a", "Bash", {}), answer("a", "1"), use("a", "Bash", {}), answer("a", "2"))[1]
    assert [(call.id, call.output) for call in result.tool_calls] == [("a", "1"), ("a#1", "2")]


def test_large_inputs_and_outputs_are_cut_in_the_record_and_counted() -> None:
    big = "é" * 200_000
    result = parse(use("a", "Write", {"file_path": "x", "content": big}), answer("a", big))[1]
    (call,) = result.tool_calls
    assert isinstance(call.input, str) and len(call.input) == 65536
    assert call.output is not None and len(call.output) < 66_000
    assert call.output_bytes == 400_000


def test_a_long_output_is_a_bounded_number_of_lines() -> None:
    observed, _ = parse(use("a", "Bash", {}), answer("a", "x\n" * 20_000))
    shown = lines_of(observed, LineKind.TOOL_OUTPUT)
    assert len(shown) == 5001
    assert shown[-1] == "... 15000 more lines stand in the raw log"


def test_events_that_are_not_known_are_counted_and_shown_once() -> None:
    parsed = parse(event(type="novelty"), event(type="novelty"), event(type="system", subtype="hm"), b"Killed\n")
    assert parsed[1].unknown_events == {"novelty": 2, "system/hm": 1, "(not JSON)": 1}
    assert lines_of(parsed[0]) == ["unknown event: novelty", "unknown event: system/hm", "Killed"]


def test_an_error_that_calls_itself_a_success_is_a_failure() -> None:
    final: JsonObject = {"type": "result", "subtype": "success", "is_error": True, "result": "I gave up"}
    assert parse(event(**final))[1].outcome is O.TASK_FAILURE
    assert parse(event(**final | {"api_error_status": 529}))[1].outcome is O.OVERLOADED
    assert parse(event(**final | {"subtype": "error_max_budget_usd"}))[1].outcome is O.LIMIT_REACHED
    assert parse(event(**final | {"result": "Request timed out"}))[1].outcome is O.OVERLOADED


def test_without_usage_by_model_the_plain_usage_counts() -> None:
    usage = {"input_tokens": 5, "output_tokens": 7, "cache_read_input_tokens": -3}
    result = parse(event(type="result", is_error=False, usage=usage, total_cost_usd=-1))[1]
    assert result.tokens_used == TokenUsage(input=5, output=7, total=12)
    assert result.cost_usd is None


def test_without_a_result_stderr_may_tell_that_the_credentials_are_wrong() -> None:
    result = play(ClaudeStreamParser(WORKSPACE), [], b"Not logged in. Please run /login\n", ended(1))[1]
    assert (result.outcome, result.reason) == (O.AUTH, "claude reported: Not logged in. Please run /login")
