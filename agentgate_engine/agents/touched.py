"""Which files of the workspace a tool call says it touches. Text only: nothing is looked up on disk."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable

from agentgate_engine.models.agent_result import LineRange, TouchedPath

_MAX_PATH = 4096
_MAX_LINE = 1 << 31


def inside(path: str, roots: Iterable[str]) -> str | None:
    """The path relative to the first root that holds it; None when it lies outside of all, or is no path.

    Several roots are names of one directory (the agent may see it through another link than the engine does).
    A relative path is taken as relative to the workspace.
    """
    if not path or len(path) > _MAX_PATH or "\0" in path:
        return None
    if not path.startswith("/"):
        relative = posixpath.normpath(path)
        return None if relative == ".." or relative.startswith("../") else relative
    whole = posixpath.normpath(path).lstrip("/")
    for root in roots:
        base = posixpath.normpath(root).lstrip("/")
        if whole == base:
            return "."
        if whole.startswith(base + "/"):
            return whole[len(base) + 1 :]
    return None


def line_range(start: int, end: int) -> LineRange | None:
    """The range, or None when it makes no sense."""
    return LineRange(start=start, end=end) if 1 <= start <= end <= _MAX_LINE else None


def touched(path: str, roots: Iterable[str], *ranges: LineRange | None) -> tuple[TouchedPath, ...]:
    """The path as a record, with the ranges that are known; empty when it lies outside of the workspace."""
    relative = inside(path, roots)
    if relative is None:
        return ()
    return (TouchedPath(path=relative, ranges=[known for known in ranges if known is not None]),)
