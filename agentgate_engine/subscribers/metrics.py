"""A run's metrics: added up from its events, and kept beside them once it has ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agentgate_engine.clock import from_stamp
from agentgate_engine.errors import CorruptRecord
from agentgate_engine.models.event_type import EventType
from agentgate_engine.models.events import (
    PAYLOADS,
    AgentToolFinished,
    AgentToolStarted,
    CheckFinished,
    Event,
    parse_payload,
)
from agentgate_engine.models.metrics import METRICS_FORMAT, Phase, RunMetrics
from agentgate_engine.models.run import Run
from agentgate_engine.models.run_state import ImpossibleStep, RunState
from agentgate_engine.store.atomic import replace_file
from agentgate_engine.store.event_log import read_events
from agentgate_engine.store.layout import RunLayout
from agentgate_engine.store.run_reducer import reduce_event
from agentgate_engine.store.store import Store

ENDS = frozenset({EventType.RUN_COMPLETE, EventType.RUN_FAILED, EventType.RUN_CANCELED})

_PHASES = {
    RunState.LEASED: Phase.PREPARING,
    RunState.BUILDING: Phase.BUILDING,
    RunState.SNAPSHOTTING: Phase.SNAPSHOTTING,
    RunState.VERIFYING: Phase.VERIFYING,
    RunState.FEEDBACK: Phase.FEEDBACK,
    RunState.PR_CREATED: Phase.DELIVERY,
    RunState.CI_POLLING: Phase.DELIVERY,
}


@dataclass(frozen=True, slots=True)
class MetricsWriter:
    """A subscriber that writes `metrics.json` when the run ends. It reads the log again: an engine that took over did
    not hear the beginning."""

    layout: RunLayout

    async def __call__(self, event: Event) -> None:
        if event.type in ENDS:
            from agentgate_engine.threads import finish_in_thread  # asyncio: dear for `agentgate metrics`, which reads

            await finish_in_thread(self._write)

    def _write(self) -> None:
        metrics = run_metrics(read_events(self.layout.events))
        if metrics is not None:
            replace_file(metrics_file(self.layout), metrics.to_json(), sync=False)


def metrics_file(layout: RunLayout) -> Path:
    return layout.directory / "metrics.json"


def read_metrics(store: Store, layout: RunLayout, now: float | None = None) -> RunMetrics | None:
    """The metrics of a run: those kept when it ended, else added up from its events; None when it has said nothing.

    `now` (epoch seconds) is when the phase ends, for the time being, that a run is in which has not ended.

    Raises:
        CorruptRecord: nothing was kept, and the events cannot be read.
    """
    kept = store.read_if_whole(RunMetrics, metrics_file(layout))
    if kept is not None and kept.format_version == METRICS_FORMAT:
        return kept
    try:
        return run_metrics(read_events(layout.events), now)
    except (ValueError, ImpossibleStep) as fault:
        raise CorruptRecord(f"{layout.events} cannot be added up: {fault}") from fault


def run_metrics(events: Sequence[Event], now: float | None = None) -> RunMetrics | None:
    """What the events add up to; None when there are none. Pure.

    The time between two events belongs to the phase that the first of them left the run in. What a clock that was set
    back makes negative counts as nothing.

    Raises:
        ImpossibleStep, ValueError: they are not the events of a run.
    """
    run: Run | None = None
    spent, tools, checks, types = Counter[Phase](), Counter[str](), Counter[str](), Counter[EventType]()
    tool_errors, delivering, since = 0, False, 0.0
    for event in events:
        at = from_stamp(event.t)
        if run is not None and not run.state.terminal:
            spent[_phase(run, delivering)] += _ms(since, at)
        since = max(since, at)
        types[event.type] += 1
        match parse_payload(event):
            case AgentToolStarted(kind=kind):
                tools[kind] += 1
            case AgentToolFinished(is_error=is_error):
                tool_errors += is_error
            case CheckFinished(status=status):
                checks[status.value] += 1
            case _:
                delivering = _delivering(delivering, event.type)
        if not event.type.known or PAYLOADS[event.type].synced:  # what is not changes no state
            run = reduce_event(run, event)
    if run is None:
        return None
    if now is not None and not run.state.terminal:
        spent[_phase(run, delivering)] += _ms(since, now)
    return RunMetrics(
        run_id=run.id,
        work_order_id=run.work_order_id,
        title=run.title,
        agent=run.agent,
        model=run.model,
        state=run.state,
        result=run.result,
        queued_at=run.queued_at,
        completed_at=run.completed_at,
        total_ms=sum(spent.values()),
        durations={phase: spent[phase] for phase in Phase if spent[phase]},
        iterations=run.iteration,
        agent_calls=types[EventType.AGENT_STARTED],
        interruptions=types[EventType.AGENT_INTERRUPTED],
        retries=run.retried_count,
        tokens_used=run.tokens_used,
        cost_usd=run.cost_usd,
        tool_calls=dict(sorted(tools.items())),
        tool_errors=tool_errors,
        checks=dict(sorted(checks.items())),
        warnings=len(run.warnings),
        last_seq=events[-1].seq,
    )


def _delivering(delivering: bool, kind: EventType) -> bool:
    """Between the beginning and the end of a delivery. What a run does after it (a round for CI) is no delivery."""
    if kind is EventType.DELIVERY_STARTED:
        return True
    return delivering and kind not in (EventType.DELIVERY_COMPLETE, EventType.ITERATION_STARTED)


def _phase(run: Run, delivering: bool) -> Phase:
    if run.waiting_for is not None and run.waiting_for.kind == "backoff":
        return Phase.BACKOFF
    if delivering:
        return Phase.DELIVERY
    if run.state is RunState.QUEUED:
        return Phase.QUEUED if run.started_at is None else Phase.PREPARING
    return _PHASES[run.state]


def _ms(since: float, until: float) -> int:
    return max(0, round((until - since) * 1000))
