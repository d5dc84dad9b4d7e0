"""`agentgate log --tools`: the tool calls of an iteration, one line each."""

from __future__ import annotations

import shutil
import time

from agentgate_engine.cli.output import put, put_json, say, table
from agentgate_engine.store.run_evidence import RunEvidence
from agentgate_engine.views import wording
from agentgate_engine.views.timeline import ToolBar, timeline


def put_tool_calls(evidence: RunEvidence, iteration: int, *, as_json: bool) -> int:
    """Print them: live from the events, whole once the agent has ended."""
    found = timeline(evidence, iteration, time.time())
    if as_json:
        put_json(found)
        return 0
    if not found.bars:
        place = f"{evidence.run.id}/{iteration}" if iteration else evidence.run.id
        say(f"no tool call of {place} is on record")
        return 0
    width = shutil.get_terminal_size((100, 24)).columns
    header = ("#", "AT", "TOOK", "TOOL", "WHAT", "EXIT", "CHANGED")
    for text in table(header, map(_cells, found.bars), flexible=4, width=width):
        put(text)
    return 0


def _cells(bar: ToolBar) -> tuple[str, ...]:
    changed = ", ".join(bar.touched[:3]) + (f" and {len(bar.touched) - 3} more" if len(bar.touched) > 3 else "")
    took = "running" if bar.end_s is None else wording.duration(bar.duration_ms)
    end = str(bar.exit_code) if bar.exit_code is not None else "error" if bar.is_error else ""
    return (str(bar.number), f"+{bar.start_s:.1f}s", took, bar.tool, bar.summary, end, changed)
