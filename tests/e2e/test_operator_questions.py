"""What an operator of the original could not see or do (upstream.md, section 8), asked of the installed command.

Asked elsewhere: one screen for each kind of failure (test_commands, test_why...), priority, pause, hold, requeue
(test_queue_wishes), stopping an agent (test_cancel), disk and leases (test_clean), corrupt records (test_lessons).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from agentgate_engine.models.ids import RunId

from .conftest import SMALL_PLAN
from .site import Site

PLAY = """\
iterations:
  1:
    - say: I look around first
    - run: "echo looking; exit 3"
    - write: {path: half.txt, content: "half\\n"}
    - usage: {input: 1200, output: 300, cost: 0.25}
    - result: {success: true, text: not sure}
  2:
    - expect_feedback: the file done is missing
    - write: {path: done, content: "yes\\n"}
    - usage: {input: 800, output: 100, cost: 0.125}
    - result: {success: true, text: done}
"""


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, RunId, RunId]]:
    """A run that passed in its second iteration, and one that waits behind a paused queue."""
    site = Site(tmp_path_factory.mktemp("questions") / "site")
    site.make_repository({"README.md": "small\n", "verify.yaml": SMALL_PLAN})
    play = site.root / "play.yaml"
    play.write_text(PLAY)
    done = site.agentgate("submit", "-p", "Mend it, please", "-a", "scripted", "--script", str(play), "--json")
    worked = RunId(done.document["runId"])
    site.work()
    site.assert_ended_well(worked)
    waits = site.submit("touch done", prompt="another thing")
    yield site, worked, waits
    site.close()


def test_runs_and_iterations_are_listed(asked: tuple[Site, RunId, RunId]) -> None:
    """upstream.md 8: list runs or iterations; 2.8: `list` and `status ID`, as the original's operators type them."""
    site, worked, waits = asked
    for command in ("status", "list"):
        listed = site.agentgate(command).out
        assert worked in listed and waits in listed
        assert waits not in site.agentgate(command, "-s", "passed", "-l", "5").out
    page = site.agentgate("show", worked).out
    assert re.search(r"\n1 +success .*\n2 +success ", page), page
    assert site.agentgate("status", worked).out == site.agentgate("run", worked).out == page


def test_a_task_is_not_taken_for_a_run(asked: tuple[Site, RunId, RunId]) -> None:
    """`run ID` shows a run: words that stand there without --prompt are told apart, and nothing is queued."""
    site, worked, _ = asked
    before = site.store.run_ids()
    assert site.agentgate("status", worked, "-s", "failed").code == 2, "an option that would do nothing"
    for words in (("mend the shop",), (worked, "-p", "x"), ("mend it", "-a", "command")):
        done = site.agentgate("run", *words)
        assert (done.code, done.out) == (2, "")
        assert "--prompt" in done.err
    assert site.store.run_ids() == before


def test_what_the_agent_said_did_and_cost_can_be_read(asked: tuple[Site, RunId, RunId]) -> None:
    """upstream.md 8: agent output, verification, diff, feedback, cost, tokens."""
    site, worked, _ = asked
    assert "I look around first" in site.agentgate("log", f"{worked}/1").out
    tools = site.agentgate("log", "--tools", f"{worked}/1").out
    assert re.search(r"\n1 +\+0\.0s +\S+ +Bash +echo looking; exit 3 +3\b", tools), tools
    assert re.search(r"\n2 +\S+ +\S+ +Write +half\.txt .*half\.txt", tools), tools
    bars = site.agentgate("log", "--tools", "--json", f"{worked}/1").document["bars"]
    assert [(bar["tool"], bar["exit_code"]) for bar in bars] == [("Bash", 3), ("Write", None)]
    assert "L1 commands: FAIL" in site.agentgate("verify", f"{worked}/1").out
    assert "+half" in site.agentgate("diff", f"{worked}/1").out
    page = site.agentgate("show", worked).out
    assert re.search(r"\n1 .* 2k +0\.25 ", page) and re.search(r"\n2 .* 900 +0\.12 ", page), page
    metrics = site.agentgate("metrics", worked, "--json").document["metrics"]
    assert metrics["costUsd"] == 0.375


def test_the_feedback_is_printed_as_it_was_sent(asked: tuple[Site, RunId, RunId]) -> None:
    """upstream.md 8 and 2.4: the original kept none of it."""
    site, worked, waits = asked
    sent = json.loads(site.layout(worked).feedback(1).read_bytes())["text"]
    done = site.agentgate("feedback", worked)
    assert (done.code, done.out) == (0, sent)
    assert f"{worked}/1, {len(sent.encode())} bytes" in done.err
    assert site.agentgate("feedback", f"{worked}/1", "--json").document["text"] == sent
    for name, words in ((f"{worked}/2", f"only {worked}/1"), (waits, "has sent no feedback; it is queued")):
        refused = site.agentgate("feedback", name)
        assert (refused.code, refused.out, words in refused.err) == (2, "", True), refused
    site.layout(waits).feedback(1).write_bytes(b"{")
    site.layout(worked).feedback(1).write_bytes(b"{")
    assert site.agentgate("feedback", worked).code == 3
    site.layout(waits).feedback(1).unlink()


