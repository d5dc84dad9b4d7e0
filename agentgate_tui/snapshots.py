"""What one look at the store yields: frozen values, made in a thread, from index rows and the records of one run.

Paths are shown as the operator wrote them: `name` stands for the root of the store in every text that shows one.
"""

from __future__ import annotations

import dataclasses
import sqlite3
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path

from agentgate_engine.errors import AgentGateError
from agentgate_engine.models.event_type import EventType
from agentgate_engine.models.events import (
    AgentStarted,
    CheckStarted,
    parse_payload,
)
from agentgate_engine.models.ids import RunId
from agentgate_engine.models.queue import QueueStats
from agentgate_engine.store.engine_rows import engine_rows
from agentgate_engine.store.foreign.foreign_store import ForeignStore
from agentgate_engine.store.health import summary_fault
from agentgate_engine.store.index import Index, RunRow
from agentgate_engine.store.log_window import read_last_lines, read_log_lines
from agentgate_engine.store.queue_reader import read_stats
from agentgate_engine.store.run_evidence import RunEvidence
from agentgate_engine.store.store import Store
from agentgate_engine.store.store_view import EvidenceReader, OwnView, view_of
from agentgate_engine.views.call_detail import CallDetail, call_detail
from agentgate_engine.views.order_view import OrderView, order_view
from agentgate_engine.views.queue_view import QueueView, queue_view
from agentgate_engine.views.safe_text import SafeText, sanitize, sanitize_block
from agentgate_engine.views.timeline import Timeline, timeline
from agentgate_engine.views.verification_view import VerificationView, verification_view
from agentgate_engine.views.why import WhyView, why_view
from agentgate_engine.views.why_facts import LogReaders

_KEPT_READERS = 6
_READERS = LogReaders(read_log_lines, read_last_lines)
_NOTHING = SafeText("")
_NO_DIFF = SafeText("No diff: the snapshot of this iteration was not taken, or is empty.")
_NO_PATCH = SafeText("No patch of this iteration is in the store.")


@dataclass(frozen=True, slots=True)
class QueueSnapshot:
    """The queue at one moment. `problem` says why there are no rows when that is not because nothing was submitted."""

    view: QueueView
    problem: SafeText = _NOTHING


@dataclass(frozen=True, slots=True)
class LogPlace:
    """A log that can be shown: how it is called, and where it stands."""

    name: str
    path: Path


@dataclass(frozen=True, slots=True)
class RunViews:
    """One run and one iteration of it. `check_logs` are where running checks write, by check id."""

    order: OrderView
    timeline: Timeline
    why: WhyView
    verification: VerificationView
    feedback: tuple[SafeText, ...]
    prompt: tuple[SafeText, ...]
    directory: Path
    logs: tuple[LogPlace, ...]
    diff: LogPlace
    check_logs: dict[str, Path]
    live: bool
    no_diff: SafeText = _NO_DIFF


@dataclass(frozen=True, slots=True)
class RunSnapshot:
    """A run at one moment; no `views` when `problem` says why.

    `asked` is the iteration that was asked for (None: the last), `iteration` the one shown, 0 before the first.
    """

    run_id: RunId
    asked: int | None
    iteration: int
    views: RunViews | None
    problem: SafeText = _NOTHING


