"""Keeping a store small, by the installed command on real runs."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from agentgate_engine.models.ids import RunId, order_of

from .conftest import SMALL_PLAN
from .site import Site, git

TALK = "for i in $(seq 2000); do echo line $i of what the agent says; done; "
LOUD_PLAN = SMALL_PLAN.replace('echo "error', 'seq 3000; echo "error')


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, RunId, RunId]]:
    """A run that passed and one that failed with a change of its own, both with long logs."""
    site = Site(tmp_path_factory.mktemp("clean") / "site")
    site.make_repository({"README.md": "small\n", "verify.yaml": LOUD_PLAN})
    passed = site.submit(TALK + "touch done")
    failed = site.submit(TALK + "echo work > never-delivered", "--max-iterations", "1")
    site.work()
    assert (site.run(passed).result, site.run(failed).result) == ("passed", "failed_verification"), site.log()
    yield site, passed, failed
    site.close()


def said(site: Site, run: RunId) -> dict[str, str]:
    """What every reading command says about a run, but for the names of compressed files and ages."""
    failed = (("log",), ("log", "--follow"), ("log", "--failed"), ("why",), ("show",))
    found: dict[str, str] = {}
    for command in (("log", "--raw"), *(failed if site.run(run).result != "passed" else ())):
        done = site.agentgate(*command, run)
        assert done.code in (0, 1), done.err
        found[" ".join(command)] = re.sub(r"\.zst|\b\d+[smhd] ago", "", done.out)
    return found


def test_compressed_logs_say_the_same_to_every_command(worked: tuple[Site, RunId, RunId]) -> None:
    """upstream.md 2.10 and issue 3, 13: clean compresses old logs, and every reader still opens them."""
    site, passed, failed = worked
    before = {run: said(site, run) for run in (passed, failed)}
    assert "line 1999 of what" in before[failed]["log"] and "3000" in before[failed]["log --failed"]
    options = ("clean", "--what", "logs", "--compress-after", "0", "--json")
    expected = site.agentgate(*options, "--dry-run").document
    assert list(site.home.glob("runs/*/**/*.zst")) == []
    done = site.agentgate(*options).document
    assert {**done, "dry_run": True} == expected
    assert {item["kind"] for item in done["items"]} == {"logs"} and done["total"] > 50_000
    names = {path.name for path in site.home.glob("runs/*/**/*.zst")}
    assert names >= {"stdout.log.zst", "transcript-1.jsonl.zst"}
    assert not list(site.home.glob("runs/*/transcript-1.jsonl"))
    assert {run: said(site, run) for run in (passed, failed)} == before
    assert "stdout.log.zst" in site.agentgate("why", failed).out
    assert site.agentgate(*options).document["items"] == []


def test_clean_then_purge(worked: tuple[Site, RunId, RunId]) -> None:
    """upstream.md 2.10: dry-run says exactly what goes; pinned runs and undelivered work stay; purge takes the rest."""
    site, passed, failed = worked
    assert site.agentgate("pin", passed, "--reason", "to show").code == 0
    everything = ("clean", "--older-than", "0s", "--keep", "0")
    report = site.agentgate(*everything, "--json").document
    assert report["items"] == [] and [one["name"] for one in report["undelivered"]] == [failed]
    assert "work that was never delivered" in site.agentgate(*everything).out
    assert site.agentgate("unpin", passed).code == 0
    words = site.agentgate(*everything, "--dry-run").out
    assert f"runs  {passed}" in words and "would free" in words and passed in site.agentgate("status").out
    assert site.agentgate(*everything).out == words.replace("would free", "freed")
    assert passed not in site.agentgate("status").out and not site.layout(passed).directory.exists()
    assert git(site.repository, "rev-parse", "--verify", f"agentgate/{passed}"), "what was delivered stays"
    refused = site.agentgate("purge", order_of(failed))
    assert refused.code == 2 and "-y" in refused.err and "never delivered" in refused.err
    assert site.agentgate("purge", order_of(failed), "-y").code == 0
    assert not [path for path in site.home.rglob("*") if order_of(failed) in path.name]
    assert site.agentgate("doctor").out.count("no files for") == 0


def test_a_clean_without_a_store_says_so(site: Site) -> None:
    done = site.agentgate("clean", "--dry-run")
    assert done.code == 3 and "there is no store" in done.err
    bad = site.agentgate("clean", "--older-than", "soon")
    assert bad.code == 2 and "is no time: write 30d" in bad.err
