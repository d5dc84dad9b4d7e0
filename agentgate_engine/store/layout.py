"""Where everything stands in a store (DESIGN 4). Names only; nothing here touches the disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agentgate_engine.models.ids import OrderId, RunId


def resolve_root(asked: str | None, environment: Mapping[str, str]) -> tuple[Path, str]:
    """The root of the store, and what decided it (shown by `doctor`).

    `--home`, else AGENTGATE_HOME, else AGENTGATE_ROOT, else $XDG_STATE_HOME/agentgate, else ~/.local/state/agentgate.
    """
    if asked:
        return Path(asked).expanduser().absolute(), "--home"
    for name in ("AGENTGATE_HOME", "AGENTGATE_ROOT"):
        if environment.get(name):
            return Path(environment[name]).expanduser().absolute(), name
    if environment.get("XDG_STATE_HOME"):
        return Path(environment["XDG_STATE_HOME"]).expanduser().absolute() / "agentgate", "XDG_STATE_HOME"
    return Path("~/.local/state/agentgate").expanduser(), "default"


@dataclass(frozen=True, slots=True)
class StoreLayout:
    root: Path

    @property
    def version(self) -> Path:
        return self.root / "VERSION"

    @property
    def lock(self) -> Path:
        return self.root / "store.lock"

    @property
    def index(self) -> Path:
        return self.root / "index.db"

    @property
    def control(self) -> Path:
        return self.root / "control.jsonl"

    @property
    def engines(self) -> Path:
        return self.root / "engines"

    @property
    def work_orders(self) -> Path:
        return self.root / "work-orders"

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def workspaces(self) -> Path:
        return self.root / "workspaces"

    @property
    def mirrors(self) -> Path:
        return self.root / "mirrors"

    @property
    def leases(self) -> Path:
        return self.root / "leases"

    @property
    def quarantine(self) -> Path:
        return self.root / "quarantine"

    @property
    def trash(self) -> Path:
        return self.root / "trash"

    def engine_lock(self, engine: str) -> Path:
        return self.engines / f"{engine}.lock"

    def engine_record(self, engine: str) -> Path:
        return self.engines / f"{engine}.json"

    def work_order(self, order: OrderId) -> Path:
        return self.work_orders / f"{order}.json"

    def uncommitted_patch(self, order: OrderId) -> Path:
        return self.work_orders / f"{order}.patch"

    def run(self, run: RunId) -> RunLayout:
        return RunLayout(self.runs / run)


@dataclass(frozen=True, slots=True)
class RunLayout:
    """The directory of one run. Record files are named after their iteration, counted from 1."""

    directory: Path

    @property
    def summary(self) -> Path:
        return self.directory / "run.json"

    @property
    def lock(self) -> Path:
        return self.directory / "run.lock"

    @property
    def events(self) -> Path:
        return self.directory / "events.jsonl"

    @property
    def gate_plan(self) -> Path:
        return self.directory / "gate-plan.json"

    @property
    def profile(self) -> Path:
        return self.directory / "profile.json"

    @property
    def delivery(self) -> Path:
        return self.directory / "delivery.json"

    @property
    def processes(self) -> Path:
        return self.directory / "processes"

    def agent(self, iteration: int) -> Path:
        return self.directory / f"agent-{iteration}.json"

    def transcript(self, iteration: int) -> Path:
        return self.directory / f"transcript-{iteration}.jsonl"

    def verification(self, iteration: int) -> Path:
        return self.directory / f"verification-{iteration}.json"

    def iteration(self, iteration: int) -> Path:
        return self.directory / f"iteration-{iteration}.json"

    def feedback(self, iteration: int) -> Path:
        return self.directory / f"feedback-{iteration}.json"

    def diff(self, iteration: int) -> Path:
        return self.directory / f"diff-{iteration}.patch"

    def process(self, iteration: int, kind: str, number: int, attempt: int) -> Path:
        """`processes/{n}-{kind}-{i}-{attempt}`: kind is `agent`, `setup` or `check`."""
        return self.processes / f"{iteration}-{kind}-{number}-{attempt}"
