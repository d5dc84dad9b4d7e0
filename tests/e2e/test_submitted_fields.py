"""Every field that an operator submits is in the order when it is read back; a new option without a row here fails."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from agentgate_engine.cli.arguments import make_parser
from agentgate_engine.cli.order_options import SETTINGS
from agentgate_engine.models.ids import RunId

from .conftest import SMALL_PLAN
from .site import Site, git

NOT_OF_THE_ORDER = {"--help", "--json", "--home", "--start"}
"""What says how to answer, where the store is, and whether to start an engine."""

BELOW_POLICY = "retry.policy"
"""It decides the numbers of `retry`, and is not kept beside them."""


@dataclass(frozen=True)
class Given:
    """An option with its arguments, and the value that must stand at a dotted place of the order's file, or of the gate
    plan under `plan`."""

    option: str
    arguments: tuple[str, ...]
    place: str
    value: object


def given(option: str, place: str, value: object, *arguments: str) -> Given:
    return Given(option, arguments or (str(value),), place, value)


COMMON = (
    given("--prompt", "taskPrompt", "mend\nthe shop"),
    given("--title", "title", "The shop"),
    given("--profile", "profile", "base"),
    given("--include-dirty", "workspaceSource.leftOut", [], ""),
    given("--agent", "agent.type", "command"),
    given("--command", "agent.command", "touch done; : 'ü'"),
    given("--pass-env", "agent.passEnv", ["ONE", "TWO_*"], "ONE", "--pass-env", "TWO_*"),
    given("--max-iterations", "limits.maxIterations", 7),
    given("--iteration-time", "limits.maxIterationSeconds", 61.5),
    given("--max-time", "limits.maxWallClockSeconds", 3601),
    given("--max-tokens", "limits.maxTotalTokens", 12345),
    given("--max-cost", "limits.maxCostUsd", 1.25),
    given("--retry", "retry.initialBackoffMs", 1000, "aggressive"),
    given("--retries", "retry.maxAttempts", 4),
    given("--loop-strategy", "loopStrategy.mode", "ralph"),
    given("--gate-plan", "gatePlanSource", "verify-profile"),
    given("--skip-verification", "skipLevels", ["L2"], "L2", "--skip-verification", "lint"),
    given("--check-retries", "plan.checkRetries", 2),
    given("--pristine", "pristine", True, ""),
    given("--deliver", "gitOps.mode", "pr"),
    given("--github-mode", "gitOps.githubMode", "best_effort"),
    given("--remote", "gitOps.remote", "upstream"),
    given("--base", "gitOps.base", "release"),
    given("--github-repo", "gitOps.repository", "owner/name"),
    given("--github-api", "gitOps.apiUrl", "https://github.example.org/api/v3"),
    given("--no-draft", "gitOps.draft", False, ""),
    given("--label", "gitOps.labels", ["one", "two"], "one", "--label", "two"),
    given("--reviewer", "gitOps.reviewers", ["anna"], "anna"),
    given("--wait-for-ci", "gitOps.waitForCi", True, ""),
    given("--max-wait", "maxWaitSeconds", 99),
    given("--priority", "priority", 5),
)
CLAUDE = (
    given("--agent", "agent.type", "claude-code", "claude-code-subscription"),
    given("--model", "agent.model", "some-model"),
    given("--permissions", "agent.permissionMode", "bypass"),
)
IN_PLACE = (given("--in-place", "workspaceSource.inPlace", True, ""), given("--agent", "agent.type", "scripted"))
FRESH = (
    given("--fresh", "workspaceSource.type", "fresh", ""),
    given("--template", "workspaceSource.template", "python"),
    given("--github", "workspaceSource.repository", "owner/thing"),
    given("--command", "agent.command", "touch done"),
    given("--agent", "agent.type", "command"),
)
MADE_HERE = {"--prompt-file", "--path", "--script", "--git-url", "--git-branch", "--project-name", "--after"}
"""Their arguments are files, orders and repositories that the test makes."""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A repository with a change that is not committed, a profile, and a claude that is never called."""
    site = Site(tmp_path_factory.mktemp("fields") / "site")
    site.make_repository({"README.md": "small\n", "verify.yaml": SMALL_PLAN})
    git(site.repository, "branch", "side")
    claude = site.root / "claude"
    claude.write_text("#!/bin/sh\nexit 1\n")
    claude.chmod(0o755)
    site.environment["AGENTGATE_CLAUDE"] = str(claude)
    assert site.agentgate("profile", "create", "base").code == 0
    yield site
    site.close()


