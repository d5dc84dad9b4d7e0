"""What the original really got wrong, each as something that this one must not do (upstream.md, section 5).

Shown elsewhere: L1 test_slice, L2 and its process tree test_cancel, L3 test_submitted_fields, L5 test_adoption,
L8 and L14 test_queue_full, L11 tests/models/test_run_state, L12 test_retry, L13 and L20 test_every_command.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from agentgate_engine.agents.registry import DRIVERS
from agentgate_engine.cli.order_options import SETTINGS
from agentgate_engine.models.git_ops import GitHubMode, GitMode
from agentgate_engine.models.ids import RunId, new_engine_id, new_order_id, order_of
from agentgate_engine.models.retry import POLICIES
from agentgate_engine.models.strategy import StrategyName
from agentgate_engine.models.work_order import AgentName, GatePlanSource, PermissionMode
from agentgate_engine.profiles.profile_folder import profile_directory

from .conftest import SMALL_PLAN
from .site import Site, git, until

BUSY = "touch ready; while test ! -e {go}; do sleep 0.05; done; touch done"
"""An agent that works until a file is there."""


def submit_busy(site: Site) -> RunId:
    return site.submit(BUSY.format(go=site.root / "go"))


def at_work(site: Site, run: RunId) -> None:
    until(lambda: list((site.home / "workspaces" / run).glob("*/ready")), "the agent to work")


def test_a_submit_alone_leads_to_a_run(small: Site) -> None:
    """upstream.md L4: nothing has to be triggered; L15: what was returned is the run that was worked."""
    done = small.agentgate("submit", "-p", "x", "-a", "command", "--command", "touch done", "--start", "--json")
    run = RunId(done.document["runId"])
    until(lambda: small.seen(run, "run:complete"), "the run to end by itself")
    assert small.agentgate("stop", done.document["engines"][0]).code == 0
    small.assert_ended_well(run)


def test_a_live_run_of_another_engine_is_never_failed(small: Site) -> None:
    """upstream.md L6: not even when that engine has been silent for ages: its lock says that it lives."""
    run = submit_busy(small)
    first = small.engine("--slots", "1")
    at_work(small, run)
    os.kill(first.pid, signal.SIGSTOP)
    (record,) = (small.home / "engines").glob("*.json")
    record.write_text(re.sub(r'("heartbeatAt": ")\d{4}', r"\g<1>2020", record.read_text()))
    before = small.layout(run).events.read_bytes()
    other = small.submit("touch done")
    small.work("--slots", "4")
    small.assert_ended_well(other)
    assert small.agentgate("doctor").code == 1, "a silent engine is a problem that it names"
    assert (small.run(run).state, small.run(run).error) == ("building", None)
    assert small.layout(run).events.read_bytes() == before, "nobody else wrote to the run"
    os.kill(first.pid, signal.SIGCONT)
    (small.root / "go").touch()
    small.ended(first)
    small.assert_ended_well(run)
    assert not small.seen(run, "run:resumed")


def test_nothing_that_tidies_up_touches_a_workspace_with_an_owner(small: Site) -> None:
    """upstream.md L7: neither while its engine lives, nor while its agent goes on without one."""
    run = submit_busy(small)
    engine = small.engine("--slots", "1")
    at_work(small, run)
    everything = ("--older-than", "0s", "--keep", "0", "--max-bytes", "1", "--compress-after", "0s")

    def tidy() -> None:
        tree = sorted((small.home / "workspaces" / run).rglob("*"))
        cleaned = small.agentgate("clean", *everything, "--include-undelivered", "--json")
        assert (cleaned.code, cleaned.document["items"]) == (0, []), cleaned
        for command in (("--rebuild",), ("--quarantine",)):
            assert "Traceback" not in small.agentgate("doctor", *command).err
        refused = small.agentgate("purge", order_of(run), "-y")
        assert refused.code == 2, refused
        assert sorted((small.home / "workspaces" / run).rglob("*")) == tree
        assert list((small.home / "quarantine").glob("*")) == []

    tidy()
    engine.kill()
    engine.wait()
    assert small.leftovers(run) != []
    tidy()
    (small.root / "go").touch()
    small.work()
    small.assert_ended_well(run)
    assert small.seen(run, "agent:adopted")


def test_what_is_corrupt_is_listed_named_and_put_aside_on_request(small: Site) -> None:
    """upstream.md L9: a corrupt record never vanishes from a list; its quarantine is asked for, and loses nothing."""
    good, mended, lost, orderless = (small.submit("touch done") for _ in range(4))
    for run in (mended, lost):
        small.layout(run).summary.write_bytes(b'{"id": "')
    small.layout(lost).events.write_bytes(b"\x00" * 99)
    small.store.layout.work_order(order_of(orderless)).write_bytes(b"{")
    listed = small.agentgate("status", "--json").document
    assert {run["run_id"] for run in listed["runs"]} | {bad["run"] for bad in listed["unreadable"]} >= {good, lost}
    assert {bad["run"] for bad in listed["unreadable"]} == {mended, lost}
    told = small.agentgate("doctor")
    assert told.code == 1
    for name in (mended, lost, order_of(orderless)):
        assert re.search(rf"FAIL .*{name}", told.out), name
    assert list((small.home / "quarantine").glob("*")) == [], "looking changes nothing"
    treated = {
        finding["detail"].split()[0]: finding["detail"]
        for finding in small.agentgate("doctor", "--quarantine", "--json").document["findings"]
        if finding["what"] == "quarantine" and finding["state"] == "ok"
    }
    assert "mended" in treated[mended] and "moved" in treated[lost] and "moved" in treated[order_of(orderless)]
    assert (small.home / "quarantine" / lost / "events.jsonl").read_bytes() == b"\x00" * 99
    assert small.agentgate("show", mended).code == 0
    small.work()
    for run in (good, mended):
        small.assert_ended_well(run)
    assert small.agentgate("status", "--json").document["unreadable"] == []


def test_orphans_of_both_kinds_are_reported(small: Site) -> None:
    """upstream.md L10: a run without its order, and an order whose run is missing."""
    whole, orderless, runless = (small.submit("touch done") for _ in range(3))
    assert small.agentgate("doctor").code == 0
    small.store.layout.work_order(order_of(orderless)).unlink()
    shutil.rmtree(small.layout(runless).directory)
    found = small.agentgate("doctor", "--json")
    assert found.code == 1
    problems = [f["detail"] for f in found.document["findings"] if f["state"] == "problem"]
    assert any(p.startswith("run without an order: ") and orderless in p for p in problems), problems
    assert any(p.startswith("order without a run: ") and order_of(runless) in p for p in problems), problems
    assert not any(whole in p for p in problems)


def test_ids_can_be_pasted_into_a_shell(small: Site) -> None:
    """upstream.md L15: an id never begins with a dash or needs quotes, and what a command returned is an id of ours."""
    for name in [new_order_id() for _ in range(5000)] + [new_engine_id() for _ in range(100)]:
        assert shlex.quote(name) == name and not name.startswith("-")
    done = small.agentgate("submit", "-p", "x", "-a", "command", "--command", "touch done", "--json").document
    pasted = small.agentgate("submit", "-p", "x", "-a", "command", "--command", "exit 1", "--after", done["order"])
    assert small.agentgate("cancel", done["order"], "--json").document["run_id"] == done["runId"]
    again = small.agentgate("requeue", done["order"]).out.strip()
    assert again == f"{done['order']}.2"
    pairs = (("show", done["order"]), ("log", done["runId"]), ("why", pasted.out.strip()), ("plan", again))
    for command, name in pairs:
        assert shlex.split(name) == [name]
        assert small.agentgate(command, name).code == 0, (command, name)


def test_what_an_engine_says_when_it_starts_is_what_environment_and_options_say(small: Site) -> None:
    """upstream.md L16: the effective configuration is printed; options win over the environment."""
    store = small.root / "elsewhere"
    variables = {
        "AGENTGATE_HOME": str(store),
        "AGENTGATE_ROOT": "/nowhere",
        "AGENTGATE_SLOTS": "3",
        "AGENTGATE_STAGGER": "2",
        "AGENTGATE_MIN_MEMORY": "5",
        "AGENTGATE_MIN_DISK": "6",
    }
    told = small.agentgate("serve", "--until-idle", environment=variables)
    assert f"on {store}, 3 slots; starts with at least 5 MB of memory and 6 MB of disk free, 2 s apart" in told.err
    options = ("--slots", "4", "--stagger", "0", "--min-memory", "7", "--min-disk", "8", "--home", str(small.home))
    told = small.agentgate("serve", "--until-idle", *options, "--json", environment=variables)
    assert f"on {small.home}, 4 slots; starts with at least 7 MB of memory and 8 MB of disk free" in told.err
    assert "apart" not in told.err
    assert told.document["slots"] == 4
    for name, value in (("AGENTGATE_SLOTS", "many"), ("AGENTGATE_MIN_MEMORY", "-1"), ("AGENTGATE_STAGGER", "nan")):
        refused = small.agentgate("serve", "--until-idle", environment={name: value})
        assert (refused.code, name in refused.err) == (2, True)
    doctor = small.agentgate("doctor", environment=variables).out
    assert f"{store} (AGENTGATE_HOME)" in doctor


STRATEGY = """\
def wreck(event):
    raise ValueError("the strategy broke")
