"""The parser for programs that just print: every line is itself, and the exit decides."""

from __future__ import annotations

from collections import deque

from agentgate_engine.agents.conversation import PLAIN_KEEP, Conversation
from agentgate_engine.agents.driver import AgentResult, Observation
from agentgate_engine.agents.line_splitter import LineSplitter, RawLine
from agentgate_engine.agents.outcome import by_exit
from agentgate_engine.models.line_kind import LineKind
from agentgate_engine.models.process import ProcessExit


class ErrorStream:
    """The stderr of any agent: shown line by line, its end remembered for the reason of a failure."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._splitter = LineSplitter(keep=PLAIN_KEEP)
        self._last: deque[str] = deque(maxlen=20)

    def feed(self, chunk: bytes, t: float) -> list[Observation]:
        return [seen for line in self._splitter.feed(chunk) for seen in self._line(line, t)]

    def finish(self, t: float) -> list[Observation]:
        rest = self._splitter.finish()
        return self._line(rest, t) if rest is not None else []

    @property
    def last_words(self) -> str:
        """The last lines that are not blank, joined; short enough for a sentence."""
        return " / ".join(list(self._last)[-3:])[-600:]

    def _line(self, line: RawLine, t: float) -> list[Observation]:
        text = line.data[:2000].decode("utf-8", errors="replace").strip()
        if text:
            self._last.append(text)
        return self._conversation.output(line, t, LineKind.ERROR_OUTPUT, "stderr")


class PlainParser:
    """`command`: stdout lines are output, stderr lines error output (a stream, not a judgement)."""

    def __init__(self) -> None:
        self._conversation = Conversation()
        self._splitter = LineSplitter(keep=PLAIN_KEEP)
        self._errors = ErrorStream(self._conversation)

    def feed(self, chunk: bytes, arrived_at: float) -> list[Observation]:
        return [seen for line in self._splitter.feed(chunk) for seen in self._output(line, arrived_at)]

    def feed_stderr(self, chunk: bytes, arrived_at: float) -> list[Observation]:
        return self._errors.feed(chunk, arrived_at)

    def finish(self, end: ProcessExit | None, ended_at: float) -> tuple[list[Observation], AgentResult]:
        rest = self._splitter.finish()
        observed = self._output(rest, ended_at) if rest is not None else []
        observed += self._errors.finish(ended_at)
        verdict = by_exit(end)
        return observed, AgentResult(verdict.outcome, verdict.reason)

    def _output(self, line: RawLine, t: float) -> list[Observation]:
        return self._conversation.output(line, t, LineKind.OUTPUT)
