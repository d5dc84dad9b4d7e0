"""What a run can say for itself in a pull request, what it published before, and what its record keeps of it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agentgate_engine.clock import from_stamp
from agentgate_engine.delivery.delivery_request import DeliveryOutcome
from agentgate_engine.delivery.pull_request_text import PullRequestFacts
from agentgate_engine.models.delivery import DeliveryRecord
from agentgate_engine.models.event_type import EventType
from agentgate_engine.models.events import BranchPushed, DeliveryComplete, Event, parse_payload
from agentgate_engine.models.run import Run
from agentgate_engine.models.verification import PersistedVerificationReport
from agentgate_engine.models.work_order import WorkOrder


def pull_request_facts(
    run: Run, order: WorkOrder, report: PersistedVerificationReport | None, now: float
) -> PullRequestFacts:
    """The facts, as of `now` (epoch seconds) while the run has not ended."""
    checks = [check for level in report.levels for check in level.checks] if report else []
    begun = from_stamp(run.started_at) if run.started_at else now
    ended = from_stamp(run.completed_at) if run.completed_at else now
    return PullRequestFacts(
        run_id=run.id,
        title=order.title,
        agent=run.agent,
        iterations=run.iteration,
        checks=tuple((check.id, check.status.value) for check in checks),
        model=run.model,
        duration_ms=round((ended - begun) * 1000),
        cost_usd=run.cost_usd,
    )


@dataclass(frozen=True, slots=True)
class PublishedBefore:
    """`pushed` is the commit that the run pushed last; `opened` says that a delivery with a pull request came to its
    end, after which labels and reviewers are as people want them."""

    pushed: str | None
    opened: bool


def published_before(events: Sequence[Event], source_path: str) -> PublishedBefore:
    """What the events of a run tell. A branch in `source_path`, where the order came from, was fetched, not pushed."""
    kinds = (EventType.BRANCH_PUSHED, EventType.DELIVERY_COMPLETE)
    told = [parse_payload(event) for event in events if event.type in kinds]
    pushed = [each.commit for each in told if isinstance(each, BranchPushed) and each.target != source_path]
    ended = [each for each in told if isinstance(each, DeliveryComplete)]
    return PublishedBefore(
        pushed=pushed[-1] if pushed else None,
        opened=any(each.error is None and each.pr_url is not None for each in ended),
    )


def with_outcome(record: DeliveryRecord, outcome: DeliveryOutcome) -> DeliveryRecord:
    """The record of a delivery that ended so. `next_step` is what an operator would do; None where nothing is left."""
    fatal, opened = outcome.fatal, outcome.summary.pr_url
    unpublished = fatal is not None or outcome.summary.any_failed
    next_step = f"agentgate deliver {record.run_id}" if unpublished else f"review {opened}" if opened else None
    return record.model_copy(
        update={
            "state": "failed" if fatal else "delivered",
            "github": outcome.summary,
            "remote_url": outcome.remote_url,
            "repository": outcome.repository,
            "pull_request": outcome.pull_request,
            "warnings": list(outcome.warnings),
            "error": str(fatal) if fatal else None,
            "next_step": next_step,
        }
    )
