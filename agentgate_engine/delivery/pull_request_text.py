"""What a pull request says of the run behind it. Pure; the same facts give the same text.

Names of checks and the like are hostile: they stand in code spans, where GitHub finds no link, mention or keyword.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from agentgate_engine.delivery.hostile_text import block, one_line

MAX_TITLE = 120
MAX_ASKED = 50_000
MAX_CHECKS = 40
_BEGIN, _END = "<!-- agentgate:report -->", "<!-- agentgate:end -->"
_SIGNS = {"passed": "passed", "warning": "passed with a warning", "flaky": "passed, flaky"}


@dataclass(frozen=True, slots=True)
class PullRequestFacts:
    """What a finished run can say for itself. `checks` are (id, status) in their order; times in ms, cost in USD."""

    run_id: str
    title: str
    agent: str
    iterations: int
    checks: tuple[tuple[str, str], ...] = ()
    model: str | None = None
    files_changed: int | None = None
    duration_ms: int | None = None
    cost_usd: float | None = None


def title_of(facts: PullRequestFacts, asked: str | None = None) -> str:
    """The title: what was asked for, else that of the order; one line."""
    return one_line(asked or facts.title, MAX_TITLE) or f"AgentGate run {facts.run_id}"


def body_of(facts: PullRequestFacts, asked: str | None = None) -> str:
    """The text: what was asked for, and below it the report of the run, which later calls replace."""
    return f"{block(asked, MAX_ASKED)}\n\n{_report(facts)}" if asked else _report(facts)


def body_with_report(body: str, facts: PullRequestFacts) -> str:
    """`body` with its report made new and everything that people wrote around it kept. Without a report: as it was."""
    pattern = re.compile(re.escape(_BEGIN) + ".*?" + re.escape(_END), re.DOTALL)
    return pattern.sub(lambda _: _report(facts), body.replace("\r\n", "\n"), count=1)


def _report(facts: PullRequestFacts) -> str:
    passed = [check for check in facts.checks if check[1] in _SIGNS]
    rows = [f"| {_code(name)} | {_SIGNS[status]} |" for name, status in passed[:MAX_CHECKS]]
    if len(passed) > MAX_CHECKS:
        rows.append(f"| and {len(passed) - MAX_CHECKS} more | |")
    table = ["", "| Check | Result |", "| --- | --- |", *rows] if rows else []
    return "\n".join((_BEGIN, "---", _summary(facts), *table, _END))


def _summary(facts: PullRequestFacts) -> str:
    agent = _code(facts.agent) + (f" ({_code(facts.model)})" if facts.model else "")
    parts = [f"{facts.iterations} iteration{'' if facts.iterations == 1 else 's'}"]
    if facts.files_changed is not None:
        parts.append(f"{facts.files_changed} file{'' if facts.files_changed == 1 else 's'} changed")
    if facts.duration_ms is not None:
        parts.append(_duration(facts.duration_ms))
    if facts.cost_usd is not None:
        parts.append(f"{facts.cost_usd:.2f} USD")
    return f"Made by {agent} in AgentGate run {_code(facts.run_id)}: {', '.join(parts)}."


def _duration(ms: int) -> str:
    minutes, seconds = divmod(round(ms / 1000), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def _code(text: str) -> str:
    """A code span that its content cannot leave; a bar would leave a table's cell."""
    return "`" + (one_line(text, 120).replace("`", "'").replace("|", "/") or "-") + "`"