def submit(site: Site, rows: tuple[Given, ...], *more: str, cwd: Path | None = None) -> dict[str, Any]:
    """The order's file, with the plan that was saved with its run, as they are read back after the submit."""
    words = [word for row in rows for word in (row.option, *row.arguments) if word]
    done = site.agentgate("submit", "--json", *words, *more, cwd=cwd)
    assert done.code == 0, done.err
    order = json.loads((site.home / "work-orders" / f"{done.document['order']}.json").read_bytes())
    order["plan"] = json.loads(site.layout(done.document["runId"]).gate_plan.read_bytes())
    shown = site.agentgate("show", "--json", done.document["runId"]).document["profile"]
    for row in rows:
        assert at(order, row.place) == row.value, row.option
        for option in SETTINGS:
            if row.option.replace("--no-", "--") in option.flags and option.key != BELOW_POLICY:
                assert shown["origins"][option.key] == "command line", row.option
    return order


def at(order: dict[str, Any], place: str) -> object:
    found: Any = order
    for key in place.split("."):
        found = found[key]
    return found


def test_every_option_of_a_submit_is_looked_at_here() -> None:
    """upstream.md L3: the options that were dropped there had no test that would have missed them."""
    commands = next(a for a in make_parser()._actions if isinstance(a, argparse._SubParsersAction))  # pyright: ignore[reportPrivateUsage]
    submits = cast("dict[str, argparse.ArgumentParser]", commands.choices)["submit"]
    known = {row.option for rows in (COMMON, CLAUDE, IN_PLACE, FRESH) for row in rows} | MADE_HERE | NOT_OF_THE_ORDER
    for action in submits._actions:  # pyright: ignore[reportPrivateUsage]
        assert known & set(action.option_strings), f"no row for {action.option_strings}"


def test_an_order_is_read_back_as_it_was_submitted(machine: Site) -> None:
    """upstream.md L3: every submitted field is equal after reload."""
    first = submit(machine, (given("--agent", "agent.type", "command"),), "--command", "true", "-p", "first")
    readme = machine.repository / "README.md"
    readme.write_text("changed\n")
    try:
        order = submit(machine, COMMON, "--path", str(machine.repository), "--after", first["id"], cwd=machine.root)
    finally:
        readme.write_text("small\n")
    assert order["after"] == [first["id"]]
    assert order["skipKinds"] == ["lint"]
    assert (order["retry"]["backoffMultiplier"], order["retry"]["maxBackoffMs"]) == (1.5, 60000), "the policy's numbers"
    source = order["workspaceSource"]
    assert (source["type"], source["path"]) == ("local", str(machine.repository))
    patch = (machine.home / "work-orders" / source["uncommittedPatch"]).read_text()
    assert "+changed" in patch
    (queued,) = (q for q in machine.agentgate("queue", "--json").document["orders"] if q["order"] == order["id"])
    assert (queued["priority"], queued["position"]) == (5, None)
    assert machine.agentgate("doctor", "--rebuild").code in (0, 1)
    (queued,) = (q for q in machine.agentgate("queue", "--json").document["orders"] if q["order"] == order["id"])
    assert (queued["priority"], first["id"] in queued["waiting"]) == (5, True), "a rebuilt index lost a wish"


def test_the_options_of_an_agent_are_read_back(machine: Site) -> None:
    """upstream.md L3, for what only one kind of agent takes; the original's names of agents are understood."""
    task = machine.root / "task.md"
    task.write_text("# A task\n\nwith lines\n")
    order = submit(machine, CLAUDE, "--prompt-file", str(task))
    assert (order["taskPrompt"], order["title"]) == (task.read_text(), "# A task")
    play = machine.root / "play.yaml"
    play.write_text("iterations:\n  1:\n    - say: hello\n")
    order = submit(machine, IN_PLACE, "--script", "../play.yaml", "-p", "x")
    assert order["agent"]["script"] == str(machine.repository / ".." / "play.yaml")


def test_the_options_of_a_source_are_read_back(machine: Site) -> None:
    """upstream.md L3, for sources elsewhere and new projects."""
    place = machine.root / "things" / "thing"
    place.parent.mkdir()
    order = submit(machine, FRESH, "--path", str(place), "--project-name", "brave-thing", "-p", "x")
    assert order["workspaceSource"]["path"] == str(place)
    assert order["workspaceSource"]["url"] == "https://github.com/owner/thing.git"
    assert "brave-thing" in (place / "pyproject.toml").read_text()
    url = f"file://{machine.repository}"
    agent = ("-a", "command", "--command", "true", "-p", "x")
    order = submit(machine, (), *agent, "--git-url", url, "--git-branch", "side")
    source = order["workspaceSource"]
    assert (source["type"], source["url"], source["baseBranch"]) == ("git", url, "side")
    run = machine.run(RunId(f"{order['id']}.1"))
    assert run.base_commit == git(machine.repository, "rev-parse", "side")
