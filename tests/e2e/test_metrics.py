"""`agentgate metrics` on real runs: one, all, and what cannot be read."""

from __future__ import annotations

from .site import Site


def test_metrics_of_one_run_and_of_all(small: Site) -> None:
    """upstream.md 10.4: metrics of every run, from its events; shown for one and for all."""
    passed = small.submit('echo "$AGENTGATE_ITERATION"; test -z "$AGENTGATE_FEEDBACK_FILE" || touch done')
    failed = small.submit("exit 9", "--retry", "none")
    small.work("--slots", "1")
    waiting = small.submit("true")

    document = small.agentgate("metrics", passed, "--json").document["metrics"]
    assert (document["result"], document["iterations"], document["agentCalls"]) == ("passed", 2, 2)
    assert document["checks"]["failed"] == 1
    assert {"queued", "building", "verifying"} <= document["durations"].keys()
    assert document["totalMs"] == sum(document["durations"].values())

    text = small.agentgate("metrics", passed)
    assert text.code == 0
    assert text.out.startswith(f"{passed}  passed  ")
    assert "  building " in text.out

    whole = small.agentgate("metrics", "--json").document
    assert whole["metrics"]["results"] == {"failed_build": 1, "passed": 1, "queued": 1}
    assert whole["unreadable"] == {}
    assert small.agentgate("metrics").out.startswith("3 runs: 1 failed build, 1 passed, 1 queued\n")

    small.layout(failed).events.write_text("nonsense\n")
    (small.layout(failed).directory / "metrics.json").unlink(missing_ok=True)
    torn = small.agentgate("metrics", "--json").document
    assert list(torn["unreadable"]) == [failed]
    assert torn["metrics"]["runs"] == 2
    beside = small.agentgate("metrics")
    assert (beside.code, f"{failed} is left out: " in beside.err) == (0, True)
    broken = small.agentgate("metrics", failed)
    assert (broken.code, failed in broken.err) == (3, True)
    assert small.agentgate("metrics", waiting, "--json").document["metrics"]["durations"].keys() == {"queued"}
    assert small.agentgate("metrics", "zzzz").code == 2
