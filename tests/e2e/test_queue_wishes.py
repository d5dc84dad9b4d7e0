"""What an operator can wish of the queue, on the installed command, and that no wish is lost with an engine or an index
(upstream.md, section 8: none of this could be done)."""

from __future__ import annotations

import os
import signal

from agentgate_engine.clock import Clock
from agentgate_engine.commands.engines import stop_engine
from agentgate_engine.models.ids import RunId, order_of

from .site import Site, until


def rebuilt(site: Site) -> None:
    for path in site.home.glob("index.db*"):
        path.unlink()
    done = site.agentgate("doctor", "--rebuild")
    assert "Traceback" not in done.err, done.err


def waiting(site: Site) -> list[str]:
    """The runs that can start, next first."""
    return [order["runId"] for order in site.agentgate("queue", "--json").document["orders"] if order["position"]]


def began(site: Site, runs: list[RunId]) -> list[RunId]:
    """The runs in the order in which engines began them."""
    return sorted(runs, key=lambda run: next(e.t for e in site.events(run) if e.type.value == "run:started"))


def test_a_pause_survives_engines_and_the_index(small: Site) -> None:
    """Nothing new starts, on any engine; what runs goes on; the reason is shown everywhere."""
    running = small.submit(f"while test ! -e {small.root}/go; do sleep 0.05; done; touch done")
    engine = small.engine("--slots", "2")
    until(lambda: small.seen(running, "agent:started"), "an agent at work")
    assert small.agentgate("queue", "pause", "--reason", "release freeze").code == 0
    held = small.submit("touch done")
    (small.root / "go").touch()
    until(lambda: small.seen(running, "run:complete"), "what ran to end")
    engine.kill()
    engine.wait()
    rebuilt(small)
    engine = small.engine("--slots", "2")
    until(lambda: "release freeze" in str(small.agentgate("engines", "--json").document), "the engine to say so")
    assert not small.seen(held, "run:started")
    for command in (("status",), ("queue",), ("queue", "health")):
        done = small.agentgate(*command)
        assert "release freeze" in done.out + done.err, command
    assert small.agentgate("queue", "resume").code == 0
    small.ended(engine)
    small.assert_ended_well(held)


def test_another_priority_another_order_of_work(small: Site) -> None:
    first, second, third = (small.submit("touch done") for _ in range(3))
    told = small.agentgate("priority", third, "5")
    assert told.code == 0
    assert "number 1" in told.out
    rebuilt(small)
    assert waiting(small) == [third, first, second]
    small.work("--slots", "1")
    assert began(small, [first, second, third]) == [third, first, second]
    refused = small.agentgate("priority", first, "1")
    assert refused.code == 2
    assert "agentgate requeue" in refused.err


def test_a_held_order_is_passed_over(small: Site) -> None:
    first, second = small.submit("touch done"), small.submit("touch done")
    assert small.agentgate("hold", first, "--reason", "ask first").code == 0
    rebuilt(small)
    assert waiting(small) == [second]
    engine = small.engine("--slots", "1")
    until(lambda: small.seen(second, "run:complete"), "the other to end")
    assert not small.seen(first, "run:started")
    assert "ask first" in small.agentgate("status").out
    assert small.agentgate("release", first).code == 0
    small.ended(engine)
    small.assert_ended_well(first)


def test_an_order_that_failed_is_worked_once_more_as_a_run_of_its_own(small: Site) -> None:
    """upstream.md 8: retry a failed order, or requeue it."""
    failed = small.submit("true", "--max-iterations", "1")
    refused = small.agentgate("requeue", failed)
    assert refused.code == 2
    assert "has not ended" in refused.err
    small.work()
    small.assert_ended_well(failed, "failed_verification")
    done = small.agentgate("requeue", order_of(failed))
    again = RunId(f"{order_of(failed)}.2")
    assert (done.code, done.out.strip()) == (0, again)
    rebuilt(small)
    assert waiting(small) == [again]
    assert small.layout(again).gate_plan.read_bytes() == small.layout(failed).gate_plan.read_bytes()
    small.work()
    small.assert_ended_well(again, "failed_verification")
    small.assert_ended_well(failed, "failed_verification")
    assert small.agentgate("requeue", failed, "--json").document["runId"] == f"{order_of(failed)}.3"


