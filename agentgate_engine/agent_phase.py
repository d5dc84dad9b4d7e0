"""The building phase: calls the agent until an attempt counts, and writes `agent-{n}.json`."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from agentgate_engine.agent_attempt import AgentAttempt, AttemptEnd, said_in_attempt
from agentgate_engine.agent_log import head_and_tail
from agentgate_engine.agents.driver import AgentCall, AgentCommand, AgentDriver
from agentgate_engine.agents.environment import agent_environment
from agentgate_engine.agents.registry import driver_for
from agentgate_engine.clock import to_stamp
from agentgate_engine.error_builder import error_of_agent
from agentgate_engine.errors import AgentGateError
from agentgate_engine.event_bus import Evidence
from agentgate_engine.models.agent_result import AgentAttempt as AttemptRecord
from agentgate_engine.models.agent_result import AgentOutcome, PersistedAgentResult
from agentgate_engine.models.event_type import EventType
from agentgate_engine.models.events import (
    AgentAdopted,
    AgentComplete,
    AgentFailed,
    AgentInterrupted,
    AgentStarted,
    Payload,
    RunWarned,
    SnapshotRestored,
    parse_payload,
)
from agentgate_engine.models.feedback import FeedbackRecord
from agentgate_engine.models.process import INTERRUPTED, ProcessExit, ProcessSpec
from agentgate_engine.process.process_folder import read_result, settle
from agentgate_engine.process.process_host import Dead, Ended, NeverStarted, ProcessHandle
from agentgate_engine.prompt import compose_prompt
from agentgate_engine.run_context import RunContext
from agentgate_engine.store.atomic import replace_file
from agentgate_engine.store.masking import mask_within
from agentgate_engine.threads import finish_in_thread
from agentgate_engine.transcript_writer import TranscriptWriter, transcript_tail
from agentgate_engine.workspace_delta import DeltaWatch

STREAM_LIMIT = 1 << 20
MOST_INTERRUPTIONS = 10
_LOST = "the process and its supervisor were lost; what it had done is kept as a ref"
_ABANDONED = "its supervisor stopped it because no engine came back; what it had done is kept as a ref"
P = TypeVar("P", bound=Payload)


@dataclass
class AgentPhase:
    """One iteration's agent call.

    An attempt whose supervisor was lost, or that was stopped for want of an engine, says nothing about the work: it is
    recorded, its half-done tree kept, and the call made anew.
    """

    context: RunContext

    def __post_init__(self) -> None:
        self.driver: AgentDriver = driver_for(self.context.order.agent.type)

    async def work(self) -> AgentComplete:
        """Call the agent; the returned payload was emitted and its file exists.

        Raises:
            AgentGateError: the agent could not be called at all.
            ParkRun: the evidence could not be written.
        """
        told = self.context.persister.happened(EventType.AGENT_FAILED, self.context.run.iteration)
        if isinstance(told, AgentFailed):
            return told
        while len(lost := await self._lost_attempts()) <= MOST_INTERRUPTIONS:
            name, attempt = self.context.process_name("agent", 1)
            call = self._call(attempt)
            command = self.driver.command(call)
            directory = self.context.layout.processes / name
            end = await self._attempt(directory, attempt, call, command)
            if end is not None:
                return await self._conclude(directory, call, command, end, lost)
        raise AgentGateError(f"the supervisor of the agent was lost {len(lost)} times; look at the machine")

    async def _lost_attempts(self) -> list[AttemptRecord]:
        """The attempts of this iteration that were interrupted; each is set back, once, before the next begins."""
        context = self.context
        _, next_attempt = context.process_name("agent", 1)
        told = {p.process: p for p in self._said(AgentInterrupted)}
        lost: list[AttemptRecord] = []
        for attempt in range(1, next_attempt):
            name = context.layout.process(context.run.iteration, "agent", 1, attempt).name
            reason = self._why_lost(name)
            if name not in told:
                await self._set_back(name, attempt, reason)
            lost.append(AttemptRecord(attempt=attempt, process=name, outcome=INTERRUPTED, reason=reason))
        return lost

    def _why_lost(self, process: str) -> str:
        result = read_result(self.context.layout.processes / process)
        return _ABANDONED if result is not None and _abandoned(result.exit) else _LOST

    def _call(self, attempt: int) -> AgentCall:
        context = self.context
        iteration = context.run.iteration
        earlier = context.persister.store.read(FeedbackRecord, context.layout.feedback(iteration - 1))
        feedback = earlier.text if earlier else None
        session = context.run.session_id if feedback else None
        resumes = session is not None and self.driver.resumes
        return AgentCall(
            request=context.order.agent,
            prompt=compose_prompt(context.order.task_prompt, feedback, resumes_session=resumes),
            feedback=feedback,
            workspace=context.workspace.tree,
            scratch=context.workspace.scratch,
            iteration=iteration,
            attempt=attempt,
            session_id=session if resumes else None,
        )

    async def _attempt(
        self, directory: Path, attempt: int, call: AgentCall, command: AgentCommand
    ) -> AttemptEnd | None:
        """Start, adopt or read up on the attempt in `directory`; None when it was interrupted."""
        context = self.context
        found = await context.host.adopt(directory)
        before = said_in_attempt(context.persister.events, directory.name)
        known = any(p.process == directory.name for p in self._said(AgentStarted))
        if isinstance(found, NeverStarted):
            found = await self._start(directory, call, command)
        elif isinstance(found, Dead):
            return None
        elif isinstance(found, Ended) and _abandoned(found.exit):
            settle(directory, INTERRUPTED, context.clock)
            return None
        elif known:
            running = isinstance(found, ProcessHandle)
            await context.emit(AgentAdopted(process=directory.name, attempt=attempt, still_running=running))
        if not known:
            await self._announce(directory.name, attempt, command)
        watch = DeltaWatch(
            context.workspace, await asyncio.to_thread(context.workspace.tree_of_commit, context.before_sha)
        )
        transcript = await self._transcript(call.iteration, directory.name)
        try:
            parser = self.driver.parser(call)
            reading = AgentAttempt(
                context.bus, context.clock, call.iteration, directory, parser, transcript, watch, before
            )
            if isinstance(found, Ended):
                return await reading.read_to_end(found.exit)
            end = await reading.follow(found, context.stop)
            if _abandoned(end.exit):
                settle(directory, INTERRUPTED, context.clock)
                return None
            return end if end.exit is not None else None
        finally:
            transcript.close()

    async def _transcript(self, iteration: int, process: str) -> TranscriptWriter:
        """Go on with the transcript; one that was opened for a task that is gone meanwhile is closed again."""
        path = self.context.layout.transcript(iteration)
        opening = asyncio.ensure_future(asyncio.to_thread(TranscriptWriter.open, path, process, self.context.mask))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            for opened in await asyncio.gather(opening, return_exceptions=True):
                if isinstance(opened, TranscriptWriter):
                    opened.close()
            raise

    async def _start(self, directory: Path, call: AgentCall, command: AgentCommand) -> ProcessHandle:
        context, order = self.context, self.context.order
        call.scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, content in command.files.items():
            replace_file(call.scratch / name, content.encode(), sync=False)
        stdin: Path | None = None
        if command.stdin is not None:
            stdin = call.scratch / f"stdin-{call.iteration}-{call.attempt}.txt"
            replace_file(stdin, command.stdin.encode(), sync=False)
        spec = ProcessSpec.model_validate(
            {
                "argv": list(command.argv),
                "cwd": str(call.workspace),
                "token": f"{context.run_id}-{call.iteration}-{call.attempt}-{secrets.token_hex(6)}",
                "ownerLock": str(context.layout.lock),
                "stdin": str(stdin) if stdin else None,
                "deadlineS": max(0.1, min(order.limits.max_iteration_seconds, context.seconds_left())),
                "outputCapBytes": order.limits.output_cap_bytes,
                "stopSequence": [list(step) for step in command.stop_sequence],
            }
        )
        # An agent that deletes its `.git` must not find a repository around the store and work on that.
        ceiling = {"GIT_CEILING_DIRECTORIES": str(call.workspace.parent)}
        environment = {**agent_environment(context.environment, command, order.agent), **ceiling}
        return await context.host.start(directory, spec, environment)

    async def _announce(self, process: str, attempt: int, command: AgentCommand) -> None:
        context = self.context
        limit = min(context.order.limits.max_iteration_seconds, context.seconds_left())
        argv = [context.mask(part) for part in (command.redacted_argv or command.argv)]
        await context.emit(
            AgentStarted(
                process=process,
                attempt=attempt,
                argv=argv,
                permission_mode=context.order.agent.permission_mode,
                deadline=to_stamp(context.clock.now() + limit),
            )
        )

    async def _set_back(self, process: str, attempt: int, reason: str) -> None:
        """Keep the half-done tree of a lost attempt as a ref, and put the workspace back to the last snapshot."""
        context = self.context
        await finish_in_thread(context.workspace.restore, context.before_sha, process)
        await context.emit(AgentInterrupted(process=process, attempt=attempt, reason=reason))
        await context.emit(SnapshotRestored(commit=context.before_sha, kept_as=f"refs/agentgate/interrupted/{process}"))

    async def _conclude(
        self, directory: Path, call: AgentCall, command: AgentCommand, end: AttemptEnd, lost: list[AttemptRecord]
    ) -> AgentComplete:
        """Write `result.json` and `agent-{n}.json`, and say how the call ended."""
        context, result = self.context, end.result
        await self._warn_of_evidence(directory.name, end.exit)
        record = await asyncio.to_thread(self._record, directory, call, command, end, lost)
        file = context.layout.agent(call.iteration)
        evidence = Evidence(file, record)
        common = {
            "file": file.name,
            "outcome": result.outcome,
            "duration_ms": record.duration_ms,
            "tool_calls": len(record.tool_calls),
            "session_id": result.session_id,
            "model": result.model,
            "tokens_used": result.tokens_used,
            "cost_usd": result.cost_usd,
        }
        payload: AgentComplete
        if result.outcome is AgentOutcome.SUCCESS:
            payload = AgentComplete.model_validate(common)
        else:
            error = error_of_agent(
                record,
                phase=context.run.state.value,
                failed_at=to_stamp(context.clock.now()),
                limit_s=self._limit_s(),
                output=transcript_tail(context.layout.transcript(call.iteration)),
            )
            payload = AgentFailed.model_validate({**common, "error": error})
        await context.emit(payload, evidence)
        settle(directory, result.outcome, context.clock)
        return payload

    async def _warn_of_evidence(self, process: str, end: ProcessExit | None) -> None:
        """Say, once, that the logs of an attempt are not all that the agent printed."""
        if end is None or end.evidence_fault is None:
            return
        message = f"the evidence of {process} is not whole: {end.evidence_fault}"
        warning = RunWarned(warning="evidence", message=self.context.mask(message))
        if warning not in self._said(RunWarned):
            await self.context.emit(warning)

    def _limit_s(self) -> float:
        """The limit that a call which timed out ran into: its own, or what the run had left."""
        limits = self.context.order.limits
        return limits.max_iteration_seconds if self.context.seconds_left() > 0 else limits.max_wall_clock_seconds

    def _record(
        self, directory: Path, call: AgentCall, command: AgentCommand, end: AttemptEnd, lost: list[AttemptRecord]
    ) -> PersistedAgentResult:
        context, result, mask = self.context, end.result, self.context.mask
        stdout, stdout_bytes = head_and_tail(directory / "stdout.log", STREAM_LIMIT, mask)
        stderr, stderr_bytes = head_and_tail(directory / "stderr.log", STREAM_LIMIT, mask)
        log = f"processes/{directory.name}"
        exit_ = end.exit
        this = AttemptRecord(
            attempt=call.attempt,
            process=directory.name,
            outcome=result.outcome,
            exit_code=exit_.exit_code if exit_ else None,
            signal=exit_.signal if exit_ else None,
            started_at=exit_.started_at if exit_ else None,
            duration_ms=exit_.duration_ms if exit_ else None,
            reason=mask(result.reason),
        )
        record = PersistedAgentResult(
            run_id=context.run_id,
            iteration=call.iteration,
            captured_at=to_stamp(context.clock.now()),
            agent=self.driver.name,
            permission_mode=context.order.agent.permission_mode,
            argv=[mask(part) for part in (command.redacted_argv or command.argv)],
            session_id=result.session_id or "unknown",
            model=result.model or context.order.agent.model,
            prompt=mask(call.prompt),
            success=result.outcome is AgentOutcome.SUCCESS,
            outcome=result.outcome,
            outcome_reason=mask(result.reason),
            exit_code=this.exit_code,
            signal=this.signal,
            stdout=stdout,
            stderr=stderr,
            stdout_log=f"{log}/stdout.log",
            stderr_log=f"{log}/stderr.log",
            original_bytes={"stdout": stdout_bytes, "stderr": stderr_bytes},
            transcript_file=context.layout.transcript(call.iteration).name,
            result_text=mask(result.result_text) if result.result_text is not None else None,
            structured_output=result.structured_output,
            tool_calls=[tool.model_copy(update={"delta": end.deltas.get(tool.id)}) for tool in result.tool_calls],
            messages=[
                note.model_copy(update={"transcript_seq": note.transcript_seq + end.first_seq})
                for note in result.messages
            ],
            started_at=this.started_at,
            duration_ms=this.duration_ms or 0,
            tokens_used=result.tokens_used,
            total_cost_usd=result.cost_usd,
            unknown_events=dict(result.unknown_events),
            attempts=[*lost, this],
        )
        # Inputs and outputs of tools lie deep inside, so every text of the document is masked.
        return PersistedAgentResult.model_validate(mask_within(record.model_dump(mode="json"), mask))

    def _said(self, kind: type[P]) -> list[P]:
        """What was said in this iteration, of one kind."""
        events = self.context.persister.events
        here = [parse_payload(e) for e in events if e.type is kind.type and e.iteration == self.context.run.iteration]
        return [payload for payload in here if isinstance(payload, kind)]


def _abandoned(end: ProcessExit | None) -> bool:
    """Whether the supervisor stopped it because no engine came: that says nothing about the agent's work."""
    return end is not None and end.ended_by == "engine_lost"


def settle_agents(context: RunContext) -> None:
    """`result.json` of each attempt that counted, where an engine died between telling of it and writing that."""
    for iteration in range(1, context.run.iteration + 1):
        record = context.persister.store.read_if_whole(PersistedAgentResult, context.layout.agent(iteration))
        if record is not None and record.attempts:
            settle(context.layout.processes / record.attempts[-1].process, record.outcome, context.clock)
