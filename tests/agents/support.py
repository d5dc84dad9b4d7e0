"""What the tests of this room share: process exits, calls, and feeding a parser."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from agentgate_engine.agents.driver import AgentCall, AgentResult, Line, Observation, TranscriptParser
from agentgate_engine.models.line_kind import LineKind
from agentgate_engine.models.process import EndedBy, ProcessExit, StartError
from agentgate_engine.models.work_order import AgentRequest

TRANSCRIPTS = Path(__file__).parents[1] / "data" / "transcripts" / "claude"
WORKSPACE = "/workspace/toy"
T = 1_800_000_000.0


def ended(
    exit_code: int | None = 0,
    *,
    signal: str | None = None,
    by: EndedBy | None = None,
    start_error: StartError | None = None,
) -> ProcessExit:
    """A process exit; everything that no parser looks at is made up."""
    return ProcessExit(
        pid=None if start_error else 4242,
        exit_code=None if signal or start_error else exit_code,
        signal=signal,
        ended_by=by,
        start_error=start_error,
        started_at="2027-01-15T08:00:00.000Z",
        ended_at="2027-01-15T08:00:05.000Z",
        duration_ms=5000,
        stdout_bytes=0,
        stderr_bytes=0,
        swept_processes=0,
        max_rss_kb=None,
    )


def call(request: AgentRequest, workspace: Path = Path(WORKSPACE), **changes: object) -> AgentCall:
    given: dict[str, object] = {
        "request": request,
        "prompt": "Fix the thing.\n",
        "feedback": None,
        "workspace": workspace,
        "scratch": Path("/scratch"),
        "iteration": 1,
        "attempt": 1,
    }
    return AgentCall(**(given | changes))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Transcript:
    """A recorded run of the real claude."""

    name: str
    stdout: bytes
    stderr: bytes
    end: ProcessExit


def recorded(name: str) -> Transcript:
    meta = json.loads((TRANSCRIPTS / f"{name}.meta.json").read_text())
    by: EndedBy | None = "stop" if meta["signals_sent"] else None
    return Transcript(
        name,
        (TRANSCRIPTS / f"{name}.stdout.jsonl").read_bytes(),
        (TRANSCRIPTS / f"{name}.stderr.txt").read_bytes(),
        ended(meta["exit_code"], by=by),
    )


def recorded_names() -> list[str]:
    return sorted(path.name.removesuffix(".meta.json") for path in TRANSCRIPTS.glob("*.meta.json"))


def pieces(data: bytes, sizes: Iterable[int]) -> list[bytes]:
    """The data cut at these sizes, the rest whole."""
    cut: list[bytes] = []
    for size in sizes:
        cut.append(data[:size])
        data = data[size:]
    return [*cut, data]


def play(
    parser: TranscriptParser, stdout: Iterable[bytes], stderr: bytes = b"", end: ProcessExit | None = None, t: float = T
) -> tuple[list[Observation], AgentResult]:
    """Everything a parser says about these bytes. Without `end` the process exited with 0."""
    observed = [seen for chunk in stdout for seen in parser.feed(chunk, t)]
    observed += parser.feed_stderr(stderr, t)
    rest, result = parser.finish(end or ended(0), t + 1)
    return observed + rest, result


def lines_of(observed: list[Observation], *kinds: LineKind) -> list[str]:
    return [seen.text for seen in observed if isinstance(seen, Line) and (not kinds or seen.kind in kinds)]
