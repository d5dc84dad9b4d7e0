"""`agentgate status` and `list`: which runs, in pages, and always one JSON document."""

from __future__ import annotations

import pytest

from .site import Site


@pytest.fixture
def listed(small: Site) -> Site:
    """Two that passed, one that failed, two that wait."""
    for command in ("touch done", "touch done", "true"):
        small.submit(command, "--max-iterations", "1")
    small.work()
    for _ in range(2):
        small.submit("touch done")
    return small


def test_runs_are_listed_by_state_and_in_pages(listed: Site) -> None:
    """upstream.md 2.8 and L20: -s, -l, -o, and `--json` parses as one document."""

    def ids(*options: str) -> list[str]:
        first, second = (
            [run["run_id"] for run in listed.agentgate(name, "--json", *options).document["runs"]]
            for name in ("status", "list")
        )
        assert first == second
        return first

    everything = ids("-n", "0")
    assert len(everything) == 5
    assert (len(ids("-s", "passed")), len(ids("-s", "failed")), len(ids("-s", "waiting"))) == (2, 1, 2)
    assert ids("-s", "running") == []
    assert ids("-s", "queued") == everything[:2]
    assert ids("-l", "2") == everything[:2]
    assert ids("-l", "2", "-o", "2") == everything[2:4]
    assert ids("--limit", "2", "--offset", "4") == everything[4:]
    assert ids("-o", "9") == []
    page = listed.agentgate("status", "-n", "2", "-o", "1")
    assert "2 more; --offset 3" in page.err
    document = listed.agentgate("status", "--json", "-n", "1", "-f", "st:pass").document
    assert (document["total"], document["offset"], len(document["runs"])) == (2, 0, 1)


@pytest.mark.parametrize("options", [("-s", "asleep"), ("-o", "-1"), ("-n", "-1")])
def test_what_makes_no_sense_is_refused(listed: Site, options: tuple[str, ...]) -> None:
    refused = listed.agentgate("status", *options)
    assert refused.code == 2
    assert refused.out == ""


def test_the_commands_of_the_queue_speak_json(listed: Site) -> None:
    """upstream.md 7.9 and L20: position per order, queue stats and health, each one JSON document."""
    queue = listed.agentgate("queue", "--json").document
    assert (queue["waiting"], queue["running"], queue["health"]) == (2, 0, "healthy")
    assert queue["meanRunMs"] > 0
    assert [order["position"] for order in queue["orders"]] == [1, 2]
    health = listed.agentgate("queue", "health", "--json")
    assert (health.code, health.document["health"]) == (0, "healthy")
    run_id = queue["orders"][1]["runId"]
    assert listed.agentgate("priority", run_id, "3", "--json").document["position"] == 1
    assert listed.agentgate("hold", run_id, "--json").document["position"] is None
    assert listed.agentgate("release", run_id, "--json").document["position"] == 1
    assert listed.agentgate("queue", "pause", "--reason", "x", "--json").document["paused"]["reason"] == "x"
    assert listed.agentgate("queue", "--json", "resume").document["paused"] is None
    assert listed.agentgate("queue", "set", "--capacity", "2", "--json").document["capacity"] == 2
    assert listed.agentgate("queue", "health").code == 1
    assert listed.agentgate("queue", "set").code == 2
    assert listed.agentgate("queue", "set", "--capacity", "0").code == 2
    assert listed.agentgate("engines", "--json").document == {"engines": []}
    assert listed.agentgate("cancel", "--all-queued", "--json").document["canceled"][0]["outcome"] == "done"