def test_a_run_can_be_followed_event_by_event(asked: tuple[Site, RunId, RunId]) -> None:
    """upstream.md 8: follow a run live; the original printed debug logs."""
    site, worked, waits = asked
    page = site.agentgate("events", worked).out.splitlines()
    stored = [json.loads(line)["type"] for line in site.layout(worked).events.read_bytes().splitlines()]
    assert [line.split("  ")[1].split(" ")[0] for line in page] == stored
    assert [event["type"] for event in site.agentgate("events", worked, "--json").document] == stored
    followed = site.agentgate("events", "-F", worked)
    assert (followed.code, followed.out.splitlines()) == (0, page)
    assert "passed" in followed.err
    log = site.layout(waits).events
    whole = log.read_bytes()
    log.write_bytes(whole + b"\x1b[31mno event\n")
    assert "\x1b" not in site.agentgate("events", waits).out
    torn = site.agentgate("events", waits, "--json")
    assert (torn.code, torn.out) == (3, "")
    assert "events.jsonl, line 2" in torn.err
    log.write_bytes(whole)


def test_it_is_told_why_nothing_starts(asked: tuple[Site, RunId, RunId]) -> None:
    """upstream.md 8: queue position, wait, capacity, or why nothing starts, wherever one looks."""
    site, _, waits = asked
    for command in ("show", "why"):
        page = site.agentgate(command, waits).out
        assert re.search(r"queue +number 1\b", page) and "none is alive: start one with `agentgate serve`" in page, page
        place = site.agentgate(command, waits, "--json").document["place"]
        assert (place["position"], place["waiting"]) == (1, None)
    for words in (("queue",), ("queue", "list")):
        page = site.agentgate(*words).out
        assert "room for 99 more" in page and re.search(rf"\n1 +{waits} ", page), page
    assert site.agentgate("hold", waits, "--reason", "ask Anna").code == 0
    for command in ("show", "why", "status", "queue"):
        words = (command, waits) if command in ("show", "why") else (command,)
        assert "ask Anna" in site.agentgate(*words).out, command
    assert site.agentgate("release", waits).code == 0


def test_what_was_in_force_is_told(asked: tuple[Site, RunId, RunId]) -> None:
    """upstream.md 8: gate plan, profile, strategy; the original's `status` left out strategy and skipped levels."""
    site, worked, _ = asked
    page = site.agentgate("show", worked, "--settings").out
    for words in (r"gate plan +verify\.yaml \(", r"loopStrategy\.mode +fixed +default", r"verification\.skipLevels"):
        assert re.search(words, page), words
    assert re.search(r"settings \w{16}, profile default", page)
    plan = site.agentgate("plan", worked).out
    assert "test -f done" in plan and "[verify.yaml:3]" in plan


def test_runs_are_found_by_more_than_their_state(asked: tuple[Site, RunId, RunId]) -> None:
    """upstream.md 8: search or filter beyond status."""
    site, worked, waits = asked
    for wanted, found in (("please", worked), ("agent:scripted", worked), ("!please", waits), ("/another/", waits)):
        runs = site.agentgate("status", "-f", wanted, "--json").document["runs"]
        assert [run["run_id"] for run in runs] == [found], wanted


def test_the_source_of_the_github_token_is_told(small: Site) -> None:
    """upstream.md 2.8 (`auth github`): never the token, also when it cannot be one."""
    assert re.search(r"note +github +no token\n", small.agentgate("doctor", environment={"PATH": bare(small)}).out)
    told = small.agentgate("doctor", environment={"GITHUB_TOKEN": "s3cret-value"}).out
    assert re.search(r"ok +github +token from GITHUB_TOKEN\n", told) and "s3cret" not in told
    broken = small.agentgate("doctor", environment={"GH_TOKEN": "s3cret value"})
    assert broken.code == 1
    assert re.search(r"FAIL +github +.*GH_TOKEN has spaces", broken.out) and "s3cret" not in broken.out


def bare(site: Site) -> str:
    """A PATH on which there is no gh."""
    place = site.root / "bare"
    place.mkdir(exist_ok=True)
    return str(place)


def test_words_of_the_original_lead_to_ours(small: Site) -> None:
    """upstream.md 2.8: what was renamed, or is not needed, is refused with what to type instead."""
    for words, hint in (
        (("queue", "kill", "abcd2345"), "agentgate cancel ID"),
        (("auth", "github"), "agentgate doctor"),
        (("serve", "--stagger-delay", "30000"), "--stagger S"),
    ):
        done = small.agentgate(*words)
        assert (done.code, done.out) == (2, "")
        assert hint in done.err.splitlines()[-1], done.err


def test_orders_that_ended_alike_are_purged_together(small: Site) -> None:
    """upstream.md 2.8 (`queue purge -s`) and 2.10: with all there is of them; what is pinned stays."""
    gone, kept, passed = small.submit("exit 3"), small.submit("exit 3"), small.submit("touch done")
    small.work()
    assert small.agentgate("pin", kept).code == 0
    assert small.agentgate("purge", "-s", "failed").code == 2, "nobody is there to ask"
    assert small.agentgate("purge").code == small.agentgate("purge", gone, "-s", "failed").code == 2
    done = small.agentgate("purge", "-s", "failed", "-y", "--json")
    assert [each["runs"] for each in done.document["removed"]] == [[gone]]
    assert f"{kept} is pinned" in done.document["left"][0]
    assert set(small.store.run_ids()) == {kept, passed}
    again = small.agentgate("purge", "-s", "canceled", "-y")
    assert (again.code, again.out) == (0, "no order to remove\n")
