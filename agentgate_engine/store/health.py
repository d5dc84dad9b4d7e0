"""Which runs cannot be read, found without parsing more than JSON: lists show them beside the good ones."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from agentgate_engine.errors import StoreError
from agentgate_engine.models.ids import RunId, is_run_id
from agentgate_engine.store.atomic import read_regular
from agentgate_engine.store.layout import StoreLayout

_NEEDED = ("id", "workOrderId", "state", "maxIterations", "queuedAt")


@dataclass
class RunHealth:
    """Remembers what it looked at by inode, time and size, so asking again costs a stat a run."""

    layout: StoreLayout
    _seen: dict[str, tuple[tuple[int, int, int], str | None]] = field(
        default_factory=dict[str, tuple[tuple[int, int, int], str | None]]
    )

    def unreadable(self, indexed: Iterable[str], *, newest: int = 500) -> list[tuple[str, str]]:
        """(run id, reason) for each run directory whose `run.json` holds no run.

        Looks at every run that the index does not have, and at the first `newest` of those it has.
        """
        known = list(indexed)
        try:
            names = {name for name in os.listdir(self.layout.runs) if is_run_id(name)}
        except OSError:
            return []
        asked = sorted(names - set(known)) + [run for run in known[:newest] if run in names]
        found = [(run, self._fault(RunId(run))) for run in asked]
        return [(run, reason) for run, reason in found if reason is not None]

    def _fault(self, run: RunId) -> str | None:
        path = self.layout.run(run).summary
        try:
            status = path.stat(follow_symlinks=False)
        except FileNotFoundError:
            return "run.json is missing"
        except OSError as fault:
            return f"run.json: {fault.strerror}"
        version = (status.st_ino, status.st_mtime_ns, status.st_size)
        known = self._seen.get(run)
        if known is None or known[0] != version:
            self._seen[run] = known = (version, summary_fault(path))
        return known[1]


def summary_fault(path: Path) -> str | None:
    """Why the `run.json` at `path` holds no run, or None when it does."""
    try:
        found: object = json.loads(read_regular(path))
    except (StoreError, OSError) as fault:
        return str(fault)
    except ValueError as fault:
        return f"run.json is no JSON: {fault}"
    if not isinstance(found, dict):
        return "run.json holds no object"
    missing = [key for key in _NEEDED if key not in found]
    return f"run.json lacks {', '.join(missing)}" if missing else None
