from __future__ import annotations

from agentgate_engine.agents.driver import Line
from agentgate_engine.agents.plain_parser import PlainParser
from agentgate_engine.models.agent_result import AgentOutcome
from agentgate_engine.models.line_kind import LineKind
from agentgate_engine.models.transcript import TEXT_LIMIT

from .support import T, ended, play


def test_every_line_is_itself_and_its_bytes_are_found_again() -> None:
    out, err = b"one\n\xff\x1b[31mtwo\r\ntorn", b"oops\n"
    observed, result = play(PlainParser(), [out], err)
    assert observed == [
        Line(LineKind.OUTPUT, "one", (0, 3), T),
        Line(LineKind.OUTPUT, "\ufffd\x1b[31mtwo\r", (4, 10), T),
        Line(LineKind.ERROR_OUTPUT, "oops", (0, 4), T, "stderr"),
        Line(LineKind.OUTPUT, "torn", (15, 4), T + 1),
    ]
    assert [out[at : at + length] for at, length in [(0, 3), (4, 10), (15, 4)]] == out.split(b"\n")
    assert result.outcome is AgentOutcome.SUCCESS


def test_a_line_has_the_time_of_the_chunk_that_completed_it() -> None:
    parser = PlainParser()
    assert parser.feed(b"hel", T) == []
    assert parser.feed(b"lo\nnext", T + 5) == [Line(LineKind.OUTPUT, "hello", (0, 5), T + 5)]


def test_a_long_line_is_cut_for_people_and_whole_in_raw() -> None:
    for unit in ("x", "漢", "\U0001f600"):
        data = unit.encode() * (TEXT_LIMIT + 1)
        (line,) = play(PlainParser(), [data])[0]
        assert isinstance(line, Line)
        assert (line.text, line.cut, line.raw) == (unit * TEXT_LIMIT, True, (0, len(data)))
        (whole,) = play(PlainParser(), [unit.encode() * TEXT_LIMIT])[0]
        assert isinstance(whole, Line)
        assert (whole.text, whole.cut) == (unit * TEXT_LIMIT, False)


def test_a_nonzero_exit_is_a_crash() -> None:
    assert play(PlainParser(), [b"did a lot\n"], end=ended(3))[1].outcome is AgentOutcome.CRASH
