"""Metrics of a run, added up from its events and from nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from agentgate_engine.clock import Clock, from_stamp, to_stamp
from agentgate_engine.errors import CorruptRecord
from agentgate_engine.event_bus import EventBus
from agentgate_engine.models.agent_result import AgentOutcome, TokenUsage
from agentgate_engine.models.build_error import BuildError, BuildErrorType
from agentgate_engine.models.events import (
    AgentComplete,
    AgentFailed,
    AgentInterrupted,
    AgentStarted,
    AgentToolFinished,
    AgentToolStarted,
    CheckFinished,
    DeliveryComplete,
    DeliveryStarted,
    Event,
    FeedbackGenerated,
    IterationComplete,
    IterationStarted,
    Payload,
    RetryScheduled,
    RetryStarted,
    RunCanceled,
    RunComplete,
    RunFailed,
    RunQueued,
    RunResumed,
    RunStarted,
    RunWarned,
    SnapshotCreated,
    StrategyDecision,
    VerificationComplete,
    VerificationStarted,
    WorkspaceAcquired,
)
from agentgate_engine.models.metrics import Phase, RunMetrics
from agentgate_engine.models.run_state import RunResult, RunState, Step
from agentgate_engine.models.snapshot import Snapshot
from agentgate_engine.models.verification import CheckStatus
from agentgate_engine.result_persister import ResultPersister
from agentgate_engine.store.store import Store
from agentgate_engine.subscribers.metrics import MetricsWriter, metrics_file, read_metrics, run_metrics
from agentgate_engine.views.metrics_view import agent_rows, result_line, run_lines, store_metrics, time_rows, used_line

from ..store.support import open_store, queued, run_id, write_run

BEGIN = from_stamp("2026-01-01T00:00:00.000Z")
TOKENS = TokenUsage(input=100, output=20, cache_read=3, cache_write=2, total=125)


def snapshot(n: int) -> SnapshotCreated:
    taken = Snapshot(
        id=f"s{n}",
        run_id="r",
        iteration=n,
        commit=f"{n}" * 40,
        before_sha="0" * 40,
        after_sha=f"{n}" * 40,
        tree_before="s" * 40,
        tree_after="t" * 40,
        branch="b",
        message="m",
        files_changed=1,
        insertions=1,
        deletions=0,
        created_at="x",
    )
    return SnapshotCreated(snapshot=taken, diff_file="d")


def tool(kind: str, *, bad: bool = False) -> list[Payload]:
    begun = AgentToolStarted.model_validate(
        {"id": kind, "tool": kind.title(), "kind": kind, "summary": "s", "startedAt": "x"}
    )
    return [begun, AgentToolFinished(id=kind, is_error=bad, ended_at="x")]


def check(status: CheckStatus) -> CheckFinished:
    return CheckFinished(id="L1/x", status=status, duration_ms=1)


def ended_agent(cost: float | None = 0.5) -> AgentComplete:
    return AgentComplete(
        file="f", outcome=AgentOutcome.SUCCESS, duration_ms=1, tool_calls=1, tokens_used=TOKENS, cost_usd=cost
    )


def verified(*, passed: bool) -> VerificationComplete:
    return VerificationComplete(file="v", passed=passed, summary="s", levels="+x..")


STARTED_AGENT = AgentStarted(process="p", attempt=1, argv=[], permission_mode="default")
VERIFYING = VerificationStarted(commit="c", plan_hash="h", checks=[])
RETRY = RetryScheduled(
    attempt=1, until="2026-01-01T01:00:00.000Z", delay_ms=5000, reason="429", tokens_used=TOKENS, cost_usd=0.25
)
ERROR = BuildError(type=BuildErrorType.TEST_FAILED, message="m", phase="verifying", failed_at="x")
FAILED = RunFailed(result=RunResult.FAILED_VERIFICATION, step=Step.VERIFY_FAILED_TERMINAL, error=ERROR)

COURSE: list[tuple[float, Payload]] = [
    (0, queued("Mend it")),
    (10, RunStarted(engine="e")),
    (11, WorkspaceAcquired(path="/w", branch="b", base_commit="0" * 40)),
    (13, IterationStarted(before_sha="0" * 40, tree_before="t")),
    (13, STARTED_AGENT),
    *((20, each) for each in [*tool("edit"), *tool("bash", bad=True)]),
    (23, RETRY),
    (28, RetryStarted(attempt=2)),
    (28, STARTED_AGENT),
    (40, AgentInterrupted(process="p", attempt=2, reason="r")),
    (40, RunResumed(engine="f", reason="r")),
    (41, STARTED_AGENT),
    *((45, each) for each in tool("edit")),
    (50, ended_agent()),
    (51, snapshot(1)),
    (51, VERIFYING),
    (60, check(CheckStatus.PASSED)),
    (61, check(CheckStatus.FAILED)),
    (61, verified(passed=False)),
    (61, StrategyDecision(strategy="fixed", go_on=True, reason="r")),
    (62, FeedbackGenerated(file="f", bytes=1, failures=1)),
    (62, IterationComplete(file="i")),
    (63, IterationStarted(before_sha="1" * 40, tree_before="t")),
    (63, STARTED_AGENT),
    (70, ended_agent(cost=None)),
    (72, snapshot(2)),
    (72, VERIFYING),
    (75, check(CheckStatus.PASSED)),
    (75, check(CheckStatus.WARNING)),
    (76, verified(passed=True)),
    (76, StrategyDecision(strategy="fixed", go_on=False, reason="r")),
    (77, RunWarned(warning="w", message="m")),
    (78, DeliveryStarted(branch="b", commit="c")),
    (82, DeliveryComplete(file="d", branch="b")),
    (83, IterationComplete(file="i")),
    (83, RunComplete(branch="b", commit="c")),
    (99, RunWarned(warning="w", message="after the end")),
]


def events(course: Sequence[tuple[float, Payload]], upto: int | None = None) -> list[Event]:
    found: list[Event] = []
    iteration: int | None = None
    for seq, (seconds, payload) in enumerate(course[:upto]):
        if isinstance(payload, IterationStarted):
            iteration = (iteration or 0) + 1
        found.append(
            Event(
                seq=seq,
                t=to_stamp(BEGIN + seconds),
                type=payload.type,
                run_id=run_id(0),
                work_order_id=run_id(0).partition(".")[0],
                iteration=iteration,
                fence=1,
                data=payload.model_dump(mode="json", by_alias=True),
            )
        )
    return found


def added_up(course: Sequence[tuple[float, Payload]], now: float | None = None) -> RunMetrics:
    found = run_metrics(events(course), None if now is None else BEGIN + now)
    assert found is not None
    return found


def test_every_moment_of_a_run_belongs_to_one_phase() -> None:
    """upstream.md 10.4: the metrics subscriber; durations by phase add up to the whole."""
    found = added_up(COURSE)
    assert found.durations == {
        Phase.QUEUED: 10_000,
        Phase.PREPARING: 3_000,
        Phase.BUILDING: 10_000 + 22_000 + 7_000,
        Phase.BACKOFF: 5_000,
        Phase.SNAPSHOTTING: 1_000 + 2_000,
        Phase.VERIFYING: 10_000 + 6_000 + 1_000,
        Phase.FEEDBACK: 2_000,
        Phase.DELIVERY: 4_000,
    }
    assert found.total_ms == sum(found.durations.values()) == 83_000


def test_what_a_run_used_is_counted() -> None:
    """upstream.md 10.4: tokens, cost, tool calls, attempts, retries and checks."""
    found = added_up(COURSE)
    assert (found.state, found.result, found.iterations) == (RunState.SUCCEEDED, RunResult.PASSED, 2)
    assert (found.agent_calls, found.interruptions, found.retries) == (4, 1, 1)
    assert found.tool_calls == {"bash": 1, "edit": 2}
    assert found.tool_errors == 1
    assert found.checks == {"failed": 1, "passed": 2, "warning": 1}
    assert found.tokens_used == TokenUsage(input=300, output=60, cache_read=9, cache_write=6, total=375)
    assert found.cost_usd == 0.75
    assert found.warnings == 2
    assert found.last_seq == len(COURSE) - 1


@pytest.mark.parametrize(
    ("upto", "now", "phase", "spent"),
    [
        (1, 7, Phase.QUEUED, 7_000),
        (2, 12, Phase.PREPARING, 2_000),
        (5, 15, Phase.BUILDING, 2_000),
        (10, 24, Phase.BACKOFF, 1_000),
    ],
)
def test_the_phase_that_a_run_is_in_goes_on_until_now(upto: int, now: float, phase: Phase, spent: int) -> None:
    found = added_up(COURSE[:upto], now)
    assert found.durations[phase] == spent
    assert found.total_ms == now * 1000
    assert found.completed_at is None


def test_a_delivery_that_was_cut_short_counts_as_far_as_it_went() -> None:
    course = [*COURSE[:-4], (90.0, RunCanceled(by="o", reason=""))]
    assert added_up(course).durations[Phase.DELIVERY] == 12_000


def test_a_clock_that_was_set_back_takes_no_time_away() -> None:
    course: list[tuple[float, Payload]] = [
        (0, queued()),
        (10, RunStarted(engine="e")),
        (4, RunWarned(warning="w", message="m")),
        (12, RunCanceled(by="o", reason="")),
    ]
    assert added_up(course).durations == {Phase.QUEUED: 10_000, Phase.PREPARING: 2_000}


def test_no_events_are_no_metrics() -> None:
    assert run_metrics([]) is None


def test_a_failed_agent_counts_with_what_it_used() -> None:
    failed = AgentFailed(**dict(ended_agent(cost=1.5)), error=ERROR)
    course = [*COURSE[:5], (30.0, failed), (30.0, FAILED.model_copy(update={"step": Step.BUILD_FAILED}))]
    found = added_up(course)
    assert (found.cost_usd, found.result) == (1.5, RunResult.FAILED_VERIFICATION)


async def test_the_subscriber_keeps_the_metrics_when_the_run_ends_and_not_before(tmp_path: Path) -> None:
    """upstream.md 10.4: metrics is one of the subscribers."""
    store, index = open_store(tmp_path / "store")
    write_run(store, index, run_id(0), queued("Mend it"))
    persister = ResultPersister.open(store, index, Clock(), run_id(0), 1)
    bus = EventBus(persister.persist, lambda who, fault: pytest.fail(str(fault)))
    bus.subscribe(MetricsWriter(persister.layout))
    file = metrics_file(persister.layout)
    await bus.emit(RunStarted(engine="e"))
    assert not file.exists()
    await bus.emit(RunCanceled(by="o", reason=""))
    kept = RunMetrics.from_json(file.read_bytes(), "metrics")
    assert (kept.result, kept.title) == (RunResult.CANCELED, "Mend it")
    assert kept == run_metrics(persister.events)
    persister.close()
    index.close()


@pytest.fixture
def ended(tmp_path: Path) -> Store:
    """A store with one canceled run."""
    store, index = open_store(tmp_path / "store")
    write_run(store, index, run_id(0), queued(), RunStarted(engine="e"), RunCanceled(by="o", reason=""))
    index.close()
    return store


def test_what_was_kept_is_read_and_what_was_not_is_added_up(ended: Store) -> None:
    """The events are the truth: a kept file of another format, or a torn one, is not believed."""
    layout = ended.layout.run(run_id(0))
    fresh = read_metrics(ended, layout)
    assert fresh is not None
    assert fresh.result is RunResult.CANCELED
    kept = fresh.model_copy(update={"warnings": 41})
    metrics_file(layout).write_bytes(kept.to_json())
    assert read_metrics(ended, layout) == kept
    for raw in (kept.model_copy(update={"format_version": 99}).to_json(), b"{"):
        metrics_file(layout).write_bytes(raw)
        assert read_metrics(ended, layout) == fresh


def test_events_that_are_no_run_are_refused_by_name(ended: Store) -> None:
    layout = ended.layout.run(run_id(0))
    lines = layout.events.read_bytes().splitlines(keepends=True)
    layout.events.write_bytes(lines[0] + lines[2].replace(b'"seq":2', b'"seq":1') + lines[2])
    with pytest.raises(CorruptRecord, match=r"events\.jsonl cannot be added up: a run in state canceled"):
        read_metrics(ended, layout)
    layout.events.write_bytes(b"nonsense\n")
    with pytest.raises(CorruptRecord):
        read_metrics(ended, layout)


def other(number: int, agent: str, total: int, result: RunResult | None, cost: float | None) -> RunMetrics:
    return RunMetrics(
        run_id=run_id(number),
        work_order_id="x",
        agent=agent,
        state=RunState.BUILDING if result is None else RunState.SUCCEEDED if result == "passed" else RunState.FAILED,
        result=result,
        queued_at="x",
        total_ms=total,
        durations={Phase.BUILDING: total},
        iterations=1,
        retries=1,
        tokens_used=None if cost is None else TOKENS,
        cost_usd=cost,
        tool_calls={"edit": 2},
        checks={"passed": 3},
        last_seq=1,
    )


ALL = [
    other(1, "claude-code", 1000, RunResult.PASSED, 0.5),
    other(2, "claude-code", 3000, RunResult.FAILED_BUILD, None),
    other(3, "claude-code", 8000, RunResult.PASSED, 1.0),
    other(4, "com\x1b[31mmand", 500_000, None, None),
]


def test_all_runs_together() -> None:
    view = store_metrics(ALL)
    assert view.results == {"passed": 2, "building": 1, "failed_build": 1}
    assert [(each.name, each.runs, each.mean_ms, each.median_ms, each.max_ms) for each in view.times] == [
        ("total", 3, 4000, 3000, 8000),
        ("building", 3, 4000, 3000, 8000),
    ]
    assert (view.retries, view.tool_calls, view.checks) == (4, {"edit": 8}, {"passed": 12})
    claude, command = view.agents
    assert (claude.runs, claude.passed, claude.tokens, claude.cost_usd, claude.untold) == (3, 2, 250, 1.5, 1)
    assert (command.agent, command.tokens, command.cost_usd) == ("command", None, None)
    assert store_metrics([]).times == ()


def test_all_runs_as_they_are_printed() -> None:
    view = store_metrics(ALL)
    assert result_line(view) == "4 runs: 2 passed, 1 building, 1 failed build"
    assert time_rows(view)[0] == ("total", "3", "4.0s", "3.0s", "8.0s")
    assert agent_rows(view) == [("claude-code", "3", "2", "250", "1.50+"), ("command", "1", "0", "?", "?")]
    assert used_line(view) == "4 retries; tool calls: 8 edit; checks: 12 passed"


def test_one_run_as_it_is_printed() -> None:
    assert run_lines(added_up(COURSE)) == [
        f"{run_id(0)}  passed  1m23s  Mend it",
        "  queued            10s   12%",
        "  preparing        3.0s    4%",
        "  building          39s   47%",
        "  snapshotting     3.0s    4%",
        "  verifying         17s   20%",
        "  feedback         2.0s    2%",
        "  backoff          5.0s    6%",
        "  delivery         4.0s    5%",
        "agent       command, 4 calls, 1 interruption, 1 retry",
        "iterations  2",
        "tokens      375",
        "cost        0.75 USD",
        "tool calls  1 bash, 2 edit, 1 error",
        "checks      1 failed, 2 passed, 1 warning",
        "warnings    2",
    ]


def test_hostile_names_are_made_safe() -> None:
    nasty = added_up([(0, RunQueued(**{**dict(queued("a\x1b]0;x\x07\nb")), "agent": "c\x00"}))])
    assert all(line.isprintable() for line in run_lines(nasty))
