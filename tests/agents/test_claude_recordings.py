"""Every recorded run of the real claude, and what the parser makes of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from agentgate_engine.agents.claude_stream import ClaudeStreamParser
from agentgate_engine.agents.driver import AgentResult, Line, Observation, Said, ToolFinished, ToolStarted, UsageSeen
from agentgate_engine.clock import to_stamp
from agentgate_engine.models.agent_result import AgentOutcome as O
from agentgate_engine.models.agent_result import TokenUsage, ToolCall
from agentgate_engine.models.line_kind import LineKind
from agentgate_engine.models.process import ProcessExit

from .support import WORKSPACE, T, ended, lines_of, play, recorded, recorded_names

Facts = tuple[str, str, str, bool, int | None]


@dataclass(frozen=True)
class Expected:
    """`calls` are (tool, kind, path, is_error, exit code); `tokens` are (in, out, cache read, cache write)."""

    outcome: O
    says: str
    texts: list[str] = field(default_factory=list[str])
    calls: list[Facts] = field(default_factory=list[Facts])
    tokens: tuple[int, int, int, int] | None = (0, 0, 0, 0)
    cost: float | None = 0.0
    has_session: bool = True
    notices: list[str] = field(default_factory=list[str])


TWO_CALLS: list[Facts] = [("Write", "edit", "hello.txt", False, None), ("Bash", "bash", "", False, None)]
THREE_TEXTS = ["I will create hello.txt.", "Now checking it.", "All done: hello.txt was created."]
WHOLE = Expected(O.SUCCESS, "reported success", THREE_TEXTS, TWO_CALLS, (3300, 126, 9000, 600), 0.0279)
ERR500 = (
    "API Error: 500 internal error (stub). This is a server-side issue, usually temporary — try again in a moment. "
    "If it persists, check your inference gateway (127.0.0.1:4141)."
)
TWO_TURNS = (2100, 84, 6000, 400)

EXPECTED = {
    "success": WHOLE,
    "success_default_env": Expected(  # with claude's own side request for a title, which only `modelUsage` counts
        O.SUCCESS, "reported success", THREE_TEXTS, TWO_CALLS, (4300, 168, 12000, 800), 0.0367
    ),
    "partial": WHOLE,
    "resume": WHOLE,
    "resume+resume": WHOLE,
    "drop_ok": WHOLE,
    "accept_edits": WHOLE,
    "err429_ok": replace(
        WHOLE,
        notices=[
            "the model's API failed (429 rate_limit): retry 1 of 10, next try in 1.0 s",
            "the model's API failed (429 rate_limit): retry 2 of 10, next try in 1.1 s",
        ],
    ),
    "denied": Expected(
        O.SUCCESS,
        "1 tool call(s) were denied",
        THREE_TEXTS,
        [("Write", "edit", "hello.txt", True, None), ("Bash", "bash", "", True, 1)],
        (3300, 126, 9000, 600),
        0.0279,
        notices=["permission denied: Write hello.txt"],
    ),
    "fixit": Expected(
        O.SUCCESS,
        "reported success",
        [
            "I will look at hello.txt first.",
            "Writing hello.txt.",
            "Now checking it.",
            "Done: hello.txt is written.",
        ],
        [
            ("Read", "read", "hello.txt", False, None),
            ("Write", "edit", "hello.txt", False, None),
            ("Bash", "bash", "", False, None),
        ],
        (4600, 168, 12000, 800),
        0.0382,
    ),
    "subagent": Expected(
        O.SUCCESS,
        "reported success",
        ["I will send somebody.", "They have looked around."],
        [("Agent", "other", "", False, None), ("Bash", "bash", "", False, None)],
        (4200, 168, 12000, 800),
        0.0362,
        notices=["Look around, and send nobody."],
    ),
    "think": Expected(
        O.SUCCESS,
        "reported success",
        ["Writing.", "Done thinking."],
        [("Write", "edit", "hello.txt", False, None)],
        TWO_TURNS,
        0.0181,
    ),
    "badtool": Expected(
        O.SUCCESS,
        "reported success",
        ["Calling a tool that does not exist.", "That tool does not exist."],
        [("no_such_tool", "other", "", True, None)],
        TWO_TURNS,
        0.0181,
    ),
    "toolerr": Expected(
        O.SUCCESS,
        "reported success",
        ["Running a failing command.", "The command failed with status 3."],
        [("Bash", "bash", "", True, 3)],
        TWO_TURNS,
        0.0181,
    ),
    "parallel": Expected(
        O.SUCCESS,
        "reported success",
        ["Two at once.", "Both done."],
        [("Bash", "bash", "", False, None), ("Bash", "bash", "", False, None)],
        TWO_TURNS,
        0.0181,
    ),
    "unicode": Expected(
        O.SUCCESS,
        "reported success",
        ["héllo \u2028 line-sep \u0085 nel 漢字 \U0001f600 \x1b[31mred\x1b[0m", "Done."],
        [("Bash", "bash", "", False, None)],
        TWO_TURNS,
        0.0181,
    ),
    "max_turns": Expected(
        O.LIMIT_REACHED,
        "claude stopped at a limit: Reached maximum number of turns (2)",
        ["Step 0.", "Step 1."],
        [("Bash", "bash", "", False, None), ("Bash", "bash", "", False, None)],
        TWO_TURNS,
        0.0181,
        notices=["Reached maximum number of turns (2)"],
    ),
    "err400": Expected(
        O.TASK_FAILURE, "API Error: 400 bad request (stub)", notices=["API Error: 400 bad request (stub)"] * 2
    ),
    "err401": Expected(
        O.AUTH,
        "Invalid API key",
        notices=[
            "the model's API failed (401 authentication_failed): retry 1 of 2, next try in ",
            "the model's API failed (401 authentication_failed): retry 2 of 2, next try in ",
            *["Invalid API key · Fix external API key"] * 2,
        ],
    ),
    "err429": Expected(
        O.RATE_LIMITED,
        "Request rejected (429)",
        notices=[
            "the model's API failed (429 rate_limit): retry 1 of 2, next try in ",
            "the model's API failed (429 rate_limit): retry 2 of 2, next try in ",
            *["API Error: Request rejected (429) · rate limited (stub)"] * 2,
        ],
    ),
    "err500": Expected(
        O.OVERLOADED,
        "API Error: 500 internal error (stub)",
        notices=[
            *(f"the model's API failed (500 server_error): retry {n} of 10, next try in " for n in range(1, 11)),
            *[ERR500] * 2,
        ],
    ),
    "no_key": Expected(O.AUTH, "Not logged in", notices=["Not logged in · Please run /login"] * 2),
    "resume_unknown": Expected(
        O.TASK_FAILURE,
        "The session to resume is not known to claude: No conversation found with session ID: 11111111-",
        has_session=False,
        notices=["No conversation found with session ID: 11111111-1111-4111-8111-111111111111"],
    ),
    "no_verbose": Expected(
        O.CRASH, "--output-format=stream-json requires --verbose", tokens=None, cost=None, has_session=False
    ),
    "sleep_int": Expected(
        O.CANCELED,
        "canceled",
        ["Sleeping."],
        [("Bash", "bash", "", True, None)],
        (1000, 42, 3000, 200),
        0.0088,
        notices=[
            "[Request interrupted by user for tool use]",
            "[ede_diagnostic] result_type=user last_content_type=n/a stop_reason=tool_use",
        ],
    ),
    "sleep_term": Expected(
        O.CANCELED, "canceled", ["Sleeping.", "Woke."], [("Bash", "bash", "", True, 137)], TWO_TURNS, 0.0181
    ),
    "truncated_by_pipe": Expected(O.INCOMPLETE, "never reported a result", tokens=None, cost=None),
}


def read(name: str, end: ProcessExit | None = None) -> tuple[list[Observation], AgentResult]:
    run = recorded(name)
    return play(ClaudeStreamParser(WORKSPACE), [run.stdout], run.stderr, end or run.end)


def facts(call: ToolCall) -> Facts:
    return call.tool, call.kind, ",".join(entry.path for entry in call.paths), call.is_error, call.exit_code


def test_every_recording_is_in_the_table() -> None:
    assert recorded_names() == sorted(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_recording(name: str) -> None:
    expected = EXPECTED[name]
    observed, result = read(name)
    assert result.outcome is expected.outcome
    assert expected.says in result.reason
    if name != "truncated_by_pipe":
        assert lines_of(observed, LineKind.MESSAGE) == expected.texts
        assert result.unknown_events == {}
    assert [note.text for note in result.messages] == [seen.text for seen in observed if isinstance(seen, Said)]
    assert [facts(call) for call in result.tool_calls] == expected.calls
    notices = lines_of(observed, LineKind.NOTICE)
    assert len(notices) == len(expected.notices)
    assert all(seen.startswith(start) for seen, start in zip(notices, expected.notices, strict=True))
    if expected.tokens is None:
        assert result.tokens_used is None
    else:
        into, out, read_, written = expected.tokens
        total = sum(expected.tokens)
        assert result.tokens_used == TokenUsage(
            input=into, output=out, cache_read=read_, cache_write=written, total=total
        )
    assert result.cost_usd == (None if expected.cost is None else pytest.approx(expected.cost))
    assert (result.session_id is not None) == expected.has_session
    if expected.has_session:
        assert result.model in ("claude-opus-4-8[1m]", "claude-opus-4-8")


@pytest.mark.parametrize("name", EXPECTED)
def test_what_every_recording_obeys(name: str) -> None:
    """Each call starts once and ends once, in that order and with its times; each line's bytes are where it says."""
    run = recorded(name)
    observed, result = read(name)
    starts = [seen.id for seen in observed if isinstance(seen, ToolStarted)]
    ends = [seen.id for seen in observed if isinstance(seen, ToolFinished)]
    assert starts == [call.id for call in result.tool_calls]
    assert sorted(starts) == sorted(ends)
    for call in result.tool_calls:
        assert call.started_at == to_stamp(T)
        assert call.ended_at is not None and call.ended_at >= call.started_at
        assert call.duration_ms is not None and call.duration_ms >= 0
        assert len(call.fingerprint) == 12
    lines = [seen for seen in observed if isinstance(seen, Line)]
    for note in result.messages:
        assert lines[note.transcript_seq].text.startswith(note.text.removesuffix(" ..."))
    for line in lines:
        offset, length = line.raw
        source = run.stdout if line.stream == "stdout" else run.stderr
        raw = source[offset : offset + length]
        assert b"\n" not in raw
        assert offset == 0 or source[offset - 1 : offset] == b"\n"
        assert source[offset + length : offset + length + 1] in (b"\n", b"")


