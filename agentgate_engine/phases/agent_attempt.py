"""One attempt at an agent call: the process, its log tailed into the parser, and everything it says told on the bus.

The same code begins an attempt, goes on with one that a dead engine left running, and reads up on one that ended
meanwhile: the process folder says which it is.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from agentgate_engine.agents.driver import (
    AgentResult,
    Line,
    Observation,
    Said,
    ToolFinished,
    ToolStarted,
    TranscriptParser,
    UsageSeen,
)
from agentgate_engine.clock import Clock
from agentgate_engine.errors import StoreError, WorkspaceError
from agentgate_engine.event_bus import EventBus
from agentgate_engine.models.agent_result import WorkspaceDelta
from agentgate_engine.models.events import (
    AgentMessage,
    AgentStarted,
    AgentToolFinished,
    AgentToolStarted,
    AgentUsage,
    Event,
    Payload,
    RunWarned,
    parse_payload,
)
from agentgate_engine.models.process import ProcessExit
from agentgate_engine.phases.agent_log import LogTail
from agentgate_engine.phases.transcript_writer import TranscriptWriter
from agentgate_engine.phases.workspace_delta import DeltaWatch
from agentgate_engine.process.arrival_times import ArrivalTimes
from agentgate_engine.process.process_host import ProcessHandle

POLL_S = 0.02
INLINE_BYTES = 16 * 1024
LOG_REPLACED = "agent_log"


@dataclass(frozen=True, slots=True)
class AttemptEnd:
    """How an attempt ended. `exit` is None when the process was lost with its supervisor.

    `first_seq` is where its lines begin in the transcript, which the attempts of an iteration share.
    """

    result: AgentResult
    exit: ProcessExit | None
    deltas: dict[str, WorkspaceDelta]
    first_seq: int


@dataclass
class AgentAttempt:
    """`said_before` holds the payloads that an earlier engine already wrote for this attempt."""

    bus: EventBus
    clock: Clock
    iteration: int
    directory: Path
    parser: TranscriptParser
    transcript: TranscriptWriter
    delta: DeltaWatch
    said_before: list[Payload]
    deltas: dict[str, WorkspaceDelta] = field(default_factory=dict[str, WorkspaceDelta])
    _measuring: asyncio.Task[None] | None = None
    _latest_usage: UsageSeen | None = None
    _log_fault: StoreError | None = None

    def __post_init__(self) -> None:
        self._stdout = LogTail(self.directory / "stdout.log")
        self._stderr = LogTail(self.directory / "stderr.log")
        self._times = ArrivalTimes(self.directory)
        self._told_messages = {p.index for p in self.said_before if isinstance(p, AgentMessage)}
        self._told_starts = {p.id for p in self.said_before if isinstance(p, AgentToolStarted)}
        self._told_usages = sum(isinstance(p, AgentUsage) for p in self.said_before)
        self._told_log_fault = any(isinstance(p, RunWarned) and p.warning == LOG_REPLACED for p in self.said_before)
        finished = [p for p in self.said_before if isinstance(p, AgentToolFinished)]
        self._told_ends = {p.id for p in finished}
        self._ended: dict[str, AgentToolFinished] = {}
        self.deltas.update({p.id: p.delta for p in finished if p.delta})
        measured = [p.delta.tree_after for p in finished if p.delta]
        if measured:
            self.delta.tree = measured[-1]
        # The last call that ended may have been waiting for its measurement when the engine died.
        last = [p.id for p in finished if p.delta is None][-1:]
        self._settled = self._told_ends - (set(last) - self.deltas.keys())

    async def follow(self, handle: ProcessHandle, stop: asyncio.Event) -> AttemptEnd:
        """Tail until the process has ended and every byte was read; set `stop` to end it.

        Raises:
            ParkRun: the evidence could not be written; the process goes on under its supervisor.
        """
        waiting = asyncio.create_task(handle.wait(), name=f"wait {self.directory.name}")
        stopping = asyncio.create_task(stop.wait(), name=f"stop {self.directory.name}")
        asked = False
        try:
            while not waiting.done():
                if stopping.done() and not asked:
                    asked = True
                    await handle.stop()
                if not await self._read_more():
                    pause = {waiting} if stopping.done() else {waiting, stopping}
                    await asyncio.wait(pause, timeout=POLL_S, return_when=asyncio.FIRST_COMPLETED)
            return await self.read_to_end(waiting.result())
        finally:
            await _call_off(waiting, stopping, self._measuring)

    async def read_to_end(self, end: ProcessExit | None) -> AttemptEnd:
        """Read what is left of the logs of a process that has ended.

        Raises:
            ParkRun: the evidence could not be written.
        """
        try:
            while await self._read_more():
                pass
            rest, result = self.parser.finish(end, self.clock.now())
            await self._tell(rest)
            if self._measuring is not None:
                await self._measuring
            if self.delta.due:
                await self._measure()
            return AttemptEnd(result, end, self.deltas, self.transcript.first_seq)
        finally:
            await _call_off(self._measuring)

    async def _read_more(self) -> bool:
        """Feed what came since the last call; false when nothing did."""
        out, err = self._bytes_of(self._stdout), self._bytes_of(self._stderr)
        if self._log_fault is not None and not self._told_log_fault:
            self._told_log_fault = True
            message = f"the agent replaced its log: {self._log_fault}; what it prints from there on is not seen"
            await self.bus.emit(RunWarned(warning=LOG_REPLACED, message=message), iteration=self.iteration)
        if not out and not err:
            return False
        if len(out) + len(err) > INLINE_BYTES:
            seen = await asyncio.to_thread(self._parse, out, err)
        else:
            seen = self._parse(out, err)
        await self._tell(seen)
        return True

    def _bytes_of(self, log: LogTail) -> bytes:
        try:
            return log.read()
        except StoreError as fault:
            self._log_fault = fault
            return b""

    def _arrived(self, begin: int, end: int) -> tuple[int, float | None]:
        try:
            return self._times.piece(begin, end)
        except StoreError as fault:
            self._log_fault = fault
            return end, None

    def _parse(self, out: bytes, err: bytes) -> list[Observation]:
        seen: list[Observation] = []
        begin = self._stdout.offset - len(out)
        while out:
            upto, arrived = self._arrived(begin, begin + len(out))
            piece, out = out[: upto - begin], out[upto - begin :]
            begin = upto
            seen += self.parser.feed(piece, arrived if arrived is not None else self.clock.now())
        if err:
            seen += self.parser.feed_stderr(err, self.clock.now())
        return seen

    async def _tell(self, seen: list[Observation]) -> None:
        """Lines go to the transcript, the rest becomes events; each once, also after a restart."""
        lines: list[Line] = []
        for item in seen:
            if isinstance(item, Line):
                lines.append(item)
                continue
            self.transcript.write(lines)
            lines = []
            payload = self._payload(item)
            if payload is not None:
                await self.bus.emit(payload, iteration=self.iteration)
        self.transcript.write(lines)
        if self.delta.due and (self._measuring is None or self._measuring.done()):
            if self._measuring is not None:
                self._measuring.result()
            self._measuring = asyncio.create_task(self._measure(), name=f"delta {self.directory.name}")

    def _payload(self, item: Said | ToolStarted | ToolFinished | UsageSeen) -> Payload | None:
        match item:
            case Said():
                if item.index in self._told_messages:
                    return None
                return AgentMessage(
                    index=item.index,
                    role=item.role,
                    transcript_seq=self.transcript.next_seq,
                    text=self.transcript.mask(item.text)[:200],
                )
            case ToolStarted():
                if item.id not in self._settled:
                    self.delta.started(item)
                if item.id in self._told_starts:
                    return None
                return AgentToolStarted(
                    id=item.id,
                    tool=item.tool,
                    kind=item.kind,
                    summary=self.transcript.mask(item.summary),
                    paths=list(item.paths),
                    started_at=item.started_at,
                    times_from=item.times_from,
                )
            case ToolFinished():
                if item.id not in self._settled:
                    self.delta.finished(item)
                self._ended[item.id] = _finished(item)
                return None if item.id in self._told_ends else self._ended[item.id]
            case UsageSeen():
                if item == self._latest_usage:
                    return None
                self._latest_usage = item
                if self._told_usages > 0:
                    self._told_usages -= 1
                    return None
                return AgentUsage(
                    session_id=item.session_id,
                    model=item.model,
                    tokens_used=item.tokens_used,
                    cost_usd=item.cost_usd,
                )

    async def _measure(self) -> None:
        """Attribute what changed to the calls of the window, and tell it as a second word about each."""
        try:
            measured = await self.delta.measure()
        except WorkspaceError as fault:
            await self.bus.emit(RunWarned(warning="workspace_delta", message=str(fault)), iteration=self.iteration)
            return
        for call, delta in measured:
            self.deltas[call] = delta
            if call in self._ended:
                told = self._ended[call].model_copy(update={"delta": delta})
                await self.bus.emit(told, iteration=self.iteration)


def said_in_attempt(events: list[Event], process: str) -> list[Payload]:
    """What the events already tell of the attempt in this process folder."""
    said: list[Payload] = []
    inside = False
    for event in events:
        payload = parse_payload(event)
        if isinstance(payload, AgentStarted):
            inside = payload.process == process
        elif inside:
            said.append(payload)
    return said


async def _call_off(*tasks: asyncio.Task[Any] | None) -> None:
    """Cancel tasks and see them end, so that none writes into what its owner closes next."""
    mine = [task for task in tasks if task is not None]
    for task in mine:
        task.cancel()
    await asyncio.gather(*mine, return_exceptions=True)


def _finished(item: ToolFinished) -> AgentToolFinished:
    closed: Literal["agent", "end_of_run"] = item.closed_by
    return AgentToolFinished(
        id=item.id,
        is_error=item.is_error,
        exit_code=item.exit_code,
        ended_at=item.ended_at,
        duration_ms=item.duration_ms,
        closed_by=closed,
    )
