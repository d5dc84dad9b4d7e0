"""The wait before another try: told before it begins, cancelable, and gone on with by the engine that takes over."""

from __future__ import annotations

from dataclasses import dataclass

from agentgate_engine.clock import from_stamp, to_stamp
from agentgate_engine.event_bus import Evidence
from agentgate_engine.models.event_type import EventType
from agentgate_engine.models.events import RetryScheduled, RetryStarted, parse_payload
from agentgate_engine.phases.run_context import RunContext


@dataclass(frozen=True, slots=True)
class Backoff:
    """The tries at one operation of the present iteration. What was tried before stands in the events."""

    context: RunContext
    operation: str

    def scheduled(self) -> list[RetryScheduled]:
        """Every further try that was announced in this iteration, by whichever engine."""
        return [p for p in self.context.said_here(RetryScheduled) if p.operation == self.operation]

    def used(self) -> int:
        """How many of the policy's retries are used up. A call made anew only to leave a lost session is none."""
        return sum(not payload.fresh_session for payload in self.scheduled())

    def pending(self) -> RetryScheduled | None:
        """The announced try that has not begun yet."""
        for event in reversed(self.context.persister.events):
            if event.type is EventType.RETRY_STARTED:
                return None
            if event.type is EventType.RETRY_SCHEDULED:
                payload = parse_payload(event)
                mine = isinstance(payload, RetryScheduled) and payload.operation == self.operation
                return payload if mine and isinstance(payload, RetryScheduled) else None
        return None

    async def schedule(self, payload: RetryScheduled, *evidence: Evidence) -> None:
        """Announce another try.

        Raises:
            ParkRun: it could not be written.
        """
        await self.context.emit(payload, *evidence)

    async def wait(self) -> None:
        """Wait for what is left until the pending try, and at most until the run's time is used up.

        Raises:
            CanceledByOperator: an operator ended the run meanwhile.
        """
        pending = self.pending()
        if pending is None:
            return
        left = from_stamp(pending.until) - self.context.clock.now()
        await self.context.sleep(min(left, pending.delay_ms / 1000))

    async def begin(self) -> None:
        """Say that the pending try begins.

        Raises:
            ParkRun: it could not be written.
        """
        pending = self.pending()
        if pending is not None:
            await self.context.emit(RetryStarted(attempt=pending.attempt + 1, retry=pending.retry))

    def until(self, delay_ms: int) -> str:
        """The moment that is `delay_ms` from now."""
        return to_stamp(self.context.clock.now() + delay_ms / 1000)
