"""One order: its iterations, and each check in each iteration."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from agentgate_engine.clock import from_stamp
from agentgate_engine.models.event_type import EventType
from agentgate_engine.models.events import (
    AgentStarted,
    CheckFinished,
    CheckStarted,
    VerificationStarted,
    parse_payload,
)
from agentgate_engine.models.run import Run
from agentgate_engine.models.verification import Check
from agentgate_engine.store.run_evidence import RunEvidence
from agentgate_engine.views import wording
from agentgate_engine.views.delivery_facts import delivery_facts
from agentgate_engine.views.safe_text import SafeText, sanitize


@dataclass(frozen=True, slots=True)
class CheckCell:
    """One check in one iteration."""

    status: str
    shown: wording.Shown
    duration_ms: int | None
    message: SafeText


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One check across the iterations: its cells, by iteration, and where it first failed and was fixed."""

    id: str
    level: str
    name: SafeText
    cells: tuple[CheckCell | None, ...]
    first_failed: int | None
    fixed_in: int | None


@dataclass(frozen=True, slots=True)
class IterationRow:
    """One iteration. `levels` are four (sign, duration) pairs; `note` says what came of it."""

    number: int
    shown: wording.Shown
    agent: SafeText
    levels: tuple[tuple[wording.Shown, int | None], ...]
    tools: int | None
    tokens: str
    cost: str
    duration_ms: int | None
    attempts: int
    note: SafeText
    session: SafeText
    model: SafeText


@dataclass(frozen=True, slots=True)
class OrderView:
    """A run of an order, whole. `facts` are (name, text) pairs for people: where, on what, with which limits."""

    run_id: str
    order_id: str
    title: SafeText
    shown: wording.Shown
    state: str
    result: str | None
    now: SafeText
    iterations: tuple[IterationRow, ...]
    checks: tuple[CheckRow, ...]
    facts: tuple[tuple[str, SafeText], ...]
    warnings: tuple[SafeText, ...]
    unreadable: tuple[SafeText, ...]
    prompt: SafeText


def order_view(evidence: RunEvidence, now: float) -> OrderView:
    """The view of one run. `now` is epoch seconds."""
    run = evidence.run
    return OrderView(
        run_id=run.id,
        order_id=run.work_order_id,
        title=sanitize(run.title),
        shown=wording.of_run(run.state.value),
        state=run.state.value,
        result=run.result.value if run.result else None,
        now=sanitize(run.now),
        iterations=tuple(_iteration(evidence, n, now) for n in range(1, run.iteration + 1)),
        checks=_checks(evidence),
        facts=_facts(evidence),
        warnings=(*_warnings(run), *_newer(run)),
        unreadable=tuple(sanitize(f"{name}: {why}") for name, why in evidence.unreadable),
        prompt=sanitize(evidence.order.task_prompt.replace("\n", " ")) if evidence.order else sanitize(""),
    )


def _warnings(run: Run) -> Iterator[SafeText]:
    for warning in run.warnings:
        yield sanitize((f"it {warning.iteration}: " if warning.iteration else "") + warning.message)


def _newer(run: Run) -> Iterator[SafeText]:
    if run.unknown_events:
        passed_over = wording.plural(sum(run.unknown_events.values()), "event")
        names = ", ".join(sorted(run.unknown_events))
        yield sanitize(f"{passed_over} of a newer AgentGate could not be taken into account here: {names}")


def _iteration(evidence: RunEvidence, n: int, now: float) -> IterationRow:
    run = evidence.run
    record, agent = evidence.iterations.get(n), evidence.agents.get(n)
    live = n == run.iteration and evidence.live
    started = next(
        (e.t for e in evidence.events if e.type is EventType.ITERATION_STARTED and e.iteration == n), run.queued_at
    )
    spent = record.duration_ms if record else round((now - from_stamp(started)) * 1000) if live else None
    shown = wording.RUNNING if live else wording.UNKNOWN
    if record is not None:
        good = record.verification_passed
        shown = wording.PASSED if good else wording.CANCELED if record.state == "canceled" else wording.FAILED
    report = evidence.verifications.get(n)
    if report is not None:
        levels = tuple(
            (wording.of_check(level.status.value), level.duration if level.checks else None) for level in report.levels
        )
    else:
        signs = run.levels if n == run.iteration else "...."
        levels = tuple((wording.of_level_glyph(sign), None) for sign in signs)
    open_ended = n == run.iteration and not run.state.terminal
    note = record.error_message if record and record.error_message else run.now if open_ended else ""
    return IterationRow(
        number=n,
        shown=shown,
        agent=sanitize(agent.outcome.value if agent else "at work" if live else "-"),
        levels=levels,
        tools=_tools(evidence, n),
        tokens=wording.tokens(agent.tokens_used.total if agent and agent.tokens_used else None),
        cost=wording.cost(agent.total_cost_usd if agent else None),
        duration_ms=spent,
        attempts=record.attempts if record else max(run.attempt, 1),
        note=sanitize(note.splitlines()[0] if note else ""),
        session=sanitize(agent.session_id if agent else ""),
        model=sanitize((agent.model if agent else None) or ""),
    )


def _tools(evidence: RunEvidence, n: int) -> int | None:
    """How many calls there were. The original kept an empty list for agents that told of theirs: then nobody knows."""
    agent = evidence.agents.get(n)
    if evidence.origin is not None and not (agent and agent.tool_calls):
        return None
    return len(agent.tool_calls) if agent else _live_tools(evidence, n)