def test_the_usage_is_told_once_at_the_start_and_once_at_the_end() -> None:
    seen = [entry for entry in read("success")[0] if isinstance(entry, UsageSeen)]
    assert [(entry.model, entry.tokens_used is None, entry.cost_usd) for entry in seen] == [
        ("claude-opus-4-8[1m]", True, None),
        ("claude-opus-4-8[1m]", False, pytest.approx(0.0279)),
    ]


def test_a_result_does_not_count_when_we_ended_the_process() -> None:
    assert read("success", ended(0, by="deadline"))[1].outcome is O.TIMEOUT
    assert read("success", ended(0, by="stop"))[1].outcome is O.CANCELED
    assert read("success", ended(0, by="output_cap"))[1].outcome is O.LIMIT_REACHED


def test_the_lines_that_a_write_really_changed_replace_those_it_declared() -> None:
    read_call, write_call, _ = read("fixit")[1].tool_calls
    assert [(r.start, r.end) for r in read_call.paths[0].ranges] == [(1, 3)]
    assert [(r.start, r.end) for r in write_call.paths[0].ranges] == [(2, 2)]


def test_what_a_subagent_says_belongs_to_the_call_that_sent_it() -> None:
    observed, result = read("subagent")
    sent = result.tool_calls[0]
    notice = next(seen for seen in observed if isinstance(seen, Line) and seen.kind is LineKind.NOTICE)
    assert notice.tool == sent.id
    assert sent.output is not None and sent.output.startswith("Nothing to be seen.")
