"""Nothing is said to have ended while something of it runs, and nothing damaged keeps a run from ending."""

from __future__ import annotations

import os
import signal

from agentgate_engine.store.control_log import add_wish

from .site import Site, until


def test_a_cancel_heard_by_the_next_engine_stops_the_agent_before_the_end_is_told(small: Site) -> None:
    """The run was canceled and its tree deleted while the agent that the dead engine had started went on in it."""
    run = small.submit("trap '' TERM; sleep 600")
    engine = small.engine()
    until(lambda: small.seen(run, "agent:started"), "the agent")
    os.kill(engine.pid, signal.SIGKILL)
    engine.wait()
    add_wish(small.store.layout, action="cancel", run=run, by="olga@here", t="2026-01-01T00:00:00.000Z")
    small.work()
    small.assert_ended_well(run, "canceled")


def test_a_damaged_record_does_not_keep_a_run_from_ending(small: Site) -> None:
    """The run stayed in `verifying` for ever, could not be canceled, and its engine never became idle."""
    small.commit({"verify.yaml": 'version: "1"\ntests:\n  - {name: slow, command: "sleep 2; test -f done"}\n'}, "slow")
    run = small.submit("touch done")
    engine = small.engine()
    until(lambda: small.seen(run, "check:started", 1), "the check")
    os.kill(engine.pid, signal.SIGKILL)
    engine.wait()
    small.layout(run).agent(1).write_bytes(b"")
    small.work()
    assert small.run(run).result == "passed"
    assert small.layout(run).iteration(1).exists()