def _live_tools(evidence: RunEvidence, n: int) -> int:
    return sum(1 for e in evidence.events if e.type is EventType.AGENT_TOOL_STARTED and e.iteration == n)


def _checks(evidence: RunEvidence) -> tuple[CheckRow, ...]:
    count = evidence.run.iteration
    cells: dict[str, list[CheckCell | None]] = {}

    def put(check_id: str, n: int, cell: CheckCell) -> None:
        cells.setdefault(check_id, [None] * count)[n - 1] = cell

    for n in range(1, count + 1):
        report = evidence.verifications.get(n)
        if report is not None:
            for level in report.levels:
                for check in level.checks:
                    put(check.id, n, _cell(check, evidence.spent(check)))
        else:
            for check_id, cell in _live_checks(evidence, n).items():
                put(check_id, n, cell)
    return tuple(_check_row(check_id, found) for check_id, found in cells.items())


def _cell(check: Check, spent: int | None) -> CheckCell:
    message = sanitize((check.message or "").splitlines()[0] if check.message else "")
    return CheckCell(check.status.value, wording.of_check(check.status.value), spent, message)


def _live_checks(evidence: RunEvidence, n: int) -> dict[str, CheckCell]:
    found: dict[str, CheckCell] = {}
    for event in evidence.events:
        if event.iteration != n:
            continue
        if event.type is EventType.VERIFICATION_STARTED:
            payload = parse_payload(event)
            if isinstance(payload, VerificationStarted):
                found = {c: CheckCell("not_run", wording.NOT_RUN, None, sanitize("")) for c in payload.checks}
        elif event.type in (EventType.CHECK_STARTED, EventType.CHECK_FINISHED):
            payload = parse_payload(event)
            if isinstance(payload, CheckStarted):
                found[payload.id] = CheckCell("running", wording.RUNNING, None, sanitize(payload.command or ""))
            elif isinstance(payload, CheckFinished):
                found[payload.id] = CheckCell(
                    payload.status.value,
                    wording.of_check(payload.status.value),
                    payload.duration_ms,
                    sanitize((payload.message or "").split("\n")[0]),
                )
    return found


def _check_row(check_id: str, cells: list[CheckCell | None]) -> CheckRow:
    failed = [n for n, cell in enumerate(cells, 1) if cell and cell.status == "failed"]
    fixed = None
    if failed:
        fixed = next((n for n, c in enumerate(cells, 1) if n > failed[-1] and c and c.status == "passed"), None)
    level, _, name = check_id.partition("/")
    return CheckRow(check_id, level, sanitize(name), tuple(cells), failed[0] if failed else None, fixed)


def _facts(evidence: RunEvidence) -> tuple[tuple[str, SafeText], ...]:
    run, order, plan, delivery = evidence.run, evidence.order, evidence.plan, evidence.delivery
    facts: list[tuple[str, str]] = [
        ("repository", run.repository),
        ("base", run.base_commit[:12]),
        ("branch", run.branch + (" (delivered)" if run.delivered_branch else "")),
        ("agent", run.agent + (f", {run.model}" if run.model else "")),
        ("store", str(evidence.layout.directory if evidence.origin is None else evidence.origin.place)),
    ]
    started = [e for e in evidence.events if e.type is EventType.AGENT_STARTED]
    if started and isinstance(payload := parse_payload(started[-1]), AgentStarted):
        facts.append(("permissions", payload.permission_mode))
    if order is not None:
        if order.agent.command is not None:
            facts.append(("command", order.agent.command.replace("\n", " ")))
        if order.agent.script is not None:
            facts.append(("script", order.agent.script))
        limits = order.limits
        facts.append(
            (
                "limits",
                f"{wording.plural(limits.max_iterations, 'iteration')}, {_seconds(limits.max_iteration_seconds)} each,"
                f" {_seconds(limits.max_wall_clock_seconds)} in all",
            )
        )
        if order.loop_strategy.mode != "fixed":
            facts.append(("strategy", order.loop_strategy.name or order.loop_strategy.mode))
        if order.profile is not None:
            facts.append(("profile", order.profile))
    if plan is not None:
        facts.append(
            (
                "gate plan",
                f"{plan.source_file or plan.source} ({plan.hash}), {wording.plural(len(plan.tests), 'command')}",
            )
        )
    facts += [("retried", text) for text in retry_lines(run)]
    if run.waiting_for is not None:
        facts.append(("waits for", f"{run.waiting_for.kind}: {run.waiting_for.reason}"))
    if run.left_out:
        facts.append(("left out", ", ".join(run.left_out[:8])))
    facts += delivery_facts(evidence)
    if delivery is not None and delivery.next_step:
        facts.append(("next", delivery.next_step))
    if evidence.origin is not None:
        facts += [("written by", f"{evidence.origin.maker}; it is only read"), *evidence.origin.facts]
        facts = [(name, text) for name, text in facts if text]
    return tuple((name, sanitize(text)) for name, text in facts)


def retry_lines(run: Run, iteration: int | None = None) -> list[str]:
    """What was tried again and why, a line each: the count first, the newest last, at most four."""
    notes = [note for note in run.retries if iteration in (None, note.iteration)]
    lines = [
        f"it {note.iteration} {note.operation} attempt {note.attempt}: {note.reason};"
        + (
            " called anew without the session"
            if note.fresh_session
            else f" again after {wording.duration(note.delay_ms)}"
        )
        for note in notes[-3:]
    ]
    counted = sum(not note.fresh_session for note in notes)
    return [wording.plural(counted, "retry", "retries"), *lines] if notes else []


def _seconds(limit: float) -> str:
    return wording.duration(round(limit * 1000))
