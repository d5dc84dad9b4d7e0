"""A2: an order is worked to a verified result, and every byte of evidence is where the design says."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path

import pytest

from agentgate_engine.models.agent_result import PersistedAgentResult
from agentgate_engine.models.delivery import DeliveryRecord
from agentgate_engine.models.feedback import FeedbackRecord
from agentgate_engine.models.gate_plan import GatePlan
from agentgate_engine.models.ids import RunId
from agentgate_engine.models.iteration import IterationData
from agentgate_engine.models.metrics import RunMetrics
from agentgate_engine.models.record import Record
from agentgate_engine.models.run import Run
from agentgate_engine.models.transcript import TranscriptLine
from agentgate_engine.models.verification import PersistedVerificationReport
from agentgate_engine.models.work_order import ResolvedProfile, WorkOrder

from .shop import shop_files, write_agent
from .site import Site, git

MODELS: dict[str, type[Record]] = {
    "run.json": Run,
    "gate-plan.json": GatePlan,
    "profile.json": ResolvedProfile,
    "delivery.json": DeliveryRecord,
    "metrics.json": RunMetrics,
    "agent-1.json": PersistedAgentResult,
    "agent-2.json": PersistedAgentResult,
    "verification-1.json": PersistedVerificationReport,
    "verification-2.json": PersistedVerificationReport,
    "iteration-1.json": IterationData,
    "iteration-2.json": IterationData,
    "feedback-1.json": FeedbackRecord,
}
OTHERS = {
    *("run.lock", "events.jsonl", "processes", "transcript-1.jsonl", "transcript-2.jsonl"),
    *("diff-1.patch", "diff-2.patch"),
}


@pytest.fixture
def shop(site: Site) -> Site:
    site.make_repository(shop_files())
    return site


def work_shop(shop: Site) -> RunId:
    """`agentgate run`, with an agent that mends only what the feedback names."""
    done = shop.agentgate("run", "-p", "mend the shop", "-a", "command", "--command", write_agent(shop.root), "--json")
    assert done.code == 0, done.err
    return RunId(done.document["runId"])


def test_a_run_that_needs_feedback_passes_in_its_second_iteration(shop: Site) -> None:
    """upstream.md L1: fail, feedback, pass in 2 iterations, on the installed command."""
    run_id = work_shop(shop)
    assert sum(1 for path in shop.repository.rglob("*") if path.is_file() and ".git" not in path.parts) >= 18
    run = shop.run(run_id)
    assert (run.iteration, run.result, run.levels) == (2, "passed", "++.~")
    shop.assert_ended_well(run_id)
    directory = shop.layout(run_id).directory

    assert {path.name for path in directory.iterdir()} == MODELS.keys() | OTHERS
    records = {name: kind.from_json((directory / name).read_bytes(), name) for name, kind in MODELS.items()}
    first, second = records["verification-1.json"], records["verification-2.json"]
    assert isinstance(first, PersistedVerificationReport)
    assert isinstance(second, PersistedVerificationReport)
    assert not first.passed
    assert second.passed
    feedback = records["feedback-1.json"]
    assert isinstance(feedback, FeedbackRecord)
    assert "mend shop/stock.py: total" in feedback.text
    agent = records["agent-2.json"]
    assert isinstance(agent, PersistedAgentResult)
    assert "I was told to mend shop/stock.py" in agent.stdout
    assert feedback.text in agent.prompt
    WorkOrder.from_json((shop.home / "work-orders" / f"{run.work_order_id}.json").read_bytes(), "order")
    for number in (1, 2):
        for line in (directory / f"transcript-{number}.jsonl").read_bytes().splitlines():
            TranscriptLine.model_validate_json(line)
    assert b"+all is well" in (directory / "diff-1.patch").read_bytes()
    assert b"+    return sum(numbers)\n" in (directory / "diff-2.patch").read_bytes()


def test_every_process_of_a_run_has_a_folder_with_all_its_files(shop: Site) -> None:
    run_id = work_shop(shop)
    processes = shop.layout(run_id).processes
    assert {path.name for path in processes.iterdir()} == {
        *("1-agent-1-1", "2-agent-1-1", "1-check-1-1", "2-check-1-1"),
    }
    for directory in processes.iterdir():
        names = {path.name for path in directory.iterdir()}
        assert names - {"stdout.times"} == {
            *("spec.json", "proc.json", "exit.json", "result.json", "stdout.log", "stderr.log", "shim.lock"),
        }
        assert json.loads((directory / "exit.json").read_bytes())["evidenceFault"] is None


def test_the_run_branch_brings_one_commit_for_each_iteration(shop: Site) -> None:
    run_id = work_shop(shop)
    subjects = git(shop.repository, "log", "--format=%s%n%b", f"main..agentgate/{run_id}").split("\n")
    assert [line for line in subjects if "iteration" in line] == [
        f"AgentGate run {run_id}, iteration 2",
        f"AgentGate run {run_id}, iteration 1",
    ]
    assert git(shop.repository, "rev-list", "--count", f"main..agentgate/{run_id}") == "2"
    assert git(shop.repository, "merge-base", "main", f"agentgate/{run_id}") == git(
        shop.repository, "rev-parse", "main"
    )
    assert git(shop.repository, "diff", "--name-only", "main", f"agentgate/{run_id}").split("\n") == [
        *("docs/notes.md", "shop/stock.py"),
    ]


def test_nobody_else_can_read_the_evidence(shop: Site) -> None:
    work_shop(shop)
    workspaces = shop.home / "workspaces"
    for path in [top for top in shop.home.iterdir() if top != workspaces]:
        mode = stat.S_IMODE(path.lstat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), f"{path} {mode:o}"
    for path in [below for top in shop.home.iterdir() if top != workspaces for below in top.rglob("*")]:
        mode = stat.S_IMODE(path.lstat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), f"{path} {mode:o}"
    assert stat.S_IMODE(shop.home.stat().st_mode) == 0o700


def test_the_environment_of_the_test_has_its_own_pytest(shop: Site) -> None:
    """The shop's checks run with the pytest that runs these tests, or the tests above would prove something else."""
    run_id = work_shop(shop)
    log = shop.layout(run_id).processes / "1-check-1-1" / "stdout.log"
    assert "1 failed, 11 passed" in log.read_text()
    assert str(Path(sys.executable).parent) == shop.environment["PATH"].split(":")[0]
