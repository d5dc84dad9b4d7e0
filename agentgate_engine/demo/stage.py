"""Setting the demo up, and seeing it through."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from agentgate_engine.clock import Clock
from agentgate_engine.commands.cancel import cancel
from agentgate_engine.commands.engines import start_engine
from agentgate_engine.commands.submit import SubmitRequest, local, submit
from agentgate_engine.demo.orders import DemoOrder, demo_orders
from agentgate_engine.demo.repository import make_repository
from agentgate_engine.errors import AgentGateError
from agentgate_engine.models.ids import RunId
from agentgate_engine.models.run_state import RunState
from agentgate_engine.store.store import Store

CANCEL_AFTER_S = 2.5
"""How long the hung agent hangs before it is canceled."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A demo that is running. `root` holds its store, its repository and its scripts."""

    root: Path
    store: Store
    runs: tuple[tuple[RunId, DemoOrder], ...]

    @property
    def notice(self) -> str:
        """What the screen says about it."""
        return f"DEMO: scripted agents, real engine. Store: {self.store.layout.root}"

    def unfinished(self) -> list[RunId]:
        """The runs that have not ended."""
        return [run for run, _ in self.runs if not self.store.read_run(run).state.terminal]

    def cancel_what_hangs(self, given_up: threading.Event) -> None:
        """Cancel the orders that are there to be canceled, a while after their agents began. Blocks until then."""
        for run, order in self.runs:
            if not order.cancel:
                continue
            while self.store.read_run(run).state in (RunState.QUEUED, RunState.LEASED) and not given_up.wait(0.1):
                pass
            if not given_up.wait(CANCEL_AFTER_S):
                cancel(self.store, run, Clock(), reason="the demo: it hung")


def set_stage(environment: Mapping[str, str]) -> Stage:
    """Make store, repository and orders in a temporary directory, and start the engine as its own process.

    Raises:
        AgentGateError: git is missing, or the engine did not start.
    """
    root = Path(tempfile.mkdtemp(prefix="agentgate-demo-"))
    repository, scripts = root / "stock", root / "scripts"
    repository.mkdir()
    scripts.mkdir()
    try:
        make_repository(repository)
    except OSError as fault:
        raise AgentGateError(f"the demo needs git: {fault}") from fault
    store = Store.create_or_open(root / "store")
    runs: list[tuple[RunId, DemoOrder]] = []
    for number, order in enumerate(demo_orders(), 1):
        script = scripts / f"{number}.yaml"
        script.write_text(yaml.safe_dump({"pace": order.pace, "iterations": order.iterations}, sort_keys=False))
        request = SubmitRequest(
            prompt=f"{order.title}\n\nMake the tests of stock.py pass.",
            source=local(repository),
            settings={
                "agentDriver.type": "scripted",
                "agentDriver.script": str(script),
                "loopStrategy.maxIterations": order.max_iterations,
                "executionLimits.maxIterationSeconds": order.iteration_seconds,
                **order.settings,
            },
            priority=order.priority,
        )
        runs.append((submit(store, request, environment, Clock()).run_id, order))
    start_engine(store, environment, until_idle=True)
    return Stage(root, store, tuple(runs))


def wait_for_end(stage: Stage, limit_s: float) -> bool:
    """Wait until every run has ended; False when `limit_s` went by before."""
    give_up = time.monotonic() + limit_s
    while stage.unfinished():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.1)
    return True
