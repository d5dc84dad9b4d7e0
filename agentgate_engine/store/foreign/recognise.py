"""Whether a directory is a store of the original AgentGate, and of which generation. Imports no pydantic.

Three generations wrote three shapes without a version in them (upstream.md 6). They are told apart by what only one of
them wrote, and a store that was upgraded holds several: every record is read by its own keys, the name is for people.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from agentgate_engine.errors import StoreError
from agentgate_engine.store.foreign.records import Fields, is_foreign_id, read_fields

V18, V24, V26 = "v0.2.18", "v0.2.24", "v0.2.26"

_OURS = {"VERSION", "engines", "quarantine", "index.db", "store.lock", "control.jsonl"}
_BESIDE = {"leases", "snapshots", "trees", "audit", "queue-state.json", "harnesses"}
_LOOKED_AT = 200
_MOST_BYTES = 4 << 20
_RECORD = re.compile(r"(?:agent|verification)-[1-9][0-9]*\.json\Z")
_ITERATION = re.compile(r"iteration-[1-9][0-9]*\.json\Z")
_OF_V24 = ("agentSessionId", "agentResultFile", "verificationFile", "verificationLevelsRun", "errorType")
_ENDED = ("passed", "failed_build", "failed_verification")


@dataclass(frozen=True, slots=True)
class ForeignKind:
    """Which AgentGate wrote a store. `generation` is empty where nothing in it tells."""

    generation: str

    @property
    def maker(self) -> str:
        return "the original AgentGate" + (f" ({self.generation})" if self.generation else "")

    @property
    def name(self) -> str:
        return f"a store of {self.maker}"

    def refusal(self, root: Path) -> str:
        """Why nothing is written there, and how to look at it."""
        return (
            f"{root} is {self.name}. It is read-only: look at it with `agentgate --home {root}`,"
            " or there with `status`, `show`, `why`, `log`, `verify`, `diff` and `metrics`;"
            " for new work choose another place with --home"
        )


def recognise(root: Path) -> ForeignKind | None:
    """What wrote the store at `root`, or None when it is ours, none at all, or cannot be looked into."""
    try:
        names = set(os.listdir(root))
    except OSError:
        return None
    if names & _OURS or not names & {"runs", "work-orders"}:
        return None
    if "work-orders" not in names and not names & _BESIDE and not _any_run(root):
        return None
    return ForeignKind(" and ".join(sorted(_generations(root))))


def _any_run(root: Path) -> bool:
    return any((run / "run.json").is_file() for run in islice(_runs(root), _LOOKED_AT))


def _runs(root: Path) -> Iterator[Path]:
    try:
        with os.scandir(root / "runs") as entries:
            for entry in entries:
                if is_foreign_id(entry.name) and entry.is_dir(follow_symlinks=False):
                    yield Path(entry.path)
    except OSError:
        return


def _generations(root: Path) -> set[str]:
    found: set[str] = set()
    ended = False
    for run in islice(_runs(root), _LOOKED_AT):
        try:
            names = sorted(os.listdir(run))
        except OSError:
            continue
        summary = _fields(run / "run.json")
        kind = generation_of(names, summary, (_fields(run / name) for name in names if _ITERATION.match(name)))
        if kind is not None:
            found.add(kind)
        ended = ended or summary.text("result") in _ENDED
    return found if found or not ended else {V18}


def generation_of(names: Iterable[str], run: Fields, iterations: Iterable[Fields]) -> str | None:
    """Which generation wrote a run, by what only it wrote; None where nothing tells. Pure."""
    kinds: set[str] = set()
    for record in iterations:
        if "startTime" in record:
            return V26
        if any(key in record for key in _OF_V24):
            kinds.add(V24)
        elif "startedAt" in record:
            kinds.add(V18)
    if "/" in (run.text("workspaceId") or ""):
        return V26
    if V24 in kinds or any(_RECORD.match(name) for name in names):
        return V24
    return V18 if kinds else None


def _fields(path: Path) -> Fields:
    try:
        return read_fields(path, _MOST_BYTES)
    except (StoreError, OSError):
        return Fields()
