"""Transient failures do not kill runs, and permanent ones are not retried (upstream.md, thrust 5)."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
from pathlib import Path

import pytest
import yaml

from agentgate_engine.clock import from_stamp
from agentgate_engine.models.agent_result import PersistedAgentResult
from agentgate_engine.models.events import RetryScheduled, parse_payload
from agentgate_engine.models.ids import RunId

from .site import Site, git, until

FILES = {
    "README.md": "# Project\n",
    "verify.yaml": 'version: "1"\nname: p\ntests: [{name: done, command: test -f done}]\n',
}

_AGENT = """
import os, pathlib, sys, time
calls = pathlib.Path(sys.argv[1])
calls.write_text(calls.read_text() + "x" if calls.exists() else "x")
n = len(calls.read_text())
print(f"call {n} begins", flush=True)
if n <= int(sys.argv[3]):
    pathlib.Path("half-done").write_text(str(n))
    exec(sys.argv[2])
assert not os.path.exists("half-done"), "the tree was not put back"
pathlib.Path("done").write_text("yes")
"""


@pytest.fixture
def project(site: Site) -> Site:
    site.make_repository(FILES)
    return site


def failing(site: Site, how: str, times: int) -> str:
    """The command of an agent that fails `times` times in the given way, and then works."""
    script = site.root / "agent.py"
    script.write_text(_AGENT)
    words = [sys.executable, str(script), str(site.root / "calls"), how, str(times)]
    return " ".join(shlex.quote(word) for word in words)


def calls(site: Site) -> int:
    file = site.root / "calls"
    return len(file.read_text()) if file.exists() else 0


def test_an_agent_that_times_out_once_and_then_works_passes_with_one_retry(project: Site) -> None:
    """Success criterion 2; upstream.md 5.7, 5.9, 5.10: both attempts are readable, the count and the reason shown."""
    command = failing(project, "time.sleep(60)", 1)
    run = project.submit(command, "--iteration-time", "1", "--retry", "aggressive")
    project.work()
    project.assert_ended_well(run)
    summary = project.run(run)
    assert summary.retried_count == 1
    assert [(note.attempt, note.error_type) for note in summary.retries] == [(1, "agent_timeout")]
    layout = project.layout(run)
    counted = PersistedAgentResult.from_json(layout.agent(1).read_bytes(), "agent-1.json")
    assert [(a.outcome, a.will_retry) for a in counted.attempts] == [("timeout", True), ("success", False)]
    assert counted.retried_count == 1
    first = PersistedAgentResult.from_json((layout.directory / str(counted.attempts[0].result_file)).read_bytes(), "1")
    assert "call 1 begins" in first.stdout
    assert "call 2 begins" in counted.stdout
    kept = "refs/agentgate/interrupted/1-agent-1-1"
    told = [event.data for event in project.events(run) if event.type == "snapshot:restored"]
    assert [data["keptAs"] for data in told] == [kept]
    shown = project.agentgate("show", run).out
    assert "1 retry" in shown
    assert "time limit" in shown


@pytest.mark.parametrize(("how", "kind"), [("sys.exit(3)", "agent_crash")])
def test_a_permanent_failure_is_not_retried(project: Site, how: str, kind: str) -> None:
    """upstream.md 5.6: what is not retryable stops at once."""
    run = project.submit(failing(project, how, 5))
    project.work()
    project.assert_ended_well(run, "failed_build")
    assert calls(project) == 1
    error = project.run(run).build_error
    assert error is not None
    assert error.type == kind
    assert not project.seen(run, "retry:scheduled")


def test_retries_that_never_help_end_the_run_with_every_attempt_on_record(project: Site) -> None:
    """upstream.md 5.4: with n retries there are n + 1 calls; a crash is retried by the aggressive policy."""
    run = project.submit(failing(project, "sys.exit(3)", 99), "--retry", "aggressive", "--max-time", "600")
    engine = project.engine()
    until(lambda: calls(project) == 3, "the third call")
    assert project.agentgate("cancel", run).code == 0
    project.ended(engine)
    project.assert_ended_well(run, "canceled")
    assert project.run(run).retried_count >= 2


def test_a_wait_is_canceled_at_once(project: Site) -> None:
    """upstream.md 5.9: the backoff wait is cancelable."""
    run = project.submit(failing(project, "time.sleep(60)", 9), "--iteration-time", "1")
    engine = project.engine()
    until(lambda: project.seen(run, "retry:scheduled"), "the wait")
    status = project.agentgate("status").out
    assert "retry" in status
    assert project.agentgate("cancel", run).code == 0
    project.ended(engine)
    project.assert_ended_well(run, "canceled")
    assert not project.seen(run, "retry:started")
    assert calls(project) == 1


def test_an_engine_that_takes_over_waits_only_the_rest(project: Site) -> None:
    """The wait survives `kill -9`: it is announced once, and ends when it was said to end."""
    run = project.submit(failing(project, "time.sleep(60)", 1), "--iteration-time", "1")
    engine = project.engine()
    until(lambda: project.seen(run, "retry:scheduled"), "the wait")
    engine.kill()
    engine.wait()
    project.work()
    project.assert_ended_well(run)
    events = project.events(run)
    announced = [event for event in events if event.type == "retry:scheduled"]
    begun = [event for event in events if event.type == "retry:started"]
    assert (len(announced), len(begun)) == (1, 1)
    payload = parse_payload(announced[0])
    assert isinstance(payload, RetryScheduled)
    assert from_stamp(begun[0].t) >= from_stamp(payload.until)
    assert calls(project) == 2


def test_what_a_failed_attempt_left_is_kept_as_a_ref(project: Site) -> None:
    """DESIGN 4: the half-done tree of a retried attempt is kept, and the next one begins from the last snapshot."""
    run = project.submit(failing(project, "time.sleep(60)", 1), "--iteration-time", "1", "--retry", "aggressive")
    engine = project.engine()
    until(lambda: project.seen(run, "retry:started"), "the retry")
    repository = project.home / "workspaces" / run / "repo.git"
    ref = "refs/agentgate/interrupted/1-agent-1-1"
    assert git(repository, "show", f"{ref}:half-done") == "1"
    project.ended(engine)
    project.assert_ended_well(run)


def test_no_retry_policy_means_one_call(project: Site) -> None:
    """upstream.md 5.3: NO_RETRY retries nothing, a timeout neither; L12: a hung agent is killed at its deadline."""
    run = project.submit(failing(project, "time.sleep(60)", 9), "--iteration-time", "1", "--retry", "none")
    project.work()
    project.assert_ended_well(run, "failed_timeout")
    assert calls(project) == 1
    why = project.agentgate("why", run).out
    assert "agent_timeout" in why
    assert Path(project.layout(run).directory / "agent-1.json").is_file()


def test_an_agent_whose_supervisor_is_told_to_end_is_called_again(project: Site) -> None:
    """A machine that shuts down, or a service that is stopped, ends agents with SIGTERM. Nobody wished that: it says
    nothing about the work, and the next engine makes the call anew."""
    waiting = f"touch begun; test -e {project.root}/go && touch done || exec sleep 600"
    run = project.submit(waiting)
    engine = project.engine()
    start = project.layout(run).processes / "1-agent-1-1" / "proc.json"
    until(lambda: start.is_file() and project.seen(run, "agent:started"), "the agent")
    (project.root / "go").touch()
    os.kill(json.loads(start.read_text())["shimPid"], signal.SIGTERM)
    project.ended(engine)
    project.assert_ended_well(run)
    assert project.seen(run, "agent:interrupted")
    assert project.run(run).retried_count == 0


def test_an_engine_that_is_stopped_during_the_second_try_leaves_the_agent_running(project: Site) -> None:
    """What the second call raises, a stop of the engine here, is not taken for the failure of the first."""
    second = f"import os; n > 1 and (os.path.exists('{project.root}/go') or time.sleep(600)); n == 1 and sys.exit(3)"
    run = project.submit(failing(project, second, 1).removesuffix("1") + "2", "--retry", "aggressive")
    engine = project.engine()
    until(lambda: project.seen(run, "retry:started") and calls(project) == 2, "the second call")
    engine.send_signal(signal.SIGTERM)
    project.ended(engine)
    assert not any(event.type in ("agent:failed", "run:failed") for event in project.events(run))
    assert len([event for event in project.events(run) if event.type == "retry:scheduled"]) == 1
    assert project.agentgate("cancel", run).code == 0
    project.assert_ended_well(run, "canceled")


def test_what_a_failed_attempt_used_is_counted_once(project: Site) -> None:
    """The run's time ends while it waits to try again: the attempt's tokens and cost stand in the run once."""
    script = project.root / "spender.yaml"
    steps = [{"usage": {"input": 90, "output": 10, "cost": 1.0}}, {"hang": True}]
    script.write_text(yaml.safe_dump({"iterations": {1: steps}}))
    done = project.agentgate(
        *("submit", "-p", "spend", "-a", "scripted", "--script", str(script)),
        *("--iteration-time", "1", "--max-time", "4", "--json"),
    )
    assert done.code == 0, done.err
    run = RunId(done.document["runId"])
    project.work()
    project.assert_ended_well(run, "failed_timeout")
    summary = project.run(run)
    assert project.seen(run, "retry:scheduled")
    assert (summary.tokens_used.total if summary.tokens_used else None, summary.cost_usd) == (100, 1.0)
    assert summary.waiting_for is None
