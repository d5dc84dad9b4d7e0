"""No input raises, any chunking says the same, and what comes out can be written to disk."""

from __future__ import annotations

import json
import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentgate_engine.agents.claude_stream import ClaudeStreamParser
from agentgate_engine.agents.driver import AgentResult, Line, TranscriptParser
from agentgate_engine.agents.json_line import parse_object
from agentgate_engine.agents.line_protocol import LineProtocolParser
from agentgate_engine.agents.plain_parser import PlainParser
from agentgate_engine.models.agent_result import AgentOutcome
from agentgate_engine.models.transcript import TEXT_LIMIT

from .support import WORKSPACE, T, ended, pieces, play, recorded, recorded_names

PROTOCOL = b"\n".join(
    json.dumps(event).encode()
    for event in (
        {"type": "session", "sessionId": "s", "model": "m"},
        {"type": "message", "role": "assistant", "text": "one\ntwo \u2028 three"},
        {"type": "thinking", "text": "hm"},
        {"type": "tool_start", "id": "1", "tool": "Bash", "kind": "bash", "input": {"command": "ls"}, "t": T - 5},
        {"type": "tool_end", "id": "1", "output": "a\nb", "exitCode": 2, "isError": True, "t": T - 3},
        {"type": "tool_start", "id": "2", "tool": "E", "kind": "edit", "paths": [{"path": "a", "ranges": [[1, 2]]}]},
        {"type": "usage", "input": 5, "output": 6, "cacheRead": 1, "cacheWrite": 2, "costUsd": 0.5},
        {"type": "novelty"},
        {"type": "result", "success": False, "error": "no", "outcome": "loop_detected"},
    )
)
PARSERS: dict[str, Callable[[], TranscriptParser]] = {
    "claude": lambda: ClaudeStreamParser(WORKSPACE),
    "protocol": lambda: LineProtocolParser(WORKSPACE),
    "plain": PlainParser,
}
SAMPLES = {"protocol": [PROTOCOL], "plain": [PROTOCOL]}
SAMPLES["claude"] = [recorded(name).stdout for name in recorded_names() if name != "truncated_by_pipe"]
NASTY = (
    b'"\\ud800"', b'{"a":' * 3000, b"[" * 100_000, b"NaN", b"1e999", b"-Infinity", b"9" * 5000, b"null", b"[]", b"{}",
    b'""', b"true", b"-1", b"1e308", b"\xff\xfe", b"\x00", b"\x1b]0;x\x07", b"\r", b'"..\\u0000/x"', b"1" * 18,
)  # fmt: skip


def storable(result: AgentResult) -> None:
    """Raises when something in the result could not be written to the store."""
    for record in (*result.tool_calls, *result.messages):
        record.to_line()
    json.dumps([result.result_text, result.structured_output, dict(result.unknown_events)], allow_nan=False).encode()
    f"{result.reason}{result.session_id}{result.model}{result.result_text}".encode()
    if result.tokens_used is not None:
        result.tokens_used.to_line()


@pytest.mark.parametrize("kind", PARSERS)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_any_chunking_gives_the_same_observations_and_result(kind: str, data: st.DataObject) -> None:
    sample = data.draw(st.sampled_from(SAMPLES[kind]))
    sizes = data.draw(st.lists(st.integers(0, 400), max_size=60))
    whole = play(PARSERS[kind](), [sample])
    assert play(PARSERS[kind](), pieces(sample, sizes)) == whole


def test_one_byte_at_a_time_too() -> None:
    for kind in PARSERS:
        sample = SAMPLES[kind][0]
        assert play(PARSERS[kind](), [bytes([byte]) for byte in sample]) == play(PARSERS[kind](), [sample])


def mutated(line: bytes, others: list[bytes], dice: random.Random) -> bytes:
    """A line with a few things wrong: bytes flipped, pieces lost, doubled, swapped, or replaced by something nasty."""
    for _ in range(dice.randint(1, 4)):
        if not line:
            break
        at = dice.randrange(len(line))
        to = min(len(line), at + dice.randint(1, 40))
        match dice.randrange(6):
            case 0:
                line = line[:at] + bytes([dice.randrange(256)]) + line[at + 1 :]
            case 1:
                line = line[:at] + line[to:]
            case 2:
                line = line[:to] + line[at:to] + line[to:]
            case 3:
                other = dice.choice(others)
                line = line[:at] + other[dice.randrange(len(other) + 1) :]
            case 4:
                line = line[:at]
            case _:
                # a value in the place of another: the JSON mostly stays whole, and its shape is wrong
                start = line.find(b":", at)
                stop = line.find(b",", start)
                nasty = dice.choice(NASTY)
                line = line[: start + 1] + nasty + line[stop:] if 0 < start < stop else line + nasty
    return line


