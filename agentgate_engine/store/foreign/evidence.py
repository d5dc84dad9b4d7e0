"""`ForeignEvidenceReader`: the files of one run of the original as the evidence that every view reads."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from agentgate_engine.errors import StoreError
from agentgate_engine.models.agent_result import PersistedAgentResult
from agentgate_engine.models.iteration import IterationData
from agentgate_engine.models.run import Run
from agentgate_engine.models.run_state import RunState
from agentgate_engine.models.snapshot import Snapshot
from agentgate_engine.models.verification import PersistedVerificationReport
from agentgate_engine.store.foreign.agents import Mask, convert_agent
from agentgate_engine.store.foreign.catalogue import Catalogue
from agentgate_engine.store.foreign.foreign_layout import ForeignRunLayout
from agentgate_engine.store.foreign.iterations import convert_iteration, phase_times
from agentgate_engine.store.foreign.orders import convert_order, order_facts
from agentgate_engine.store.foreign.outcome import Standing, order_standing, run_standing
from agentgate_engine.store.foreign.patches import MOST_PATCH_BYTES, convert_snapshot
from agentgate_engine.store.foreign.recognise import ForeignKind
from agentgate_engine.store.foreign.records import Fields, is_foreign_id, read_bounded, read_fields
from agentgate_engine.store.foreign.runs import convert_run, iterations_of, run_facts
from agentgate_engine.store.foreign.verifications import convert_verification
from agentgate_engine.store.layout import StoreLayout
from agentgate_engine.store.masking import Masker
from agentgate_engine.store.run_evidence import Origin, RunEvidence

Version = tuple[int, int, int]

UNTIMED_CALLS = "drawn one after the other: the original kept how long each took, not when it began"


@dataclass
class RecordFiles:
    """The record files of a run. One whose inode, time and size are known is not parsed again.

    `faults` names each that cannot be read, with why, since it was last emptied.
    """

    _known: dict[Path, tuple[Version, Fields | str]] = field(default_factory=dict[Path, tuple[Version, "Fields | str"]])
    faults: dict[str, str] = field(default_factory=dict[str, str])

    def read(self, path: Path) -> Fields | None:
        """The object in a file; None when there is no such file, or it cannot be read."""
        try:
            status = path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as fault:
            self.faults[path.name] = str(fault.strerror)
            return None
        version = (status.st_ino, status.st_mtime_ns, status.st_size)
        known = self._known.get(path)
        if known is None or known[0] != version:
            try:
                known = (version, read_fields(path))
            except (StoreError, OSError) as fault:
                known = (version, str(fault))
            self._known[path] = known
        if isinstance(known[1], Fields):
            return known[1]
        self.faults[path.name] = known[1].removeprefix(f"{path.name} ")
        return None


@dataclass(frozen=True, slots=True)
class RunParts:
    """What stands beside the summary of a run, converted, by iteration; `fields` are its iteration files as found."""

    layout: ForeignRunLayout
    agents: dict[int, PersistedAgentResult]
    reports: dict[int, PersistedVerificationReport]
    fields: dict[int, Fields]
    snapshots: dict[int, Snapshot]


@dataclass
class ForeignEvidenceReader:
    """Follows one run, or one order without a run; `read` gives what is there now.

    Nothing in the store is believed further than its own file: a run goes by the name of its directory, a recorded path
    is reduced to a name inside of that, and no link is followed.
    """

    layout: StoreLayout
    kind: ForeignKind
    key: str
    _files: RecordFiles = field(default_factory=RecordFiles)

    def read(self, catalogue: Catalogue) -> RunEvidence:
        """The run at this moment, in a store that holds `catalogue`.

        Raises:
            StoreError: neither a run nor an order has this id.
        """
        self._files.faults = {}
        mask = Masker.from_environment(os.environ).mask
        in_runs = self._is_run(catalogue)
        order_id = catalogue.order_of.get(self.key, "") if in_runs else self.key
        order, run = catalogue.orders.get(order_id, Fields()), catalogue.runs.get(self.key, Fields())
        self._take_faults(catalogue, order_id)
        standing = _standing(catalogue, order, run, in_runs=in_runs)
        directory = self.layout.runs / self.key
        count, left_out = iterations_of(run, _names(directory)) if in_runs else (0, [])
        parts = self._parts(run, order, count, standing, mask)
        summary = convert_run(
            self.key,
            order_id,
            run,
            order,
            standing,
            iteration=count,
            agents=parts.agents,
            verifications=parts.reports,
            branch=next((shot.branch for shot in reversed(parts.snapshots.values()) if shot.branch), ""),
            notes=[*standing.notes, *_about_the_order(catalogue, order_id, order, in_runs=in_runs), *left_out],
            mask=mask,
        )
        place = directory if in_runs else self.layout.work_orders / f"{self.key}.json"
        return RunEvidence(
            run=summary,
            order=convert_order(order_id, order) if order else None,
            plan=None,
            delivery=None,
            layout=parts.layout,
            events=(),
            agents=parts.agents,
            verifications=parts.reports,
            iterations=_iterations(summary, parts, mask),
            feedbacks={},
            unreadable=tuple(sorted(self._files.faults.items())),
            snapshots=parts.snapshots,
            phase_times={n: times for n, fields in parts.fields.items() if (times := phase_times(fields))},
            origin=Origin(self.kind.maker, place, _facts(order_id, order, run, parts, mask)),
        )

    def _is_run(self, catalogue: Catalogue) -> bool:
        """Whether the key is that of a run, readable or not; else it is that of an order."""
        directory = self.layout.runs / self.key
        linked = directory.is_symlink()
        if is_foreign_id(self.key) and directory.is_dir() and not linked:
            return True
        if linked or self.key not in catalogue.orders:
            why = catalogue.faults.get(self.key)
            raise StoreError(f"{self.key} cannot be read: {why}" if why else f"there is no run or order {self.key}")
        return False

    def _take_faults(self, catalogue: Catalogue, order_id: str) -> None:
        """What the list of the store knows to be unreadable of this run and its order."""
        for name, file in ((self.key, "run.json"), (order_id, f"{order_id}.json")):
            if name in catalogue.faults:
                self._files.faults[file] = catalogue.faults[name].removeprefix(f"{file} ")

    def _parts(self, run: Fields, order: Fields, count: int, standing: Standing, mask: Mask) -> RunParts:
        directory = self.layout.runs / self.key
        layout = ForeignRunLayout(directory, _linked(directory, count))
        numbers = range(1, count + 1)
        agents: dict[int, PersistedAgentResult] = {}
        reports: dict[int, PersistedVerificationReport] = {}
        for n in numbers:
            if (found := self._files.read(layout.agent(n))) is not None:
                agents[n] = convert_agent(
                    self.key,
                    n,
                    found,
                    name=layout.agent(n).name,
                    agent_type=order.text("agentType") or "an agent",
                    canceled=standing.state is RunState.CANCELED and n == count,
                    mask=mask,
                )
            if (found := self._files.read(layout.verification(n))) is not None:
                name = layout.verification(n).name
                reports[n] = convert_verification(self.key, n, found, name=name, mask=mask)
        fields = {n: self._files.read(layout.iteration(n)) or Fields() for n in numbers}
        return RunParts(layout, agents, reports, fields, self._snapshots(layout, run, fields))

    def _snapshots(self, layout: ForeignRunLayout, run: Fields, fields: dict[int, Fields]) -> dict[int, Snapshot]:
        found: dict[int, Snapshot] = {}
        before, shas = run.text("snapshotBeforeSha"), run.texts("snapshotIds")
        for n, iteration in fields.items():
            after = shas[n - 1] if n <= len(shas) else iteration.text("snapshotId")
            record = Fields()
            if after is not None and is_foreign_id(after):
                record = self._files.read(self.layout.root / "snapshots" / f"{after}.json") or Fields()
            shot = convert_snapshot(self.key, n, before=before, after=after, record=record, patch=_patch(layout, n))
            if shot is not None:
                found[n] = shot
            before = after
        return found


def _standing(catalogue: Catalogue, order: Fields, run: Fields, *, in_runs: bool) -> Standing:
    status = order.text("status")
    if in_runs:
        return run_standing(run.text("state"), run.text("result"), status)
    named = order.text("runId")
    return order_standing(status, named, catalogue.faults.get(named) if named is not None else None)


def _facts(order_id: str, order: Fields, run: Fields, parts: RunParts, mask: Mask) -> tuple[tuple[str, str], ...]:
    """What else the records say, as (name, text) for people."""
    facts = [*(order_facts(order_id, order) if order else []), *run_facts(run)]
    if any(agent.tool_calls for agent in parts.agents.values()):
        facts.append(("tool calls", UNTIMED_CALLS))
    return tuple((name, mask(text)) for name, text in facts)


def _iterations(run: Run, parts: RunParts, mask: Mask) -> dict[int, IterationData]:
    found: dict[int, IterationData] = {}
    begun = run.started_at
    for n, fields in parts.fields.items():
        patch = f"iterations/{n}/patch.diff" if _has_patch(parts.layout, n) else None
        agent, report = parts.agents.get(n), parts.reports.get(n)
        record = convert_iteration(run, n, fields, agent, report, patch, begun, mask)
        if record is not None:
            found[n] = record
        begun = record.completed_at if record is not None else None
    return found


def _about_the_order(catalogue: Catalogue, order_id: str, order: Fields, *, in_runs: bool) -> list[str]:
    """What is odd about the order of a run."""
    if not in_runs or order:
        return []
    if not order_id:
        return ["it does not say which order it works on"]
    known = order_id in catalogue.faults
    return [] if known else [f"its order {order_id} is not in this store"]


def _names(directory: Path) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return []


def _linked(directory: Path, count: int) -> frozenset[int]:
    """The iterations whose folder is reached through a link."""
    folder, numbers = directory / "iterations", range(1, count + 1)
    return frozenset(n for n in numbers if folder.is_symlink() or (folder / str(n)).is_symlink())


def _has_patch(layout: ForeignRunLayout, n: int) -> bool:
    return layout.diff(n).is_file() and not layout.diff(n).is_symlink()


def _patch(layout: ForeignRunLayout, n: int) -> bytes | None:
    """The patch of an iteration as far as it is read for its names; None where there is none to be read."""
    if not _has_patch(layout, n):
        return None
    try:
        size = layout.diff(n).stat().st_size
        return read_bounded(layout.diff(n), MOST_PATCH_BYTES) if size <= MOST_PATCH_BYTES else None
    except (OSError, StoreError):
        return None
