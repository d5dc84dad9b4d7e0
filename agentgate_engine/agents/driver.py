"""What a driver is: a command line, and a parser that turns the bytes it prints into a transcript and a result.

Both are pure. The engine starts the process, tails its log into `feed`, and calls `finish` once with how it ended.
A parser sees the same bytes again when a restarted engine replays the log, and must then say the same things.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from pydantic import JsonValue

from agentgate_engine.models.agent_result import AgentOutcome, MessageNote, TokenUsage, ToolCall, ToolKind, TouchedPath
from agentgate_engine.models.line_kind import LineKind
from agentgate_engine.models.process import ProcessExit
from agentgate_engine.models.work_order import AgentRequest


@dataclass(frozen=True, slots=True)
class AgentCall:
    """One call of an agent: what to tell it, where, and how it may act.

    `prompt` is the exact text (the task, and the feedback of the iteration before). `scratch` is a directory outside
    the workspace for files the command line needs. `session_id` resumes a conversation where the driver can.
    """

    request: AgentRequest
    prompt: str
    feedback: str | None
    workspace: Path
    scratch: Path
    iteration: int
    attempt: int
    session_id: str | None = None


@dataclass(frozen=True, slots=True)
class AgentCommand:
    """What to run. `stdin` is text for a regular file the agent reads, or None for /dev/null.

    `environment` is added to the allow-listed one; `stop_sequence` is (signal name, seconds of grace) in order.
    `files` (name -> text) are written into the call's scratch directory before the start.
    """

    argv: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    pass_env: Sequence[str] = ()
    stdin: str | None = None
    stop_sequence: Sequence[tuple[str, float]] = (("SIGTERM", 3.0),)
    redacted_argv: Sequence[str] = ()
    files: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text for the transcript. `raw` is (offset, length) in the log of `stream`.

    `tool` is the id of the tool call that the line belongs to; `cut` says that `text` is not the whole line.
    """

    kind: LineKind
    text: str
    raw: tuple[int, int]
    t: float
    stream: Literal["stdout", "stderr"] = "stdout"
    tool: str | None = None
    is_error: bool = False
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """A message began at the next transcript line with this text (first line)."""

    index: int
    role: str
    text: str


@dataclass(frozen=True, slots=True)
class ToolStarted:
    id: str
    tool: str
    kind: ToolKind
    summary: str
    started_at: str
    paths: tuple[TouchedPath, ...] = ()
    times_from: Literal["agent", "arrival"] = "arrival"


@dataclass(frozen=True, slots=True)
class ToolFinished:
    id: str
    kind: ToolKind
    is_error: bool
    ended_at: str
    exit_code: int | None = None
    duration_ms: int | None = None
    closed_by: Literal["agent", "end_of_run"] = "agent"


@dataclass(frozen=True, slots=True)
class UsageSeen:
    """What is known so far of session, model, tokens and cost; None where it is not."""

    session_id: str | None = None
    model: str | None = None
    tokens_used: TokenUsage | None = None
    cost_usd: float | None = None


Observation = Line | Said | ToolStarted | ToolFinished | UsageSeen


@dataclass(frozen=True, slots=True)
class AgentResult:
    """What the whole call brought, by the rules of the driver. `reason` says in a sentence why the outcome is so.

    `session_unknown` tells that the agent could not go on with the conversation that it was to resume.
    """

    outcome: AgentOutcome
    reason: str
    session_id: str | None = None
    model: str | None = None
    result_text: str | None = None
    structured_output: JsonValue = None
    tool_calls: tuple[ToolCall, ...] = ()
    messages: tuple[MessageNote, ...] = ()
    tokens_used: TokenUsage | None = None
    cost_usd: float | None = None
    unknown_events: Mapping[str, int] = field(default_factory=dict[str, int])
    session_unknown: bool = False


class TranscriptParser(Protocol):
    """Bytes in, observations out. Any split of the bytes gives the same observations; no input raises."""

    def feed(self, chunk: bytes, arrived_at: float) -> list[Observation]:
        """Bytes of stdout in order; `arrived_at` is when the last of them came (epoch seconds)."""
        ...

    def feed_stderr(self, chunk: bytes, arrived_at: float) -> list[Observation]:
        """The same for stderr."""
        ...

    def finish(self, end: ProcessExit | None, ended_at: float) -> tuple[list[Observation], AgentResult]:
        """The rest (a torn last line, tool calls left open), and the result. `end` None = the process was lost."""
        ...


class AgentDriver(Protocol):
    """One kind of agent."""

    name: str
    resumes: bool
    """Whether `AgentCall.session_id` lets it go on with a conversation: it then gets the feedback without the task."""

    def problem(self, request: AgentRequest, environment: Mapping[str, str]) -> str | None:
        """Why this request cannot run here (a missing program, option or file) and what to do; None when it can."""
        ...

    def command(self, call: AgentCall) -> AgentCommand:
        """What to run for this call."""
        ...

    def parser(self, call: AgentCall) -> TranscriptParser:
        """A fresh parser for this call."""
        ...
