"""The transcript says what differs from the defaults, and goes on where an earlier engine left it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Literal

from agentgate_engine.agents.driver import Line
from agentgate_engine.models.line_kind import LineKind
from agentgate_engine.models.transcript import TEXT_LIMIT, TranscriptLine
from agentgate_engine.phases.transcript_writer import TranscriptWriter, transcript_tail
from agentgate_engine.store.line_reader import read_lines

MINE, OTHER = "1-agent-1-2", "1-agent-1-1"


def line(text: str, stream: Literal["stdout", "stderr"] = "stdout") -> Line:
    return Line(LineKind.OUTPUT, text, (0, len(text)), 0.0, stream)


def write(path: Path, process: str, *lines: Line) -> TranscriptWriter:
    writer = TranscriptWriter.open(path, process, str)
    writer.write(lines)
    writer.close()
    return writer


def texts(path: Path) -> list[str]:
    return [TranscriptLine.model_validate_json(found).text for found in read_lines(path)]


def test_a_plain_line_spells_out_no_default(tmp_path: Path) -> None:
    path = tmp_path / "transcript-1.jsonl"
    loud = Line(LineKind.TOOL_OUTPUT, "x" * (TEXT_LIMIT + 1), (3, 9), 0.0, "stderr", "t1", is_error=True)
    write(path, MINE, line("hello"), loud)
    plain, full = (json.loads(found) for found in read_lines(path))
    assert set(plain) == {"seq", "t", "kind", "text", "raw", "process"}
    assert (full["stream"], full["tool"], full["isError"], full["cut"]) == ("stderr", "t1", True, True)
    read = TranscriptLine.model_validate_json(read_lines(path)[0])
    assert (read.stream, read.tool, read.is_error, read.cut) == ("stdout", None, False, False)


def test_a_replay_skips_what_is_written_of_each_stream(tmp_path: Path) -> None:
    path = tmp_path / "transcript-1.jsonl"
    write(path, OTHER, line("lost"), line("lost too", "stderr"))
    write(path, MINE, line("a"), line("oh", "stderr"), line("b"))
    writer = write(path, MINE, line("oh", "stderr"), line("no", "stderr"), line("a"), line("b"), line("c"))
    assert texts(path) == ["lost", "lost too", "a", "oh", "b", "no", "c"]
    assert (writer.first_seq, writer.next_seq) == (2, 7)


def test_a_line_that_looks_like_a_record_is_counted_for_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "transcript-1.jsonl"
    forged = json.dumps({"process": MINE, "stream": "stderr"})
    write(path, OTHER, line(forged))
    write(path, MINE, line(forged))
    write(path, MINE, line(forged), line("next"), line("first", "stderr"))
    assert texts(path) == [forged, forged, "next", "first"]


def test_a_transcript_of_the_first_form_is_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "transcript-1.jsonl"
    common = {"t": "2026-01-01T00:00:00.000Z", "kind": "output", "raw": [0, 1], "process": MINE}
    rest = {"tool": None, "isError": False, "cut": False}
    old = [
        {"seq": seq, "text": text, "stream": stream, **common, **rest}
        for seq, (text, stream) in enumerate([("a", "stdout"), ("b", "stderr")])
    ]
    path.write_text("".join(json.dumps(record) + "\n" for record in old))
    write(path, MINE, line("a"), line("b", "stderr"), line("c"))
    assert texts(path) == ["a", "b", "c"]


def test_the_tail_of_a_fifo_is_empty(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "transcript-1.jsonl")
    assert transcript_tail(tmp_path / "transcript-1.jsonl") == ""