@dataclass
class StoreReader:
    """Reads in threads, one at a time; remembers what it parsed, so that a second look costs what changed."""

    store: Store | ForeignStore
    name: str
    _turn: threading.Lock = field(default_factory=threading.Lock)
    _readers: OrderedDict[RunId, EvidenceReader] = field(default_factory=OrderedDict[RunId, "EvidenceReader"])
    _evidence: dict[RunId, RunEvidence] = field(default_factory=dict[RunId, RunEvidence])
    _rows: list[RunRow] = field(default_factory=list[RunRow])
    _engines: int = 0
    _stats: QueueStats | None = None
    _checked: dict[RunId, tuple[tuple[int, int, int], str | None]] = field(
        default_factory=dict[RunId, tuple[tuple[int, int, int], str | None]]
    )
    _problem: str = ""

    @property
    def view(self) -> OwnView | ForeignStore:
        """The store as readers see it."""
        return view_of(self.store)

    def queue(self, now: float, *, reread: bool) -> QueueSnapshot:
        """The queue; without `reread` from the rows of the last look, for the ages that went on."""
        with self._turn:
            if reread:
                self._read_rows()
            known = {row.id for row in self._rows}
            broken = sorted((run, why) for run, (_, why) in self._checked.items() if why is not None)
            rows = [row for row in self._rows if self._checked.get(RunId(row.id), (None, None))[1] is None]
            unreadable = [
                (run, self._short(why) + ("" if run in known else " (not in the index)")) for run, why in broken
            ]
            view = queue_view(rows, unreadable=unreadable, engines=self._engines, now=now, stats=self._stats)
            if self.view.read_only is not None:
                view = dataclasses.replace(view, advice=self.view.read_only)
            return QueueSnapshot(view, sanitize(self._short(self._problem)))

    def check_runs(self, runs: list[RunId] | None = None) -> bool:
        """Look whether the summaries of `runs` (by default of all) can be read. True if that changed anything.

        A summary whose inode, time and size are known is not read again.
        """
        changed = False
        if isinstance(self.store, ForeignStore):
            return changed  # what cannot be read there comes with the rows
        with self._turn:
            for run in self.store.run_ids() if runs is None else runs:
                try:
                    status = self.store.layout.run(run).summary.lstat()
                    version = (status.st_ino, status.st_mtime_ns, status.st_size)
                except OSError:
                    continue  # a run whose directory was made a moment ago has no summary yet
                known = self._checked.get(run)
                if known is not None and known[0] == version:
                    continue
                why = summary_fault(self.store.layout.run(run).summary)
                self._checked[run] = (version, why)
                changed = changed or why != (known[1] if known else None)
        return changed

    def run(self, run: RunId, iteration: int | None, now: float, *, reread: bool) -> RunSnapshot:
        """One run; `iteration` None for its last. Never raises: what cannot be read is said in the snapshot."""
        with self._turn:
            try:
                evidence = self._evidence_of(run, reread=reread)
                n = evidence.run.iteration if iteration is None else max(0, min(iteration, evidence.run.iteration))
                return RunSnapshot(run, iteration, n, self._views(evidence, n, now))
            except Exception as fault:  # whatever a broken record does to a view, the operator reads it and goes on
                what = (
                    str(fault) if isinstance(fault, (AgentGateError, OSError)) else f"{type(fault).__name__}: {fault}"
                )
                return RunSnapshot(run, iteration, 0, None, sanitize(self._short(what).replace("\n", " ")))

    def call(self, run: RunId, iteration: int, call_id: str) -> CallDetail | None:
        """One tool call, whole. None when no record knows it."""
        with self._turn:
            return call_detail(self._evidence_of(run, reread=False), iteration, call_id)

    def _read_rows(self) -> None:
        self._problem = ""
        if isinstance(self.store, ForeignStore):
            self._read_foreign_rows(self.store)
            return
        engines = engine_rows(self.store.layout)
        self._engines = len(engines)
        if not self.store.layout.index.exists():
            self._rows = []
            if self.store.run_ids():
                self._problem = "there is no index; run `agentgate doctor --rebuild` to make it again"
            return
        try:
            index = Index.open_readonly(self.store.layout)
            try:
                self._rows, self._stats = index.rows(), read_stats(index, engines)
            finally:
                index.close()
        except (AgentGateError, sqlite3.Error) as fault:
            self._problem = str(fault)

    def _read_foreign_rows(self, store: ForeignStore) -> None:
        try:
            listed = store.listed()
        except AgentGateError as fault:
            self._problem = str(fault)
            return
        self._rows = listed.rows
        never = (0, 0, 0)
        self._checked = {RunId(row.id): (never, None) for row in listed.rows}
        self._checked.update((RunId(run), (never, why)) for run, why in listed.unreadable)

    def _evidence_of(self, run: RunId, *, reread: bool) -> RunEvidence:
        known = self._evidence.get(run)
        if known is not None and not reread:
            return known
        reader = self._readers.pop(run, None) or self.view.follow(run)
        evidence = reader.read()
        if not any(name == "events.jsonl" for name, _ in evidence.unreadable):
            self._readers[run] = reader  # after a broken event it is read from the start again: the reader would forget
        self._evidence[run] = evidence
        while len(self._readers) > _KEPT_READERS:
            self._evidence.pop(self._readers.popitem(last=False)[0], None)
        return evidence

    def _views(self, evidence: RunEvidence, n: int, now: float) -> RunViews:
        order = order_view(evidence, now)
        sent = evidence.feedbacks.get(n)
        told = evidence.order.task_prompt if evidence.order is not None else ""
        directory = evidence.layout.directory
        return RunViews(
            order=self._shortened(order),
            timeline=timeline(evidence, n, now),
            why=self._shortened_why(why_view(evidence, n, _READERS)),
            verification=verification_view(evidence, order, n),
            feedback=_block(sent.text) if sent is not None else _feedback_not_kept(evidence, n),
            prompt=_block(told),
            directory=directory,
            logs=_logs(evidence, n),
            diff=LogPlace("diff", evidence.layout.diff(n)),
            check_logs=_check_logs(evidence, n),
            live=evidence.live,
            no_diff=_NO_DIFF if evidence.origin is None else _NO_PATCH,
        )

    def _short(self, text: str) -> str:
        return text.replace(str(self.store.layout.root), self.name)

    def _shortened(self, order: OrderView) -> OrderView:
        facts = tuple((name, SafeText(self._short(text))) for name, text in order.facts)
        unreadable = tuple(SafeText(self._short(text)) for text in order.unreadable)
        return dataclasses.replace(order, facts=facts, unreadable=unreadable)

    def _shortened_why(self, why: WhyView) -> WhyView:
        files = tuple((what, SafeText(self._short(text))) for what, text in why.files)
        return dataclasses.replace(why, files=files)


