"""A6: engines may be killed at any moment; the run goes on, nothing is lost, nothing is said or started twice."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time

import pytest

from agentgate_engine.models.agent_result import PersistedAgentResult
from agentgate_engine.models.event_type import EventType
from agentgate_engine.models.ids import RunId
from agentgate_engine.models.verification import PersistedVerificationReport
from agentgate_engine.store.line_reader import read_lines

from .site import Site, agentgate_command, git, until

LINES = 40
PLAN = """\
version: "1"
tests:
  - name: slow
    command: i=0; while [ $i -lt 20 ]; do echo "check $i"; sleep 0.01; i=$((i+1)); done; test -f done
"""
TALKER = f"""\
setsid sleep 600 & (setsid sleep 600 &)
i=0; while [ $i -lt {LINES} ]; do echo "line $i"; sleep 0.01; i=$((i+1)); done
if [ -n "$AGENTGATE_FEEDBACK_FILE" ]; then touch done; fi; echo "over $AGENTGATE_ITERATION"
"""


@pytest.fixture
def talking(site: Site) -> Site:
    """A repository with a slow check; the agent talks for a second, leaves children, and needs feedback."""
    site.make_repository({"README.md": "small\n", "verify.yaml": PLAN})
    return site


def kill(engine: subprocess.Popen[bytes]) -> None:
    engine.kill()
    engine.wait()


def assert_whole(site: Site, run_id: RunId) -> None:
    """Every line once and in order, every exit code known, one terminal event, no process left."""
    site.assert_ended_well(run_id)
    assert site.run(run_id).iteration == 2
    layout = site.layout(run_id)
    for number in (1, 2):
        said = [json.loads(line) for line in read_lines(layout.transcript(number))]
        assert [line["seq"] for line in said] == list(range(len(said)))
        assert [line["text"] for line in said] == [f"line {i}" for i in range(LINES)] + [f"over {number}"]
        agent = PersistedAgentResult.from_json(layout.agent(number).read_bytes(), "agent")
        assert (agent.exit_code, len(agent.attempts)) == (0, 1)
        report = PersistedVerificationReport.from_json(layout.verification(number).read_bytes(), "report")
        check = report.levels[1].checks[0]
        assert (check.exit_code, check.attempts) == (1 if number == 1 else 0, 1)
        assert (layout.directory / str(check.stdout_log)).read_text().split("\n")[:20] == [
            f"check {i}" for i in range(20)
        ]
    assert git(site.repository, "rev-list", "--count", f"main..agentgate/{run_id}") == "2"
    assert not (site.home / "workspaces" / run_id).exists()


SEEDS = [*range(6), *(pytest.param(seed, marks=pytest.mark.full) for seed in range(6, 20))]
"""All 20 with `-m full`."""


@pytest.mark.parametrize("seed", SEEDS)
def test_an_engine_killed_at_any_moment_loses_nothing(talking: Site, seed: int) -> None:
    moments = random.Random(seed)
    run_id = talking.submit(TALKER)
    for _ in range(moments.choice((1, 1, 2, 3))):
        engine = talking.engine()
        delay = moments.uniform(0.2, 2.5)
        try:
            engine.wait(delay)
        except subprocess.TimeoutExpired:
            kill(engine)
    talking.work()
    assert_whole(talking, run_id)


def test_an_engine_killed_while_the_agent_talks_is_replaced_and_the_agent_adopted(talking: Site) -> None:
    """upstream.md L5: `kill -9` of the engine leaves nothing stuck; run, order and workspace are all resolved."""
    run_id = talking.submit(TALKER)
    engine = talking.engine()
    transcript = talking.home / "runs" / run_id / "transcript-1.jsonl"
    until(lambda: transcript.exists() and len(read_lines(transcript)) > 5, "the agent to talk")
    kill(engine)
    shim = talking.leftovers(run_id)
    assert shim, "the agent goes on without an engine"
    talking.work()
    assert talking.seen(run_id, "agent:adopted", 1)
    assert talking.seen(run_id, "run:resumed")
    assert_whole(talking, run_id)


def test_an_agent_that_ended_while_no_engine_lived_is_read_up_on(talking: Site) -> None:
    run_id = talking.submit(TALKER)
    engine = talking.engine()
    until(lambda: talking.seen(run_id, "agent:started", 1), "the agent to start")
    kill(engine)
    processes = talking.home / "runs" / run_id / "processes" / "1-agent-1-1"
    until((processes / "exit.json").exists, "the agent to end")
    talking.work()
    adopted = next(e for e in talking.events(run_id) if e.type is EventType.AGENT_ADOPTED)
    assert adopted.data["stillRunning"] is False
    assert_whole(talking, run_id)


def test_a_lost_supervisor_interrupts_the_attempt_and_the_next_one_starts_from_the_snapshot(small: Site) -> None:
    command = (
        'echo "attempt $AGENTGATE_ATTEMPT"; test ! -e half || { echo "the half-done file is still here"; exit 3; };'
        ' touch half; if [ "$AGENTGATE_ATTEMPT" = 1 ]; then exec sleep 600; fi; rm half; touch done'
    )
    run_id = small.submit(command)
    engine = small.engine()
    processes = small.home / "runs" / run_id / "processes"
    tree = small.home / "workspaces" / run_id
    until(lambda: list(tree.glob("*/half")), "the agent to be half done")
    shim = json.loads((processes / "1-agent-1-1" / "proc.json").read_bytes())["shimPid"]
    os.kill(shim, signal.SIGKILL)
    small.ended(engine)
    small.assert_ended_well(run_id)
    layout = small.layout(run_id)
    agent = PersistedAgentResult.from_json(layout.agent(1).read_bytes(), "agent")
    assert [attempt.outcome for attempt in agent.attempts] == ["interrupted", "success"]
    assert small.run(run_id).iteration == 1
    kinds = [event.type for event in small.events(run_id)]
    assert kinds.count(EventType.AGENT_INTERRUPTED) == 1
    assert kinds.count(EventType.SNAPSHOT_RESTORED) == 1
    assert json.loads((processes / "1-agent-1-1" / "result.json").read_bytes())["outcome"] == "interrupted"


def test_an_agent_stopped_for_want_of_an_engine_is_called_again(small: Site) -> None:
    """It counted against the work: the run failed because its engine had been away for ten minutes."""
    run_id = small.submit(
        '[ "$AGENTGATE_ATTEMPT" != 1 ] || { touch half; sleep 1; exit 1; }; test ! -e half; touch done'
    )
    engine = small.engine()
    first = small.home / "runs" / run_id / "processes" / "1-agent-1-1"
    until(lambda: list((small.home / "workspaces" / run_id).glob("*/half")), "the agent to be half done")
    kill(engine)
    until((first / "exit.json").exists, "the agent to end")
    end = json.loads((first / "exit.json").read_bytes())
    (first / "exit.json").write_text(json.dumps({**end, "endedBy": "engine_lost"}))
    small.work()
    small.assert_ended_well(run_id)
    agent = PersistedAgentResult.from_json(small.layout(run_id).agent(1).read_bytes(), "agent")
    assert [attempt.outcome for attempt in agent.attempts] == ["interrupted", "success"]
    assert "no engine came back" in str(agent.attempts[0].reason)
    assert [event.type for event in small.events(run_id)].count(EventType.AGENT_INTERRUPTED) == 1
    assert json.loads((first / "result.json").read_bytes())["outcome"] == "interrupted"


def test_an_agent_that_cuts_its_own_log_is_told_of(small: Site) -> None:
    run_id = small.submit("echo a long first line; sleep 1; echo b > /dev/stdout; touch done")
    small.work()
    small.assert_ended_well(run_id)
    warned = [e.data for e in small.events(run_id) if e.type is EventType.RUN_WARNING]
    assert [w["warning"] for w in warned if "stdout.log was cut" in str(w["message"])] == ["evidence"]


def test_an_agent_that_puts_a_fifo_in_place_of_its_log_freezes_no_engine(small: Site) -> None:
    run_id = small.submit('log=$(readlink /proc/$$/fd/1); rm "$log"; mkfifo "$log"; sleep 0.3; touch done')
    small.work()
    small.assert_ended_well(run_id)
    warned = [e.data["warning"] for e in small.events(run_id) if e.type is EventType.RUN_WARNING]
    assert warned.count("agent_log") == 1


def test_a_check_whose_supervisor_was_killed_is_run_again(site: Site) -> None:
    """In the same clean room, under a number of its own; with its engine gone too, by the next engine."""
    slow = "test -e ../../once || { touch ../../once; echo begun; exec sleep 600; }; test -f done"
    site.make_repository({"verify.yaml": f"tests:\n  - name: slow\n    command: {json.dumps(slow)}\n"})
    for engine_dies in (False, True):
        run_id = site.submit("touch done")
        engine = site.engine()
        check = site.home / "runs" / run_id / "processes" / "1-check-1-1"
        until(lambda log=check / "stdout.log": log.exists() and log.read_bytes(), "the check to begin")
        if engine_dies:
            kill(engine)
        os.kill(json.loads((check / "proc.json").read_bytes())["shimPid"], signal.SIGKILL)
        if engine_dies:
            site.work()
        else:
            site.ended(engine)
        site.assert_ended_well(run_id)
        assert json.loads((check / "result.json").read_bytes())["outcome"] == "interrupted"
        report = PersistedVerificationReport.from_json(site.layout(run_id).verification(1).read_bytes(), "report")
        assert report.levels[1].checks[0].stdout_log == "processes/1-check-1-2/stdout.log"
        for once in site.home.rglob("once"):
            once.unlink()


def test_engine_and_supervisor_killed_together_leave_no_orphan(small: Site) -> None:
    run_id = small.submit('setsid sleep 600 & if [ "$AGENTGATE_ATTEMPT" = 1 ]; then exec sleep 600; fi; touch done')
    engine = small.engine()
    proc = small.home / "runs" / run_id / "processes" / "1-agent-1-1" / "proc.json"
    until(proc.exists, "the agent to run")
    until(lambda: len(small.leftovers(run_id)) > 1, "the agent's child to run")
    kill(engine)
    os.kill(json.loads(proc.read_bytes())["shimPid"], signal.SIGKILL)
    small.work()
    small.assert_ended_well(run_id)


def test_a_sigterm_of_the_engine_leaves_the_agent_running_for_the_next(talking: Site) -> None:
    run_id = talking.submit(TALKER)
    engine = talking.engine()
    transcript = talking.home / "runs" / run_id / "transcript-1.jsonl"
    until(lambda: transcript.exists() and len(read_lines(transcript)) > 5, "the agent to talk")
    began = time.monotonic()
    engine.terminate()
    assert engine.wait(30) == 0
    assert time.monotonic() - began < 10
    assert talking.leftovers(run_id), "the agent goes on"
    assert not list((talking.home / "engines").glob("*.lock")), "an engine that ends in order takes its files along"
    talking.work()
    assert talking.seen(run_id, "agent:adopted", 1)
    assert_whole(talking, run_id)


def test_run_goes_on_when_its_engine_is_killed(small: Site) -> None:
    """`agentgate run` started the engine, so it sees to it that there is one."""
    follower = subprocess.Popen(
        [*agentgate_command(), "run", "-p", "x", "-a", "command", "--command", "touch ready; sleep 1.5; touch done"],
        cwd=small.repository,
        env=small.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        until(lambda: list(small.home.glob("workspaces/*/*/ready")), "the agent to work")
        record = next(iter((small.home / "engines").glob("*.json")))
        os.kill(json.loads(record.read_bytes())["pid"], signal.SIGKILL)
        out, err = follower.communicate(timeout=60)
    finally:
        follower.kill()
        follower.wait()
    assert follower.returncode == 0, err.decode()
    assert b"passed" in out
