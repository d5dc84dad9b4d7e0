"""What was kept of a failure: the ends of both streams, and the files that hold the whole."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agentgate_engine.models.agent_result import PersistedAgentResult
from agentgate_engine.models.build_error import BuildError
from agentgate_engine.models.verification import Check
from agentgate_engine.store.run_evidence import RunEvidence
from agentgate_engine.verify.output_window import tail_lines
from agentgate_engine.views.safe_text import SafeText, sanitize
from agentgate_engine.views.why_facts import LogReaders


@dataclass(frozen=True, slots=True)
class Tail:
    """The last lines of a stream (at most 50, at most 16 KiB). `name` says whose: `check stdout`, `agent stderr`."""

    name: str
    lines: tuple[SafeText, ...]


def tails_of(error: BuildError | None, check: Check | None, agent: PersistedAgentResult | None) -> tuple[Tail, ...]:
    """The ends of both streams of what failed: of the check, where it is a command; else of the agent's call."""
    if check is not None and check.stdout_log is not None:
        return _tails("check", check.stdout, check.stderr)
    if error is not None and error.verification_file is None and (error.stdout or error.stderr):
        whose = "agent" if error.agent_result_file else "engine" if check is None else "check"
        return _tails(whose, error.stdout, error.stderr)
    if agent is not None:
        return _tails("agent", tail_lines(agent.stdout), tail_lines(agent.stderr))
    return ()


def _tails(whose: str, stdout: str, stderr: str) -> tuple[Tail, ...]:
    both = (("stdout", stdout), ("stderr", stderr))
    return tuple(Tail(f"{whose} {name}", tuple(map(sanitize, text.split("\n")))) for name, text in both if text.strip())


def files_of(
    evidence: RunEvidence,
    n: int,
    check: Check | None,
    agent: PersistedAgentResult | None,
    error: BuildError | None,
    readers: LogReaders,
) -> tuple[tuple[str, SafeText], ...]:
    """Where everything is, as (what, absolute path). Where no process failed: the events, and what the engine said."""
    layout = evidence.layout
    directory = layout.directory
    named: list[tuple[str, str]] = []
    if check is not None:
        named += _logs("check", check.stdout_log, check.stderr_log)
    if agent is not None:
        named += _logs("agent", agent.stdout_log, agent.stderr_log)
        named.append(("agent record", layout.agent(n).name))
    if n in evidence.verifications:
        named.append(("verification", layout.verification(n).name))
    if evidence.delivery is not None and error is not None:
        named.append(("delivery", layout.delivery.name))
    if error is not None and error.agent_result_file is None and error.verification_file is None:
        named += [("run events", layout.events.name)] if evidence.events else []
        named.append(("run record", layout.summary.name))
        log = engine_log(evidence, readers)
        named += [("engine log", str(log))] if log is not None else []
    return tuple((what, sanitize(str(directory / name))) for what, name in named)


def _logs(whose: str, stdout: str | None, stderr: str | None) -> list[tuple[str, str]]:
    """Those that were kept: stores of the original have none."""
    return [(f"{whose} {name}", log) for name, log in (("stdout", stdout), ("stderr", stderr)) if log]


def engine_log(evidence: RunEvidence, readers: LogReaders) -> Path | None:
    """What the engine of the run said itself, where it was not started in a terminal and so has a log."""
    if evidence.run.engine is None:
        return None
    log = evidence.layout.directory.parent.parent / "engines" / f"{evidence.run.engine}.log"
    return log if readers.last(log, 1)[1] else None