"""


@pytest.fixture(scope="module")
def swallowed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, dict[str, RunId]]]:
    """Four runs, each with a fault of a kind that the original swallowed, worked by one engine."""
    site = Site(tmp_path_factory.mktemp("swallowed") / "site")
    site.make_repository({"README.md": "small\n", "verify.yaml": SMALL_PLAN})
    package = site.root / "packages" / "wreck-1.dist-info"
    package.mkdir(parents=True)
    (package.parent / "wreck.py").write_text(STRATEGY)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: wreck\nVersion: 1\n")
    (package / "entry_points.txt").write_text("[agentgate.strategies]\nwreck = wreck:wreck\n")
    site.environment["PYTHONPATH"] = str(package.parent)
    profiles = profile_directory(site.environment)
    profiles.mkdir(parents=True)
    (profiles / "wreck.yaml").write_text("loopStrategy: {mode: custom, name: wreck}\n")
    runs = {
        "strategy": site.submit("true", "--profile", "wreck"),
        "push": site.submit(
            *("touch done", "--deliver", "push", "--github-mode", "best_effort", "--remote", f"{site.root}/gone.git")
        ),
        "evidence": site.submit(
            f"touch done; cd {site.home}/runs/${{AGENTGATE_PROCESS_TOKEN%%-*}}; mkdir agent-1.json"
        ),
    }
    git(site.repository, "rm", "-q", "verify.yaml")
    site.commit({".github/workflows/ci.yml": WORKFLOW}, "judged by CI")
    runs["plan"] = site.submit("touch done")
    yield site, runs
    site.close()


WORKFLOW = """\
on: push
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - {name: done, run: test -f done}
      - {name: install, run: sudo make install}
