"""Metrics of one run and of many, as they are shown. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import mean, median

from agentgate_engine.models.metrics import Phase, RunMetrics
from agentgate_engine.views import wording
from agentgate_engine.views.safe_text import SafeText, sanitize


@dataclass(frozen=True, slots=True)
class Spread:
    """How long something took, over the runs that had it. In ms."""

    name: str
    runs: int
    mean_ms: int
    median_ms: int
    max_ms: int


@dataclass(frozen=True, slots=True)
class AgentUse:
    """What one agent was used for. Tokens and cost are null when no run of it tells; `untold` runs do not tell a cost
    and are not in it."""

    agent: SafeText
    runs: int
    passed: int
    tokens: int | None
    cost_usd: float | None
    untold: int


@dataclass(frozen=True, slots=True)
class StoreMetrics:
    """All runs together. `results` counts ended runs by result, and others by state; times are of ended runs alone."""

    runs: int
    results: dict[str, int]
    times: tuple[Spread, ...]
    agents: tuple[AgentUse, ...]
    retries: int
    tool_calls: dict[str, int]
    checks: dict[str, int]


def store_metrics(found: Iterable[RunMetrics]) -> StoreMetrics:
    """What many runs add up to."""
    runs = list(found)
    ended = [run for run in runs if run.state.terminal]
    times = [_spread("total", [run.total_ms for run in ended])]
    times += [
        _spread(phase.value, [run.durations[phase] for run in ended if phase in run.durations]) for phase in Phase
    ]
    tools, checks = Counter[str](), Counter[str]()
    for run in runs:
        tools.update(run.tool_calls)
        checks.update(run.checks)
    results = Counter((run.result or run.state).value for run in runs)
    return StoreMetrics(
        runs=len(runs),
        results=dict(sorted(results.items(), key=lambda item: (-item[1], item[0]))),
        times=tuple(each for each in times if each is not None),
        agents=tuple(
            _use(name, [run for run in runs if run.agent == name]) for name in sorted({r.agent for r in runs})
        ),
        retries=sum(run.retries for run in runs),
        tool_calls=dict(sorted(tools.items())),
        checks=dict(sorted(checks.items())),
    )


def run_lines(run: RunMetrics) -> list[SafeText]:
    """One run, line by line: where the time went, largest share visible at once, then what it used."""
    word = (run.result or run.state).value.replace("_", " ")
    lines = [sanitize(f"{run.run_id}  {word}  {wording.duration(run.total_ms)}  {run.title}")]
    for phase, spent in run.durations.items():
        share = spent / run.total_ms if run.total_ms else 0
        lines.append(sanitize(f"  {phase.value:<13}{wording.duration(spent):>8} {share:>5.0%}"))
    tokens = wording.tokens(run.tokens_used.total if run.tokens_used else None)
    model = f" ({run.model})" if run.model else ""
    used = [
        ("agent", f"{run.agent}{model}, {wording.plural(run.agent_calls, 'call')}, "
         f"{wording.plural(run.interruptions, 'interruption')}, {wording.plural(run.retries, 'retry', 'retries')}"),
        ("iterations", str(run.iterations)),
        ("tokens", tokens),
        ("cost", f"{wording.cost(run.cost_usd)} USD"),
        ("tool calls", f"{_counted(run.tool_calls)}, {wording.plural(run.tool_errors, 'error')}"),
        ("checks", _counted(run.checks)),
        ("warnings", str(run.warnings)),
    ]  # fmt: skip
    return lines + [sanitize(f"{name:<12}{text}") for name, text in used]


def result_line(view: StoreMetrics) -> SafeText:
    counts = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in view.results.items())
    return sanitize(f"{wording.plural(view.runs, 'run')}: {counts}")


def time_rows(view: StoreMetrics) -> list[tuple[str, str, str, str, str]]:
    """Cells under TIME, RUNS, MEAN, MEDIAN, MAX."""
    return [
        (
            each.name,
            str(each.runs),
            wording.duration(each.mean_ms),
            wording.duration(each.median_ms),
            wording.duration(each.max_ms),
        )
        for each in view.times
    ]


def agent_rows(view: StoreMetrics) -> list[tuple[str, str, str, str, str]]:
    """Cells under AGENT, RUNS, PASSED, TOKENS, COST. A `+` says that some runs did not tell theirs."""
    return [
        (
            each.agent,
            str(each.runs),
            str(each.passed),
            wording.tokens(each.tokens),
            wording.cost(each.cost_usd) + ("+" if each.untold and each.cost_usd is not None else ""),
        )
        for each in view.agents
    ]


def used_line(view: StoreMetrics) -> SafeText:
    return sanitize(
        f"{wording.plural(view.retries, 'retry', 'retries')}; tool calls: {_counted(view.tool_calls)};"
        f" checks: {_counted(view.checks)}"
    )


def _use(agent: str, runs: Sequence[RunMetrics]) -> AgentUse:
    tokens = [run.tokens_used.total for run in runs if run.tokens_used is not None]
    costs = [run.cost_usd for run in runs if run.cost_usd is not None]
    return AgentUse(
        agent=sanitize(agent),
        runs=len(runs),
        passed=sum(run.result == "passed" for run in runs),
        tokens=sum(tokens) if tokens else None,
        cost_usd=sum(costs) if costs else None,
        untold=len(runs) - len(costs),
    )


def _spread(name: str, values: Sequence[int]) -> Spread | None:
    if not values:
        return None
    return Spread(name, len(values), round(mean(values)), round(median(values)), max(values))


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items()) or "none"
