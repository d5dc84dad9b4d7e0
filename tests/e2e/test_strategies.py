"""The loop strategies on the installed command (upstream.md, thrust 9 and 2.3): what goes on, what stops, and why."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
import yaml

from agentgate_engine.models.events import StrategyDecision, parse_payload
from agentgate_engine.models.ids import RunId

from .site import Site

VERIFY = """\
version: "1"
name: four
tests:
  - {name: one, command: test -f one}
  - {name: two, command: test -f two}
  - {name: three, command: test -f three}
  - {name: four, command: test -f four}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Site:
    site = Site(tmp_path_factory.mktemp("strategies") / "site")
    site.make_repository({"README.md": "# Four\n", "verify.yaml": VERIFY})
    return site


def profile(site: Site, name: str, sections: dict[str, object]) -> str:
    folder = Path(site.environment["XDG_CONFIG_HOME"]) / "agentgate" / "profiles"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.yaml").write_text(yaml.safe_dump({"version": "1.0", **sections}))
    return name


def working(site: Site, *by_iteration: str, then: str = "true") -> str:
    """A command that does the n-th thing in iteration n, and `then` in all further ones."""
    lines = ["case $AGENTGATE_ITERATION in"]
    lines += [f"{n}) {what} ;;" for n, what in enumerate(by_iteration, 1)]
    lines += [f"*) {then} ;;", "esac"]
    script = site.root / f"agent-{len(list(site.root.glob('agent-*')))}.sh"
    script.write_text("\n".join(lines) + "\n")
    return f"sh {shlex.quote(str(script))}"


def decisions(site: Site, run: RunId) -> list[StrategyDecision]:
    payloads = [parse_payload(event) for event in site.events(run) if event.type == "strategy:decision"]
    return [payload for payload in payloads if isinstance(payload, StrategyDecision)]


def test_every_strategy_decides_as_its_numbers_say(project: Site) -> None:
    """upstream.md 9.1, 9.3, 2.3: fixed(3) decides T,T,F; hybrid(2,2) goes on while more checks pass; hybrid without
    progress stops at its base; ralph stops at a signal in the agent's own words and looks again after an early pass."""
    hybrid = profile(
        project, "two-two", {"loopStrategy": {"mode": "hybrid", "baseIterations": 2, "bonusIterations": 2}}
    )
    ralph = profile(project, "ralph", {"loopStrategy": {"mode": "ralph", "minIterations": 2, "maxIterations": 6}})
    fixed = project.submit(working(project))
    rising = working(project, "touch one", "touch two", "touch three", "touch four")
    progressing = project.submit(rising, "--profile", hybrid)
    stuck = project.submit(working(project, "touch one"), "--profile", hybrid)
    gave_up = project.submit(working(project, then="date +%N; echo TASK_COMPLETE"), "--profile", ralph)
    everything = "touch one two three four"
    looked_again = project.submit(working(project, everything, then="date +%N; echo fine"), "--profile", ralph)
    project.work()

    assert [d.go_on for d in decisions(project, fixed)] == [True, True, False]
    project.assert_ended_well(fixed, "failed_verification")

    project.assert_ended_well(progressing)
    assert [d.go_on for d in decisions(project, progressing)] == [True, True, True, False]

    project.assert_ended_well(stuck, "failed_verification")
    assert [d.go_on for d in decisions(project, stuck)] == [True, False]
    assert decisions(project, stuck)[-1].result == "strategy_stop"

    project.assert_ended_well(gave_up, "failed_verification")
    last = decisions(project, gave_up)[-1]
    assert (project.run(gave_up).iteration, last.result) == (2, "strategy_stop")
    assert "TASK_COMPLETE" in last.reason

    project.assert_ended_well(looked_again)
    assert [d.go_on for d in decisions(project, looked_again)] == [True, False]
    sent = (project.layout(looked_again).directory / "feedback-1.json").read_text()
    assert "All checks passed" in sent

    why = project.agentgate("why", stuck).out
    assert decisions(project, stuck)[-1].reason.split(";")[0] in why


def test_a_strategy_that_cannot_be_had_or_that_raises_is_named(project: Site) -> None:
    """upstream.md 9.5: a strategy's error fails the run as system_error that names it; it is not retried."""
    package = project.root / "strategies"
    (package / "angry-1.0.dist-info").mkdir(parents=True)
    (package / "angry.py").write_text("def decide(event, *, word='no'):\n    raise RuntimeError(word)\n")
    (package / "angry-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: angry\nVersion: 1.0\n")
    (package / "angry-1.0.dist-info" / "entry_points.txt").write_text("[agentgate.strategies]\nangry = angry:decide\n")
    custom = {"mode": "custom", "name": "angry", "params": {"word": "never"}}
    name = profile(project, "angry", {"loopStrategy": custom})
    missing = profile(project, "missing", {"loopStrategy": {"mode": "custom", "name": "nobody"}})

    refused = project.agentgate("submit", "-p", "x", "-a", "command", "--command", "true", "--profile", missing)
    assert refused.code == 2
    assert "nobody" in refused.err

    project.environment["PYTHONPATH"] = str(package)
    try:
        run = project.submit("true", "--profile", name)
        project.work()
    finally:
        del project.environment["PYTHONPATH"]
    project.assert_ended_well(run, "failed_error")
    error = project.run(run).build_error
    assert error is not None
    assert error.type == "system_error"
    assert "angry" in error.message
    assert "never" in error.message
    assert not project.seen(run, "retry:scheduled")


def test_tokens_and_cost_end_the_loop(project: Site) -> None:
    """upstream.md 2.7: maxTotalTokens and maxCostUsd are honoured, between two agent calls."""
    script = project.root / "spender.yaml"
    steps = [{"usage": {"input": 900, "output": 100, "cost": 0.5}}, {"result": {"success": True, "text": "so far"}}]
    script.write_text(yaml.safe_dump({"iterations": {"default": steps}}))
    run = ("submit", "-p", "spend", "-a", "scripted", "--script", str(script), "--json")
    tokens = project.agentgate(*run, "--max-tokens", "1500").document["runId"]
    cost = project.agentgate(*run, "--max-cost", "0.5").document["runId"]
    project.work()
    for spent, iterations, word in ((tokens, 2, "2000 tokens"), (cost, 1, "0.5000 dollars")):
        project.assert_ended_well(spent, "failed_verification")
        assert project.run(spent).iteration == iterations
        assert word in decisions(project, spent)[-1].reason
        assert word in project.agentgate("why", spent).out
