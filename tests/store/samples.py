"""The sample stores in tests/data/stores: a copy to work on, and what is known of the runs in each."""

from __future__ import annotations

import shutil
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from agentgate_engine.models.agent_result import PersistedAgentResult
from agentgate_engine.models.delivery import DeliveryRecord
from agentgate_engine.models.feedback import FeedbackRecord
from agentgate_engine.models.gate_plan import GatePlan
from agentgate_engine.models.iteration import IterationData
from agentgate_engine.models.metrics import RunMetrics
from agentgate_engine.models.process import ProcessExit, ProcessResult, ProcessSpec, ProcessStart
from agentgate_engine.models.record import Record
from agentgate_engine.models.run import Run
from agentgate_engine.models.verification import PersistedVerificationReport
from agentgate_engine.models.work_order import ResolvedProfile, WorkOrder
from agentgate_engine.store.index_schema import SCHEMA_VERSION
from agentgate_engine.store.store import Store

SAMPLES = Path(__file__).parents[1] / "data" / "stores"

RECORDS: dict[str, type[Record]] = {
    "work-orders/*.json": WorkOrder,
    "runs/*/run.json": Run,
    "runs/*/gate-plan.json": GatePlan,
    "runs/*/profile.json": ResolvedProfile,
    "runs/*/agent-*.json": PersistedAgentResult,
    "runs/*/verification-*.json": PersistedVerificationReport,
    "runs/*/iteration-*.json": IterationData,
    "runs/*/feedback-*.json": FeedbackRecord,
    "runs/*/delivery.json": DeliveryRecord,
    "runs/*/metrics.json": RunMetrics,
    "runs/*/processes/*/spec.json": ProcessSpec,
    "runs/*/processes/*/proc.json": ProcessStart,
    "runs/*/processes/*/exit.json": ProcessExit,
    "runs/*/processes/*/result.json": ProcessResult,
    "runs/*/processes/*/agent.json": PersistedAgentResult,
}


class Facts(NamedTuple):
    """What is known of a run. `checked` is the exit code of `verify`: 0 passed, 1 failed, 2 not verified."""

    state: str
    result: str | None
    iteration: int
    levels: str
    checked: int
    error_type: str | None = None
    retried: int = 0
    fed_back: int = 0


FACTS: dict[str, dict[str, Facts]] = {
    "format-0": {
        "mend the sum": Facts("succeeded", "passed", 2, "++..", 0, fed_back=1),
        "crash at once": Facts("failed", "failed_build", 1, "....", 2, "agent_crash"),
        "not wanted any more": Facts("canceled", "canceled", 0, "....", 2),
        "wait for an engine": Facts("queued", None, 0, "....", 2),
    },
    "format-1": {
        "mend the sum": Facts("succeeded", "passed", 2, "+++~", 0, fed_back=1),
        "crash at once": Facts("failed", "failed_build", 1, "....", 2, "agent_crash", retried=1),
        "go in circles": Facts("failed", "failed_verification", 2, "+x..", 1, "test_failed", fed_back=1),
        "not wanted any more": Facts("canceled", "canceled", 0, "....", 2),
        "wait for an engine": Facts("queued", None, 0, "....", 2),
        "held by the operator": Facts("queued", None, 0, "....", 2),
        "needs the other": Facts("queued", None, 0, "....", 2),
    },
}


@dataclass(frozen=True)
class Sample:
    """A copy of a sample store. `current` tells whether its index is of this version's schema."""

    name: str
    root: Path
    current: bool

    @property
    def facts(self) -> dict[str, Facts]:
        return FACTS[self.name]

    @property
    def store(self) -> Store:
        return Store.open(self.root)

    def runs(self) -> dict[str, Run]:
        """Every run by its title."""
        found = [self.store.read_run(run) for run in self.store.run_ids()]
        return {run.title: run for run in found}


def copy_sample(name: str, root: Path) -> Sample:
    """A store to work on, as a machine would have it: with its index, and the folders that git does not keep."""
    shutil.copytree(SAMPLES / name, root)
    sql = root / "index.sql"
    database = sqlite3.connect(root / "index.db")
    database.executescript(sql.read_text())
    schema = database.execute("pragma user_version").fetchone()[0]
    database.close()
    sql.unlink()
    for folder in ("engines", "workspaces", "quarantine"):
        (root / folder).mkdir()
    return Sample(name, root, schema == SCHEMA_VERSION)