def test_a_full_queue_takes_no_requeue_either(small: Site) -> None:
    failed = small.submit("true", "--max-iterations", "1")
    small.work()
    assert small.agentgate("queue", "set", "--capacity", "1").code == 0
    small.submit("touch done")
    assert small.agentgate("queue", "health").code == 1
    refused = small.agentgate("requeue", failed)
    assert refused.code == 2
    assert "QUEUE_FULL" in refused.err
    assert small.store.run_ids() == sorted({failed, *small.store.run_ids()})
    assert len(small.store.run_ids()) == 2
    rebuilt(small)
    assert small.agentgate("queue", "--json").document["maxQueueSize"] == 1
    assert small.agentgate("queue", "set", "--capacity", "2").code == 0
    assert small.agentgate("requeue", failed).out.strip() == f"{order_of(failed)}.2"


def test_all_that_wait_are_canceled_and_what_runs_goes_on(small: Site) -> None:
    running = small.submit("sleep 600")
    engine = small.engine("--slots", "1")
    until(lambda: small.seen(running, "agent:started"), "an agent at work")
    queued = [small.submit("touch done") for _ in range(3)]
    done = small.agentgate("cancel", "--all-queued", "--reason", "wrong branch", "--json")
    assert done.code == 0, done.err
    assert {each["run_id"] for each in done.document["canceled"]} == set(queued)
    for run_id in queued:
        small.assert_ended_well(run_id, "canceled")
        assert "wrong branch" in (small.run(run_id).error or "")
    assert small.run(running).state == "building"
    engine.kill()
    assert small.agentgate("cancel").code == 2


def test_a_cancel_of_a_waiting_order_whose_canceler_was_killed_is_carried_out(small: Site) -> None:
    """The wish is on the disk; the engine ends the order though the queue is paused."""
    run_id = small.submit("touch done")
    small.agentgate("queue", "pause")
    with (small.home / "control.jsonl").open("ab") as log:
        log.write(
            b'{"seq":1,"t":"2026-01-01T00:00:00.000Z","action":"cancel","runId":"%s","by":"olga","data":{}}\n'
            % run_id.encode()
        )
    rebuilt(small)
    engine = small.engine()
    small.ended(engine)
    small.assert_ended_well(run_id, "canceled")
    assert not small.seen(run_id, "run:started")


def test_a_drained_engine_finishes_what_it_works_and_takes_nothing_new(small: Site) -> None:
    running = small.submit(f"while test ! -e {small.root}/go; do sleep 0.05; done; touch done")
    engine = small.engine("--slots", "2")
    until(lambda: small.seen(running, "agent:started"), "an agent at work")
    assert small.agentgate("drain").code == 0
    until(lambda: small.agentgate("engines", "--json").document["engines"][0]["state"] == "draining", "it to hear that")
    late = small.submit("touch done")
    (small.root / "go").touch()
    small.ended(engine)
    small.assert_ended_well(running)
    assert not small.seen(late, "run:started")
    small.work()
    small.assert_ended_well(late)
    none = small.agentgate("drain")
    assert (none.code, "no engine is alive" in none.err) == (2, True)


def test_a_stopped_engine_leaves_its_agents_to_the_next(small: Site) -> None:
    running = small.submit(f"echo once; while test ! -e {small.root}/go; do sleep 0.05; done; touch done")
    engine = small.engine("--slots", "1")
    until(lambda: small.seen(running, "agent:started"), "an agent at work")
    stopped = small.agentgate("stop")
    assert (stopped.code, engine.wait(30)) == (0, 0)
    assert "1 run" in stopped.out
    assert small.leftovers(running) != []
    (small.root / "go").touch()
    small.work()
    small.assert_ended_well(running)
    assert small.agentgate("log", running).out.count("once") == 1


