"""The operator's command hooks, run beside a run: in order, one at a time, and never in its way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from agentgate_engine.models.events import Event, RunCanceled, RunComplete, RunFailed, RunWarned, parse_payload
from agentgate_engine.models.run_state import RunResult
from agentgate_engine.subscribers.command_hook import run_hook
from agentgate_engine.subscribers.notification_rules import NotificationRule
from agentgate_engine.views.safe_text import sanitize
from agentgate_engine.views.wording import plural

WARNING = "notification"
"""The type of the run's warning about a hook. No hook hears of it, or a broken one would go on for ever."""

HOOK_LIMIT_S = 30.0
CLOSE_LIMIT_S = 30.0
MOST_WAITING = 100
_MOST_CHARS = 4000

Warn = Callable[[str], Awaitable[None]]


@dataclass
class Notifications:
    """A subscriber of one run's bus. Its owner closes it once the run has ended, while warnings can still be written.

    `title` is the order's, `environment` the operator's own (a hook is the operator's program), `warn` writes a warning
    into the run. Limits are in seconds: one hook's, and that of all that are left when the run has ended.
    """

    rules: Sequence[NotificationRule]
    title: str
    environment: Mapping[str, str]
    warn: Warn
    hook_limit_s: float = HOOK_LIMIT_S
    close_limit_s: float = CLOSE_LIMIT_S
    _due: list[tuple[NotificationRule, Event]] = field(default_factory=list[tuple[NotificationRule, Event]])
    _worker: asyncio.Task[None] | None = None
    _dropped: int = 0

    async def __call__(self, event: Event) -> None:
        """Note what is to be run for `event`, and return."""
        if event.data.get("warning") == WARNING:
            return
        for rule in self.rules:
            if rule.command is None or event.type not in rule.on:
                continue
            if len(self._due) >= MOST_WAITING:
                self._dropped += 1
                continue
            self._due.append((rule, event))
        if self._due and (self._worker is None or (self._worker.done() and not self._worker.exception())):
            self._worker = asyncio.create_task(self._work(), name=f"notifications of {event.run_id}")

    async def close(self, *, at_once: bool = False) -> None:
        """See the hooks that are due through, as long as there is time; what is left then is stopped, and warned of.

        `at_once` gives no time. So does a cancel of the caller, which then warns of nothing.

        Raises:
            ParkRun: a warning could not be written.
        """
        worker = self._worker
        if worker is None:
            return
        try:
            done, _ = await asyncio.wait({worker}, timeout=0 if at_once else self.close_limit_s)
        finally:
            if not worker.done():
                worker.cancel()
                await asyncio.wait({worker})
        if worker in done:
            await worker
        elif self._due:
            # The hook that was being run is stopped with its worker; it stands first, since it was not done.
            first = self._due[0][0].origin
            why = "the engine was stopped" if at_once else "they took too long"
            await self.warn(f"{plural(len(self._due), 'notification')} not sent, from {first} on: {why}")
        self._due.clear()
        if self._dropped:
            left_out = plural(self._dropped, "notification")
            await self.warn(f"{left_out} left out: {MOST_WAITING} others were waiting already")

    async def _work(self) -> None:
        while self._due:
            rule, event = self._due[0]
            fault = await self._run(rule, event)
            self._due.pop(0)
            if fault is not None:
                await self.warn(f"the notification of {rule.origin} for {event.type} {fault}")

    async def _run(self, rule: NotificationRule, event: Event) -> str | None:
        assert rule.command is not None, "only commands are due"
        environment = {**self.environment, **hook_environment(event, self.title)}
        try:
            end = await run_hook(
                rule.command, environment=environment, stdin=event.to_line(), limit_s=self.hook_limit_s
            )
        except OSError as fault:
            return f"could not be started: {fault.strerror or fault}"
        if end.fault is None:
            return None
        said = sanitize(end.said.strip().split(b"\n")[-1])[-300:]
        return f"{end.fault}; it said: {said}" if said else end.fault


def hook_environment(event: Event, title: str) -> dict[str, str]:
    """What a hook is told in variables. Texts of others are one line without control characters, and clipped; a value
    that the event does not have is empty. Pure."""
    result, error = _result(event)
    values = {
        "AGENTGATE_RUN": event.run_id,
        "AGENTGATE_ORDER": event.work_order_id,
        "AGENTGATE_EVENT": event.type.value,
        "AGENTGATE_ITERATION": str(event.iteration or ""),
        "AGENTGATE_RESULT": result,
        "AGENTGATE_TITLE": title,
        "AGENTGATE_ERROR": error,
    }
    return {name: sanitize(value.replace("\n", " "))[:_MOST_CHARS] for name, value in values.items()}


def _result(event: Event) -> tuple[str, str]:
    """How the run ended and why, where the event says so."""
    match parse_payload(event):
        case RunComplete(result=result):
            return result.value, ""
        case RunFailed(result=result, error=error):
            return result.value, error.message
        case RunCanceled(by=by, reason=reason):
            return RunResult.CANCELED.value, f"canceled by {by}: {reason}" if reason else f"canceled by {by}"
        case RunWarned(message=message):
            return "", message
        case _:
            return "", ""
