"""Who did it: the call, or the iteration, that last changed what a failure names."""

from __future__ import annotations

from agentgate_engine.models.agent_result import ToolCall
from agentgate_engine.models.snapshot import Snapshot
from agentgate_engine.store.run_evidence import RunEvidence
from agentgate_engine.views import wording
from agentgate_engine.views.timeline import summary_of, touches
from agentgate_engine.views.why_facts import Fact, snapshot_of


def suspect_facts(evidence: RunEvidence, n: int, named: list[str]) -> list[Fact]:
    """The newest call that changed a file which the failure names; else the newest that changed anything."""
    calls = [(k, i, c) for k in range(1, n + 1) for i, c in enumerate(_calls(evidence, k), 1)]
    for path in named:
        hit = next(((k, i, c) for k, i, c in reversed(calls) if touches(c, path)), None)
        if hit is not None:
            return _touch_facts(calls, hit, path)
    changing = next(((k, i, c) for k, i, c in reversed(calls) if c.kind == "edit" or c.delta), None)
    if changing is None:
        return [_suspect_from_snapshots(evidence, n, named)]
    k, i, call = changing
    about = f"no call touched {named[0]}; the last change was " if named else "the last change was "
    return [Fact.of("SUSPECT", [f"{about}#{i} {call.tool} {summary_of(call)} (it {k})"], f"tool:{k}:{call.id}")]


def _suspect_from_snapshots(evidence: RunEvidence, n: int, named: list[str]) -> Fact:
    """For an agent that tells of no tool calls: the iteration whose snapshot changed the file, else what did change."""
    shots = {k: shot for k in range(n, 0, -1) if (shot := snapshot_of(evidence, k)) is not None}
    for path in named:
        hit = next((k for k, shot in shots.items() if any(file.path == path for file in shot.files)), None)
        if hit is not None:
            text = f"{path} was changed in iteration {hit}; this agent tells of no tool calls"
            return Fact.of("SUSPECT", [text], f"diff:{hit}")
    about = f"{named[0]} was not changed by the agent; " if named else ""
    last = next((k for k, shot in shots.items() if shot.files_changed), None)
    if last is None and evidence.origin is not None and len(shots) < n:
        return Fact.of("SUSPECT", ["what the agent changed is not on record"], f"diff:{n}")
    if last is None:
        return Fact.of("SUSPECT", [f"{about}the agent changed nothing at all"], f"diff:{n}")
    if not shots[last].files:
        return Fact.of("SUSPECT", [f"iteration {last} changed {unnamed_change(shots[last])}"], f"diff:{last}")
    names = ", ".join(file.path for file in shots[last].files[:3])
    return Fact.of("SUSPECT", [f"{about}iteration {last} changed {names}"], f"diff:{last}")


def unnamed_change(shot: Snapshot) -> str:
    """A change of which only the figures are kept."""
    return f"{wording.plural(shot.files_changed, 'file')}  +{shot.insertions} -{shot.deletions}; its patch is not kept"


def _touch_facts(calls: list[tuple[int, int, ToolCall]], hit: tuple[int, int, ToolCall], path: str) -> list[Fact]:
    k, i, call = hit
    sure = " (one of several calls at that time)" if call.delta and call.delta.confidence == "shared" else ""
    lines = [f"{path} last touched by tool call #{i} ({call.kind}) in iteration {k}{sure}", summary_of(call)]
    facts = [Fact.of("SUSPECT", [line for line in lines if line and line != path], f"tool:{k}:{call.id}")]
    after = calls[calls.index(hit) + 1 :]
    if after:
        kinds = [
            f"{sum(1 for _, _, c in after if c.kind == kind)}x {kind}"
            for kind in dict.fromkeys(c.kind for _, _, c in after)
        ]
        facts.append(
            Fact.of("AFTER", [f"{wording.plural(len(after), 'call')} since: {', '.join(kinds)}"], f"tools:{k}")
        )
    return facts


def _calls(evidence: RunEvidence, n: int) -> list[ToolCall]:
    agent = evidence.agents.get(n)
    return agent.tool_calls if agent is not None else []
