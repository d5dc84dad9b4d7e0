"""What a clean did, or would do, as lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agentgate_engine.views import wording
from agentgate_engine.views.safe_text import SafeText, sanitize

WORDS = {
    "runs": "runs with their evidence",
    "workspaces": "workspaces",
    "undelivered": "work that was never delivered",
    "logs": "logs, compressed",
    "mirrors": "mirrors of other repositories",
    "quarantine": "quarantine",
    "leftovers": "left by an earlier deletion",
}


@dataclass(frozen=True, slots=True)
class CleanLine:
    """One row: what kind of thing, which one, how much, and why."""

    kind: SafeText
    name: SafeText
    size: SafeText
    reason: SafeText


def clean_lines(items: Sequence[tuple[str, str, int, str]]) -> tuple[CleanLine, ...]:
    """Rows from (kind, name, bytes, reason)."""
    return tuple(
        CleanLine(sanitize(kind), sanitize(name), sanitize(wording.size(size)), sanitize(reason))
        for kind, name, size, reason in items
    )


def total_lines(freed: Mapping[str, int], counts: Mapping[str, int], *, dry_run: bool) -> tuple[SafeText, ...]:
    """The sum, and of what it is made."""
    verb = "would free" if dry_run else "freed"
    if not freed:
        return (sanitize("nothing to clean"),)
    parts = [f"  {wording.size(size):>10}  {counts[kind]:>5}  {WORDS[kind]}" for kind, size in freed.items()]
    return (sanitize(f"{verb} {wording.size(sum(freed.values()))}"), *map(sanitize, parts))


def undelivered_line(count: int, size: int) -> SafeText:
    """What is held back because it stands nowhere else."""
    words = f"{wording.plural(count, 'workspace')}, {wording.size(size)}"
    return sanitize(f"kept: {words} of work that was never delivered; --include-undelivered lets it go")
