"""A profile from its file to the order, and to what an operator is shown."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from agentgate_engine.cli.main import run_command
from agentgate_engine.models.ids import OrderId, first_run_of
from agentgate_engine.models.work_order import ResolvedProfile
from agentgate_engine.profiles.order_settings import to_order_fields
from agentgate_engine.store.store import Store

from .conftest import Shelf

PROFILE = """\
version: "1.0"
metadata:
  extends: base
loopStrategy:
  bonusIterations: 4
agentDriver:
  type: command
  command: "true"
  passEnv: [MY_VARIABLE]
verification:
  skipLevels: [lint, blackbox]
  pristine: true
  gatePlanSource: default
gitOps:
  commitMessagePrefix: "[me]"
executionLimits:
  maxTotalTokens: 1000
  maxCostUsd: 2.5
  maxWaitSeconds: 60
retry:
  maxRetries: 1
  backoffMs: 10
"""
BASE = """\
loopStrategy:
  mode: hybrid
  baseIterations: 6
executionLimits:
  maxWallClockSeconds: 7200
"""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small repository, and a store of its own."""
    path = tmp_path / "project"
    path.mkdir()
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    who = ("-c", "user.name=O", "-c", "user.email=o@example.org")
    for command in (("init", "-q", "-b", "main"), (*who, "commit", "-q", "--allow-empty", "-m", "begin")):
        subprocess.run(["git", *command], cwd=path, env=environment, check=True)
    monkeypatch.setenv("AGENTGATE_HOME", str(tmp_path / "store"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    return path


def submit(shelf: Shelf, repository: Path, *options: str) -> tuple[int, str, str]:
    shelf.capture.readouterr()
    code = run_command(["submit", "-p", "mend it", "-C", str(repository), *options])
    out, err = shelf.capture.readouterr()
    return code, out.strip(), err


def test_every_setting_of_a_profile_reaches_the_order_and_is_shown_with_its_origin(
    shelf: Shelf, repository: Path
) -> None:
    """upstream.md 2.7, L3 and L16: what was submitted is equal after reload; config, chain and hash are shown."""
    shelf.put("base", BASE)
    shelf.put("mine", PROFILE)
    code, order_id, err = submit(shelf, repository, "--profile", "mine", "--max-iterations", "9")
    assert code == 0, err
    store, run = Store.open(Path(os.environ["AGENTGATE_HOME"])), first_run_of(OrderId(order_id))
    order = store.read_order(OrderId(order_id))
    resolved = shelf.resolve("mine", loopStrategy__maxIterations=9)
    fields = to_order_fields(resolved)
    assert (order.agent, order.limits, order.retry) == (fields.agent, fields.limits, fields.retry)
    assert (order.loop_strategy, order.git_ops) == (fields.loop_strategy, fields.git_ops)
    assert (order.skip_levels, order.skip_kinds) == (list(fields.skip_levels), list(fields.skip_kinds))
    assert (order.pristine, order.gate_plan_source, order.max_wait_seconds) == (True, "default", 60)
    assert (order.profile, order.commit_message_prefix) == ("mine", "[me]")
    record = store.read(ResolvedProfile, store.layout.run(run).profile)
    assert record == resolved.record and record.chain == ["base", "mine"]
    assert run_command(["show", run]) == 0
    shown = shelf.capture.readouterr().out
    for key, origin in (
        ("executionLimits.maxWallClockSeconds", "profile base (base.yaml:5)"),
        ("loopStrategy.bonusIterations", "profile mine (mine.yaml:5)"),
        ("loopStrategy.maxIterations", "command line"),
    ):
        assert any(key in line and origin in line for line in shown.splitlines()), shown
    assert record.hash in shown and "gitOps.apiUrl" not in shown
    assert run_command(["show", run, "--settings"]) == 0
    every = shelf.capture.readouterr().out
    assert all(key in every for key in record.settings)
    assert run_command(["show", run, "--json"]) == 0
    assert json.loads(shelf.capture.readouterr().out)["profile"]["origins"] == record.origins


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("loopStrategy:\n  maxItertions: 3\n", 'mine.yaml:2: loopStrategy: unknown key "maxItertions"'),
        ("extends: gone\n", "mine.yaml:1: extends: there is no profile 'gone'"),
        ("extends: mine\n", "mine.yaml:1: extends: the profiles extend each other in a circle: mine -> mine"),
        (None, "there is no profile 'mine'"),
    ],
)
def test_a_profile_that_cannot_be_used_stops_the_submit(
    shelf: Shelf, repository: Path, text: str | None, fault: str
) -> None:
    """upstream.md 2.7: unknown key, missing parent, missing profile and cycle each stop submit with the name."""
    if text is not None:
        shelf.put("mine", text)
    code, out, err = submit(shelf, repository, "--profile", "mine", "-a", "command", "--command", "true")
    assert (code, out) == (2, "") and fault in err
    runs = Path(os.environ["AGENTGATE_HOME"]) / "runs"
    assert not runs.is_dir() or list(runs.iterdir()) == []


def test_what_does_nothing_is_said_at_the_submit(shelf: Shelf, repository: Path) -> None:
    """upstream.md L17: a setting without effect is told, at the submit and with the run."""
    shelf.put("mine", PROFILE)
    shelf.put("base", BASE + "gitOps:\n  labels: [a]\n")
    code, _, err = submit(shelf, repository, "--profile", "mine")
    assert code == 0 and "gitOps.labels (profile base (base.yaml:7)) does nothing while gitOps.mode is local" in err
