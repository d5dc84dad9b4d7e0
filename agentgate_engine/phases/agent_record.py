"""`agent-{n}.json` from what an attempt brought, with the attempts before it."""

from __future__ import annotations

from pathlib import Path

from agentgate_engine.agents.driver import AgentCall, AgentCommand
from agentgate_engine.clock import to_stamp
from agentgate_engine.models.agent_result import UNKNOWN_SESSION, AgentOutcome, PersistedAgentResult
from agentgate_engine.models.agent_result import AgentAttempt as AttemptRecord
from agentgate_engine.models.process import INTERRUPTED
from agentgate_engine.phases.agent_attempt import AttemptEnd
from agentgate_engine.phases.agent_log import head_and_tail
from agentgate_engine.phases.backoff import Backoff
from agentgate_engine.phases.run_context import RunContext
from agentgate_engine.process.process_folder import read_result
from agentgate_engine.store.masking import mask_within

AGENT = "agent"
"""The operation that an agent call is, among those that are retried."""

STREAM_LIMIT = 1 << 20
"""Bytes of each stream that the record keeps, head and tail."""

_LOST = "the process and its supervisor were lost; what it had done is kept as a ref"
_ABANDONED = "its supervisor stopped it because no engine came back; what it had done is kept as a ref"


def agent_record(
    context: RunContext, driver: str, directory: Path, call: AgentCall, command: AgentCommand, end: AttemptEnd
) -> PersistedAgentResult:
    """The whole result of one attempt, every text of it masked."""
    result, mask = end.result, context.mask
    earlier = earlier_attempts(context, call.attempt)
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
        agent=driver,
        permission_mode=context.order.agent.permission_mode,
        argv=[mask(part) for part in (command.redacted_argv or command.argv)],
        session_id=result.session_id or UNKNOWN_SESSION,
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
            note.model_copy(update={"transcript_seq": note.transcript_seq + end.first_seq}) for note in result.messages
        ],
        started_at=this.started_at,
        duration_ms=this.duration_ms or 0,
        tokens_used=result.tokens_used,
        total_cost_usd=result.cost_usd,
        unknown_events=dict(result.unknown_events),
        attempts=[*earlier, this],
        retried_count=sum(attempt.will_retry for attempt in earlier),
    )
    # Inputs and outputs of tools lie deep inside, so every text of the document is masked.
    return PersistedAgentResult.model_validate(mask_within(record.model_dump(mode="json"), mask))


def earlier_attempts(context: RunContext, before: int) -> list[AttemptRecord]:
    """The attempts of the present iteration with a number below `before`: retried or interrupted, oldest first."""
    retried = {payload.process: payload for payload in Backoff(context, AGENT).scheduled()}
    found: list[AttemptRecord] = []
    for attempt in range(1, before):
        directory = context.layout.process(context.run.iteration, "agent", 1, attempt)
        told = retried.get(directory.name)
        if told is None or told.outcome is None:
            reason = why_lost(directory)
            found.append(AttemptRecord(attempt=attempt, process=directory.name, outcome=INTERRUPTED, reason=reason))
            continue
        result = read_result(directory)
        exit_ = result.exit if result else None
        found.append(
            AttemptRecord(
                attempt=attempt,
                process=directory.name,
                outcome=told.outcome,
                exit_code=exit_.exit_code if exit_ else None,
                signal=exit_.signal if exit_ else None,
                started_at=exit_.started_at if exit_ else None,
                duration_ms=exit_.duration_ms if exit_ else None,
                reason=told.reason,
                will_retry=not told.fresh_session,
                next_retry_ms=told.delay_ms,
                result_file=told.file,
            )
        )
    return found


def why_lost(directory: Path) -> str:
    """Why an attempt that says nothing about the work ended."""
    result = read_result(directory)
    abandoned = result is not None and result.exit is not None and result.exit.ended_by == "engine_lost"
    return _ABANDONED if abandoned else _LOST
