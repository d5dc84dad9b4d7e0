"""What each tool call changed in the workspace, measured while the agent works."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from agentgate_engine.agents.driver import ToolFinished, ToolStarted
from agentgate_engine.models.agent_result import LineRange, TouchedPath, WorkspaceDelta
from agentgate_engine.threads import finish_in_thread
from agentgate_engine.workspace.workspace import Workspace

WRITES = ("edit", "bash", "other")


@dataclass
class DeltaWatch:
    """Coalesces: one measurement at a time; calls that end meanwhile share the next window, and the record says so."""

    workspace: Workspace
    tree: str
    _open: set[str] = field(default_factory=set[str])
    _window: list[str] = field(default_factory=list[str])
    _crowded: bool = False

    def started(self, call: ToolStarted) -> None:
        """A call began: while another is under way or waits to be measured, neither can be told from the other."""
        if call.kind in WRITES:
            self._crowded = self._crowded or bool(self._open or self._window)
            self._open.add(call.id)

    def finished(self, call: ToolFinished) -> None:
        """A call ended: what it did can be measured."""
        if call.id in self._open:
            self._open.discard(call.id)
            self._window.append(call.id)

    @property
    def due(self) -> bool:
        """Whether a finished call waits to be measured."""
        return bool(self._window)

    async def measure(self) -> list[tuple[str, WorkspaceDelta]]:
        """What changed since the last measurement, for each call of the window.

        Raises:
            WorkspaceError: the tree could not be read; the window is dropped.
        """
        calls, crowded, before = self._window, self._crowded or len(self._window) > 1, self.tree
        self._window, self._crowded = [], bool(self._open)
        self.tree = await finish_in_thread(self.workspace.tree_now)
        if self.tree == before:
            return []
        changed = await asyncio.to_thread(self.workspace.changes_between, before, self.tree)
        delta = WorkspaceDelta(
            paths=[
                TouchedPath(path=c.path, ranges=[LineRange(start=s, end=s + max(n, 1) - 1) for s, n in c.hunks])
                for c in changed
            ],
            confidence="shared" if crowded else "certain",
            tree_before=before,
            tree_after=self.tree,
        )
        return [(call, delta) for call in calls]