def test_a_hung_engine_is_told_from_a_living_one_and_can_be_killed(small: Site) -> None:
    """Its lock is held and its heartbeat is old: what time alone would not prove is shown, and ended on request."""
    run_id = small.submit(f"while test ! -e {small.root}/go; do sleep 0.05; done; touch done")
    engine = small.engine("--slots", "1")
    until(lambda: small.seen(run_id, "agent:started"), "an agent at work")
    os.kill(engine.pid, signal.SIGSTOP)
    (name,) = (path.stem for path in (small.home / "engines").glob("*.lock"))
    record = small.home / "engines" / f"{name}.json"
    old = record.read_text()
    at = old.index('"heartbeatAt": "') + len('"heartbeatAt": "')
    record.write_text(old[:at] + "2026-01-01" + old[at + 10 :])
    (line,) = small.agentgate("engines", "--json").document["engines"]
    assert (line["state"], line["pid"]) == ("hung", engine.pid)
    doctor = small.agentgate("doctor")
    assert doctor.code == 1
    assert f"agentgate stop {name} --force" in doctor.out
    killed = small.agentgate("stop", name[:5], "--force")
    assert killed.code == 0, killed.err
    assert engine.wait(30) == -signal.SIGKILL
    (small.root / "go").touch()
    small.work()
    small.assert_ended_well(run_id)


def test_a_process_that_has_the_pid_of_an_engine_by_now_is_never_signalled(small: Site) -> None:
    """The record names pid, start time and boot; only exactly that process is meant."""
    first, second = small.submit("sleep 600"), small.submit("sleep 600")
    engine = small.engine("--slots", "1")
    until(lambda: small.seen(first, "agent:started"), "the first to be at work")
    innocent = small.engine("--slots", "1")
    until(lambda: small.seen(second, "agent:started"), "the second to be at work")
    alive = {each["pid"]: each["id"] for each in small.agentgate("engines", "--json").document["engines"]}
    os.kill(engine.pid, signal.SIGSTOP)
    record = small.home / "engines" / f"{alive[engine.pid]}.json"
    record.write_text(record.read_text().replace(f'"pid": {engine.pid}', f'"pid": {innocent.pid}'))
    told = stop_engine(small.store, alive[engine.pid], Clock(), force=True, wait_s=0.2)
    assert told.outcome == "asked"
    assert innocent.poll() is None
    assert engine.poll() is None
    several = small.agentgate("stop")
    assert (several.code, "say which" in several.err) == (2, True)


def test_an_order_starts_when_those_it_depends_on_have_passed(small: Site) -> None:
    """A failed one leaves it waiting and saying so: work is never thrown away. A requeue that passes frees it."""
    base = small.submit(f"test -e {small.root}/mended && touch done; true", "--max-iterations", "1")
    later = small.submit("touch done", "--after", order_of(base)[:6])
    (entry,) = (each for each in small.agentgate("queue", "--json").document["orders"] if each["runId"] == later)
    assert (entry["position"], entry["waiting"]) == (None, f"dependency: waits for {order_of(base)}")
    engine = small.engine("--slots", "2")
    until(lambda: small.seen(base, "run:failed"), "the first to fail")
    words = f"{order_of(base)} failed; requeue it or cancel this order"
    until(lambda: words in str(small.agentgate("queue", "--json").document), "the reason to change")
    (small.root / "mended").touch()
    assert small.agentgate("requeue", base).code == 0
    small.ended(engine)
    small.assert_ended_well(later)
    again = RunId(f"{order_of(base)}.2")
    assert began(small, [later, again]) == [again, later]
