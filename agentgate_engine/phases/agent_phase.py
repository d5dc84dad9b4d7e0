"""The building phase: calls the agent until an attempt counts, and writes `agent-{n}.json`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from agentgate_engine.agents.driver import AgentCall, AgentCommand, AgentDriver
from agentgate_engine.agents.registry import driver_for
from agentgate_engine.clock import to_stamp
from agentgate_engine.error_builder import error_of_agent
from agentgate_engine.errors import AgentGateError
from agentgate_engine.event_bus import Evidence
from agentgate_engine.models.agent_result import UNKNOWN_SESSION, AgentOutcome, PersistedAgentResult
from agentgate_engine.models.build_error import BuildError
from agentgate_engine.models.event_type import EventType
from agentgate_engine.models.events import (
    AgentComplete,
    AgentFailed,
    AgentInterrupted,
    RetryScheduled,
    RunWarned,
    SnapshotRestored,
)
from agentgate_engine.models.process import ProcessExit
from agentgate_engine.models.retry import RetryAttempt
from agentgate_engine.phases.agent_attempt import AttemptEnd
from agentgate_engine.phases.agent_call import AgentCaller
from agentgate_engine.phases.agent_record import AGENT, agent_record, why_lost
from agentgate_engine.phases.backoff import Backoff
from agentgate_engine.phases.run_context import RunContext, TimeUsedUp
from agentgate_engine.phases.spending import used_up
from agentgate_engine.phases.transcript_writer import transcript_tail
from agentgate_engine.process.process_folder import settle
from agentgate_engine.retry_executor import Failed, RetryExecutor
from agentgate_engine.store.run_reducer import with_usage
from agentgate_engine.threads import finish_in_thread

MOST_INTERRUPTIONS = 10


@dataclass(frozen=True, slots=True)
class FailedCall:
    """A call that failed, before it is decided whether it counts."""

    directory: Path
    record: PersistedAgentResult
    error: BuildError
    session_unknown: bool


@dataclass
class AgentPhase:
    """One iteration's agent call, made again where the order's policy says so.

    An attempt whose supervisor was lost, or that was stopped for want of an engine, says nothing about the work: it is
    recorded, its half-done tree kept, and the call made anew without counting.
    """

    context: RunContext

    def __post_init__(self) -> None:
        self.driver: AgentDriver = driver_for(self.context.order.agent.type)
        self._caller = AgentCaller(self.context, self.driver)
        self._backoff = Backoff(self.context, AGENT)
        self._failed: FailedCall | None = None

    async def work(self) -> AgentComplete:
        """Call the agent, again where the order's policy says so; the returned payload was emitted, its file exists.

        Raises:
            AgentGateError: the agent could not be called at all.
            CanceledByOperator: an operator ended the run while it waited for another try.
            ParkRun: the evidence could not be written.
        """
        told = self.context.persister.happened(EventType.AGENT_FAILED, self.context.run.iteration)
        if isinstance(told, AgentFailed):
            return told
        for announced in self._backoff.scheduled():
            if announced.process is not None and announced.outcome is not None:
                settle(self.context.layout.processes / announced.process, announced.outcome, self.context.clock)
        await self._backoff.wait()
        if self._backoff.pending() is not None and self.context.seconds_left() <= 0:
            raise TimeUsedUp
        executor = RetryExecutor(
            self.context.order.retry,
            clock=self.context.clock,
            sleep=lambda _: self._backoff.wait(),
            is_retryable=lambda _: False if self._nothing_left() else None,
            on_retry=self._try_again_later,
        )
        retried = await executor.run(self._call_agent, used=self._backoff.used())
        if not isinstance(retried.outcome, Failed):
            return retried.outcome
        assert self._failed is not None, "a failure is kept until it is told"
        return await self._tell_failure(self._failed)

    def _nothing_left(self) -> bool:
        """Whether the run has no time, tokens or money for another try. The last one's are not counted in it yet."""
        context, failed = self.context, self._failed
        if context.seconds_left() <= 0:
            return True
        record = failed.record if failed is not None else None
        run = context.run
        if record is not None:
            run = run.model_copy(update=with_usage(run, record.tokens_used, record.total_cost_usd))
        return used_up(context.order.limits, run, record) is not None

    async def _call_agent(self, _: int) -> AgentComplete | Failed:
        """One call that counts for the policy. A lost supervisor, or a session that the agent does not know any more,
        say nothing about the work: the call is made anew at once."""
        if self._failed is not None and self.context.seconds_left() <= 0:
            return Failed(self._failed.error)
        while len(lost := await self._lost_attempts()) <= MOST_INTERRUPTIONS:
            await self._backoff.begin()
            name, attempt = self.context.process_name("agent", 1)
            fresh = any(payload.fresh_session for payload in self._backoff.scheduled())
            call = self._caller.call(attempt, fresh_session=fresh)
            command = self.driver.command(call)
            directory = self.context.layout.processes / name
            end = await self._caller.attempt(directory, call, command)
            if end is None:
                continue
            ended = await self._conclude(directory, call, command, end)
            if isinstance(ended, AgentComplete):
                return ended
            if ended.session_unknown and call.session_id is not None:
                await self._leave_session(ended)
                continue
            return Failed(ended.error)
        raise AgentGateError(f"the supervisor of the agent was lost {len(lost)} times; look at the machine")

    async def _lost_attempts(self) -> list[str]:
        """The attempts of this iteration that were interrupted. Whatever is over is set back, once, before the next."""
        context = self.context
        _, next_attempt = context.process_name("agent", 1)
        told = {p.process for p in self.context.said_here(AgentInterrupted)}
        restored = {p.kept_as for p in self.context.said_here(SnapshotRestored)}
        retried = {p.process for p in self._backoff.scheduled()}
        lost: list[str] = []
        for attempt in range(1, next_attempt):
            name = context.layout.process(context.run.iteration, "agent", 1, attempt).name
            if name not in retried:
                lost.append(name)
                if name not in told:
                    await context.emit(
                        AgentInterrupted(
                            process=name, attempt=attempt, reason=why_lost(context.layout.processes / name)
                        )
                    )
            if kept_ref(name) not in restored:
                await self._set_back(name)
        return lost

    async def _set_back(self, process: str) -> None:
        """Keep the half-done tree of an attempt as a ref, and put the workspace back to the last snapshot."""
        context = self.context
        await finish_in_thread(context.workspace.restore, context.before_sha, process)
        await context.emit(SnapshotRestored(commit=context.before_sha, kept_as=kept_ref(process)))

    async def _conclude(
        self, directory: Path, call: AgentCall, command: AgentCommand, end: AttemptEnd
    ) -> AgentComplete | FailedCall:
        """Tell of a success, with `agent-{n}.json`. A failure is kept: whether it counts is the policy's to say."""
        context, result = self.context, end.result
        await self._warn_of_evidence(directory.name, end.exit)
        record = await asyncio.to_thread(agent_record, context, self.driver.name, directory, call, command, end)
        if result.outcome is AgentOutcome.SUCCESS:
            told = AgentComplete.model_validate(_facts(context.layout.agent(call.iteration), record))
            await context.emit(told, Evidence(context.layout.agent(call.iteration), record))
            settle(directory, result.outcome, context.clock)
            return told
        error = error_of_agent(
            record,
            phase=context.run.state.value,
            failed_at=to_stamp(context.clock.now()),
            limit_s=self._limit_s(),
            output=transcript_tail(context.layout.transcript(call.iteration)),
        )
        self._failed = FailedCall(directory, record, error, result.session_unknown)
        return self._failed

    async def _tell_failure(self, failed: FailedCall) -> AgentFailed:
        """The failure that counts: no try is left, or none would help."""
        context, error = self.context, failed.error
        retries = failed.record.retried_count
        if retries:
            error = error.model_copy(
                update={
                    "message": f"{error.message}; it failed {retries + 1} times",
                    "context": {**error.context, "retriedCount": retries},
                }
            )
        file = context.layout.agent(failed.record.iteration)
        facts = _facts(file, failed.record)
        if any(payload.process == failed.directory.name for payload in self._backoff.scheduled()):
            facts |= {"tokens_used": None, "cost_usd": None}  # counted when its retry was announced
        told = AgentFailed.model_validate({**facts, "error": error})
        await context.emit(told, Evidence(file, failed.record))
        settle(failed.directory, failed.record.outcome, context.clock)
        return told

    async def _try_again_later(self, attempt: RetryAttempt) -> None:
        """Announce the next try. The result of the one that failed stays beside its logs."""
        assert self._failed is not None, "a failure comes before its retry"
        await self._schedule(self._failed, attempt.next_retry_ms or 0, fresh_session=False)

    async def _leave_session(self, failed: FailedCall) -> None:
        await self._schedule(failed, 0, fresh_session=True)

    async def _schedule(self, failed: FailedCall, delay_ms: int, *, fresh_session: bool) -> None:
        record, file = failed.record, failed.directory / "agent.json"
        await self._backoff.schedule(
            RetryScheduled(
                attempt=record.attempts[-1].attempt,
                retry=self._backoff.used() + 1,
                until=self._backoff.until(delay_ms),
                delay_ms=delay_ms,
                reason=failed.error.message,
                error_type=failed.error.type,
                outcome=record.outcome,
                process=failed.directory.name,
                file=str(file.relative_to(self.context.layout.directory)),
                fresh_session=fresh_session,
                tokens_used=record.tokens_used,
                cost_usd=record.total_cost_usd,
            ),
            Evidence(file, record),
        )
        settle(failed.directory, record.outcome, self.context.clock)

    async def _warn_of_evidence(self, process: str, end: ProcessExit | None) -> None:
        """Say, once, that the logs of an attempt are not all that the agent printed."""
        if end is None or end.evidence_fault is None:
            return
        message = f"the evidence of {process} is not whole: {end.evidence_fault}"
        warning = RunWarned(warning="evidence", message=self.context.mask(message))
        if warning not in self.context.said_here(RunWarned):
            await self.context.emit(warning)

    def _limit_s(self) -> float:
        """The limit that a call which timed out ran into: its own, or what the run had left."""
        limits = self.context.order.limits
        return limits.max_iteration_seconds if self.context.seconds_left() > 0 else limits.max_wall_clock_seconds


def kept_ref(process: str) -> str:
    """The ref that holds the half-done tree of an attempt."""
    return f"refs/agentgate/interrupted/{process}"


def _facts(file: Path, record: PersistedAgentResult) -> dict[str, object]:
    return {
        "file": file.name,
        "outcome": record.outcome,
        "duration_ms": record.duration_ms,
        "tool_calls": len(record.tool_calls),
        "session_id": None if record.session_id == UNKNOWN_SESSION else record.session_id,
        "model": record.model,
        "tokens_used": record.tokens_used,
        "cost_usd": record.total_cost_usd,
    }


def settle_agents(context: RunContext) -> None:
    """`result.json` of each attempt that counted, where an engine died between telling of it and writing that."""
    for iteration in range(1, context.run.iteration + 1):
        record = context.persister.store.read_if_whole(PersistedAgentResult, context.layout.agent(iteration))
        if record is not None and record.attempts:
            settle(context.layout.processes / record.attempts[-1].process, record.outcome, context.clock)
