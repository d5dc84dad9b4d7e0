"""Where the texts of a run of the original stand. Names only, as in `StoreLayout`.

Its streams are no files but values inside of JSON records: `agent-2.json#stdout` is the log that the key `stdout` of
`agent-2.json` holds. Whoever opens a log reads such a one too (`store/log_file.py`), and nothing is ever unpacked to a
place of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agentgate_engine.store.layout import RunLayout


@dataclass(frozen=True, slots=True)
class ForeignRunLayout(RunLayout):
    """`linked` are the iterations whose patch stands behind a link: it is not followed, so there is no patch."""

    linked: frozenset[int] = frozenset()

    def transcript(self, iteration: int) -> Path:
        return self.directory / f"agent-{iteration}.json#transcript"

    def diff(self, iteration: int) -> Path:
        if iteration in self.linked:
            return self.directory / f"diff-{iteration}.patch"
        return self.directory / "iterations" / str(iteration) / "patch.diff"