"""


def test_no_fault_is_swallowed(swallowed: tuple[Site, dict[str, RunId]]) -> None:
    """upstream.md L17: errors of strategy, push, persistence and plan are seen in `show`, `why` and the JSON."""
    site, runs = swallowed
    engine = site.engine()
    for name in ("strategy", "push", "plan"):
        until(lambda name=name: site.run(runs[name]).state.terminal, f"the end of {name}")
    until(lambda: "store: " in site.agentgate("status").out, "what cannot be written to be told")
    engine.kill()
    engine.wait()
    assert site.run(runs["strategy"]).result == "failed_error"
    assert site.run(runs["push"]).result == "passed"
    assert site.run(runs["plan"]).result == "passed"
    for name, words in (
        ("strategy", "strategy wreck raised ValueError on iteration 1: the strategy broke"),
        ("push", "gone.git' does not appear to be a git repository"),
        ("plan", 'the step "install" is left out'),
    ):
        run = runs[name]
        assert words in site.agentgate("show", run).out, name
        assert words in site.agentgate("why", run).out, name
        document = site.agentgate("show", run, "--json").document["run"]
        if name == "strategy":
            assert words in document["error"]
            continue
        (warning,) = (w for w in document["warnings"] if words in w["message"])
        assert warning["type"] and warning["timestamp"]
    for command in ("show", "why"):
        assert re.search(r"waits for +store: .*agent-1\.json", site.agentgate(command, runs["evidence"]).out), command
    parked = next(r for r in site.agentgate("status", "--json").document["runs"] if r["run_id"] == runs["evidence"])
    assert "agent-1.json" in parked["now"]
    assert parked["state"] == "building", "it is neither failed nor said to have passed"


def test_every_list_of_names_is_one_list() -> None:
    """upstream.md L18: what a submit, a profile and the records take are the same words."""
    assert set(DRIVERS) == set(get_args(AgentName))
    choices = {option.key: set(option.choices) for option in SETTINGS if option.choices}
    assert choices == {
        "agentDriver.permissionMode": set(get_args(PermissionMode)),
        "retry.policy": set(POLICIES),
        "loopStrategy.mode": set(get_args(StrategyName)),
        "verification.gatePlanSource": set(get_args(GatePlanSource)),
        "gitOps.mode": {mode.value for mode in GitMode},
        "gitOps.githubMode": {mode.value for mode in GitHubMode},
    }


def test_a_profile_and_a_submit_refuse_the_same_words(small: Site) -> None:
    """upstream.md L18, on the command: each names exactly what there is."""
    refused = small.agentgate("submit", "-p", "x", "-a", "clod")
    assert refused.code == 2
    named = [name for name in get_args(AgentName) if name in refused.err]
    file = small.root / "bad.yaml"
    file.write_text("agentDriver: {type: clod}\n")
    invalid = small.agentgate("profile", "validate", str(file))
    assert invalid.code == 2
    said = invalid.out + invalid.err
    assert named == [name for name in get_args(AgentName) if name in said] == list(get_args(AgentName))


def test_a_token_stands_in_no_file_and_no_output(small: Site) -> None:
    """upstream.md L19: an agent does not get it; one that was given it and prints it leaves it in the raw log alone."""
    tokens = {"AGENTGATE_GITHUB_TOKEN": "tok3n-of-ours-0815", "GH_TOKEN": "tok3n-of-theirs-4711"}
    small.environment |= tokens
    without = small.submit('test -z "$AGENTGATE_GITHUB_TOKEN$GH_TOKEN" && touch done')
    words = "".join(f'echo "it is ${name}"; echo "${name}" >&2; ' for name in tokens)
    passed_on = [word for name in tokens for word in ("--pass-env", name)]
    given = small.submit(f"{words} exit 3", *passed_on, "--retry", "none")
    small.work()
    small.assert_ended_well(without)
    small.assert_ended_well(given, "failed_build")
    raw = (small.layout(given).processes / "1-agent-1-1" / "stdout.log").read_text()
    assert all(token in raw for token in tokens.values()), "the agent did get and print them"
    holding = [
        path.relative_to(small.home)
        for path in small.home.rglob("*")
        if path.is_file() and path.name not in ("stdout.log", "stderr.log") and b"tok3n-of-" in path.read_bytes()
    ]
    assert holding == []
    for arguments in (("show",), ("why",), ("why", "--json"), ("log",), ("log", "--json"), ("events", "--json")):
        done = small.agentgate(*arguments, given)
        assert done.code == 0 and "tok3n-of-" not in done.out + done.err, arguments
    doctor = small.agentgate("doctor").out
    assert "token from AGENTGATE_GITHUB_TOKEN" in doctor and "tok3n-of-" not in doctor
    assert "tok3n-of-" not in small.log()


CLAUDE = """\
#!/bin/sh
echo "$@" >> {root}/argv
touch done
echo '{{"type":"result","subtype":"success","is_error":false,"result":"done","session_id":"s","num_turns":1}}'
"""


def test_an_agent_skips_permissions_only_when_the_operator_said_so(small: Site) -> None:
    """upstream.md L19: the bypass is opt-in, and recorded with the order, the run and every call."""
    claude = small.root / "claude"
    claude.write_text(CLAUDE.format(root=small.root))
    claude.chmod(0o755)
    small.environment["AGENTGATE_CLAUDE"] = str(claude)
    runs: list[RunId] = []
    for options in ((), ("--permissions", "bypass")):
        done = small.agentgate("submit", "-p", "x", "--json", *options)
        runs.append(RunId(done.document["runId"]))
    small.work("--slots", "1")
    for run in runs:
        small.assert_ended_well(run)
    calls = (small.root / "argv").read_text().splitlines()
    assert ["--dangerously-skip-permissions" in call for call in calls] == [False, True]
    for run, mode in zip(runs, ("default", "bypass"), strict=True):
        order: dict[str, Any] = json.loads(Path(small.store.layout.work_order(order_of(run))).read_bytes())
        assert order["agent"]["permissionMode"] == mode
        (started,) = (e for e in small.events(run) if e.type == "agent:started")
        assert started.data["permissionMode"] == mode
        assert re.search(rf"permissions +{mode}", small.agentgate("show", run).out)