@pytest.mark.parametrize("kind", PARSERS)
def test_20000_mutated_lines_raise_nothing(kind: str) -> None:
    dice = random.Random(20_270_115)
    lines = [line for sample in SAMPLES[kind] for line in sample.split(b"\n") if line and len(line) < 20_000]
    still_events = 0
    for _ in range(200):
        parser = PARSERS[kind]()
        for number in range(100):
            line = mutated(dice.choice(lines), lines, dice)
            still_events += parse_object(line) is not None
            for seen in parser.feed(line + b"\n", T + number):
                if isinstance(seen, Line):
                    seen.text.encode()
                    assert "\n" not in seen.text
                    assert len(seen.text) <= TEXT_LIMIT
        end = dice.choice([None, ended(0), ended(1), ended(signal="SIGKILL"), ended(0, by="deadline")])
        storable(parser.finish(end, T + 200)[1])
    assert still_events > 1500, "the mutations must not only make bad JSON"


def shapes() -> st.SearchStrategy[object]:
    """Events with the right keys and any values in them."""
    keys = st.sampled_from(
        [
            "type",
            "subtype",
            "message",
            "content",
            "id",
            "name",
            "input",
            "tool_use_id",
            "text",
            "thinking",
            "usage",
            "modelUsage",
            "result",
            "errors",
            "is_error",
            "permission_denials",
            "tool_input",
            "tool_name",
            "timestamp",
            "tool_use_result",
            "structuredPatch",
            "lines",
            "newStart",
            "file",
            "startLine",
            "filePath",
            "parent_tool_use_id",
            "session_id",
            "model",
            "cwd",
            "total_cost_usd",
            "kind",
            "tool",
            "paths",
            "path",
            "ranges",
            "t",
            "output",
            "exitCode",
            "isError",
            "role",
            "success",
            "outcome",
            "sessionId",
            "costUsd",
            "error",
        ]
    )
    words = st.sampled_from(
        [
            "system",
            "init",
            "assistant",
            "user",
            "result",
            "tool_use",
            "tool_result",
            "text",
            "thinking",
            "tool_start",
            "tool_end",
            "usage",
            "message",
            "session",
            "api_retry",
            "a",
            "../..",
            "/workspace/toy/x",
            "2027-01-15T08:00:00Z",
            "0001-01-01T00:00:00+23:59",
        ]
    )
    leaves = st.one_of(words, st.text(max_size=5), st.integers(), st.floats(), st.booleans(), st.none())
    return st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=6))


@pytest.mark.parametrize("kind", ["claude", "protocol"])
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "type": st.sampled_from(
                    ["system", "assistant", "user", "result", "tool_start", "tool_end", "usage", "message"]
                )
            },
            optional={
                "subtype": st.sampled_from(["init", "api_retry", "success"]),
                "message": st.fixed_dictionaries({"content": shapes()}) | shapes(),
                **{key: shapes() for key in ("id", "input", "paths", "t", "modelUsage", "permission_denials")},
            },
        ),
        max_size=6,
    )
)
@settings(max_examples=300, deadline=None)
def test_the_right_keys_with_the_wrong_values_raise_nothing(kind: str, events: list[object]) -> None:
    storable(play(PARSERS[kind](), [json.dumps(event).encode() + b"\n" for event in events])[1])


def test_a_line_of_5_mb_in_64_kb_chunks_is_one_event() -> None:
    text = "word " * (1 << 20)
    message = {"type": "assistant", "message": {"content": [{"type": "text", "text": text}]}}
    line = json.dumps(message).encode() + b"\n"
    chunks = [line[at : at + 65536] for at in range(0, len(line), 65536)]
    observed, result = play(ClaudeStreamParser(WORKSPACE), chunks)
    (shown,) = [seen for seen in observed if isinstance(seen, Line)]
    assert (shown.text, shown.cut, shown.raw) == (text[:TEXT_LIMIT], True, (0, len(line) - 1))
    assert result.outcome is AgentOutcome.INCOMPLETE


def test_what_json_allows_and_a_record_does_not_is_taken_out() -> None:
    deep = b'{"a":' * 500 + b"1" + b"}" * 500
    assert parse_object(b'{"x": "\\ud800", "n": NaN, "i": 1e999}') == {"x": "\ufffd", "n": None, "i": None}
    assert parse_object(b'{"s": "\\ud83d\\ude00"}') == {"s": "\U0001f600"}
    assert parse_object(b'{"n": ' + b"9" * 5000 + b"}") == {"n": None}
    assert parse_object(deep) is not None
    assert parse_object(b'{"a":' * 100_000) is None
    assert [parse_object(raw) for raw in (b"", b"[]", b"7", b"{", b"{}x", b"\xff")] == [None] * 6