def inside(directory: Path, name: str) -> Path | None:
    """The file `name` of a run, or None when a record names something outside of the run's directory."""
    place = Path(name)
    return None if place.is_absolute() or ".." in place.parts or not name else directory / place


def _feedback_not_kept(evidence: RunEvidence, n: int) -> tuple[SafeText, ...]:
    """What a foreign store has instead of the feedback that followed an iteration."""
    record = evidence.iterations.get(n)
    if evidence.origin is None or record is None or not record.feedback_generated:
        return ()
    return (SafeText("Feedback was sent after this iteration; the original did not keep it."),)


def _block(text: str) -> tuple[SafeText, ...]:
    return tuple(SafeText(line) for line in sanitize_block(text).split("\n")) if text else ()


def _logs(evidence: RunEvidence, n: int) -> tuple[LogPlace, ...]:
    """The transcript of an iteration, then the raw logs of its newest attempt."""
    layout, agent = evidence.layout, evidence.agents.get(n)
    places = [LogPlace("log", layout.transcript(n))]
    started = next(
        (e for e in reversed(evidence.events) if e.type is EventType.AGENT_STARTED and e.iteration == n), None
    )
    for stream in ("stdout", "stderr"):
        path = inside(layout.directory, getattr(agent, f"{stream}_log")) if agent is not None else None
        if path is None and started is not None and isinstance(payload := parse_payload(started), AgentStarted):
            path = inside(layout.processes, f"{payload.process.removeprefix('processes/')}/{stream}.log")
        if path is not None:
            places.append(LogPlace(f"raw {stream}", path))
    return tuple(places)


def _check_logs(evidence: RunEvidence, n: int) -> dict[str, Path]:
    if n in evidence.verifications:
        return {}
    found: dict[str, Path] = {}
    for event in evidence.events:
        if event.type is EventType.CHECK_STARTED and event.iteration == n:
            payload = parse_payload(event)
            if isinstance(payload, CheckStarted) and payload.process:
                path = inside(evidence.layout.processes, f"{payload.process.removeprefix('processes/')}/stdout.log")
                if path is not None:
                    found[payload.id] = path
    return found
