"""The operator's notification rules on the installed command: hooks run, their failures show, a bad file stops."""

from __future__ import annotations

from pathlib import Path

from agentgate_engine.subscribers.notification_rules import notification_file

from .site import Site


def rules(site: Site, text: str) -> Path:
    file = notification_file(site.environment)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def test_a_hook_is_told_of_the_end_of_each_run(small: Site) -> None:
    """upstream.md 10.4: a notification hook, from the operator's file to the command."""
    log = small.root / "told"
    told = '"$AGENTGATE_EVENT $AGENTGATE_RUN $AGENTGATE_RESULT $AGENTGATE_TITLE"'
    rules(small, f"- on: [run:complete, run:failed]\n  command: echo {told} >> {log}\n")
    passed = small.submit("touch done")
    failed = small.submit("exit 9", "--retry", "none")
    small.work("--slots", "1")
    assert log.read_text().splitlines() == [
        f"run:complete {passed} passed mend it",
        f"run:failed {failed} failed_build mend it",
    ]
    assert small.run(passed).warnings == []


def test_a_hook_that_fails_is_a_warning_that_the_run_shows(small: Site) -> None:
    """upstream.md 10.4: a subscriber that fails hurts nobody, and is not swallowed."""
    file = rules(small, "- on: run:complete\n  command: echo no route to host >&2; exit 3\n")
    run = small.submit("touch done")
    small.work()
    assert small.run(run).result == "passed"
    shown = small.agentgate("show", run).out
    assert f"the notification of {file}:1 for run:complete exited with 3; it said: no route to host" in shown


def test_an_engine_does_not_start_with_rules_that_it_does_not_understand(small: Site) -> None:
    file = rules(small, "- on: run:fialed\n  command: echo x\n")
    done = small.agentgate("serve", "--until-idle")
    assert done.code == 2
    assert f'{file}:1: [0].on: "run:fialed" is no event; did you mean run:failed?' in done.err


def test_an_ended_run_keeps_its_metrics(small: Site) -> None:
    """upstream.md 10.4: the metrics subscriber."""
    run = small.submit("touch done")
    small.work()
    assert (small.layout(run).directory / "metrics.json").exists()
    assert small.agentgate("metrics", run, "--json").document["metrics"]["result"] == "passed"
