"""`snapshots`, `restore`, `take` and `workspaces`, on the installed command after real runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agentgate_engine.models.ids import RunId
from tests.e2e.conftest import SMALL_PLAN
from tests.e2e.site import Site, git

_AGENT = "if test -f step; then echo two > step; else echo one > step; fi; echo $RANDOM > ignored.log"


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, RunId]]:
    """A run of two iterations that never made what its check wants. Nothing here changes it."""
    site = Site(tmp_path_factory.mktemp("failed") / "site")
    site.make_repository({"README.md": "small\n", "verify.yaml": SMALL_PLAN, ".gitignore": "*.log\n"})
    run = site.submit(_AGENT, "--max-iterations", "2")
    site.work()
    site.assert_ended_well(run, "failed_verification")
    yield site, run
    site.close()


@pytest.fixture(scope="module")
def passed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, RunId]]:
    """A run that passed and was delivered."""
    site = Site(tmp_path_factory.mktemp("passed") / "site")
    site.make_repository({"README.md": "small\n", "verify.yaml": SMALL_PLAN})
    run = site.submit("touch done")
    site.work()
    site.assert_ended_well(run)
    yield site, run
    site.close()


def test_the_events_of_a_workspace_come_in_their_order(failed: tuple[Site, RunId]) -> None:
    """upstream.md 8.4: workspace:acquired, snapshot:created, workspace:released, as a subscriber sees them."""
    site, run = failed
    wanted = ("workspace:acquired", "snapshot:created", "workspace:released", "snapshot:restored")
    assert [event.type for event in site.events(run) if event.type in wanted] == [
        "workspace:acquired",
        "snapshot:created",
        "snapshot:created",
        "workspace:released",
    ]


def test_no_lease_is_left_by_a_finished_run(failed: tuple[Site, RunId]) -> None:
    """upstream.md 8.6: zero lease files after a finished run."""
    assert list((failed[0].home / "leases").glob("*")) == []


def test_the_snapshots_of_a_run_are_listed(failed: tuple[Site, RunId]) -> None:
    """upstream.md 2.5: one record an iteration, with what it changed."""
    site, run = failed
    document = site.agentgate("snapshots", run, "--json").document
    found = [(row["iteration"], row["files_changed"], row["insertions"]) for row in document["snapshots"]]
    assert found == [(1, 1, 1), (2, 1, 1)]
    assert [state["name"] for state in document["kept"]] == ["start"]
    text = site.agentgate("snapshots", run).out
    assert f"{run}/2" in text
    assert "--kept start" in text


def test_a_snapshot_goes_to_a_new_directory_and_over_nothing(failed: tuple[Site, RunId], tmp_path: Path) -> None:
    """upstream.md 8.2: restore, by an operator."""
    site, run = failed
    for asked, content in ((f"{run}/1", "one"), (f"{run}/2", "two"), (run, "two")):
        place = tmp_path / asked.replace("/", "-")
        done = site.agentgate("restore", asked, "--to", str(place))
        assert done.code == 0, done.err
        assert (place / "step").read_text().strip() == content
        assert sorted(path.name for path in place.iterdir()) == [".gitignore", "README.md", "step", "verify.yaml"]
        place_again = site.agentgate("restore", asked, "--to", str(place))
        assert place_again.code == 2
        assert "not empty" in place_again.err
    start = site.agentgate("restore", run, "--kept", "start", "--to", str(tmp_path / "start"), "--json").document
    assert start["files"] == 3
    for wrong, said in (
        ((f"{run}/9",), "has no snapshot 9"),
        ((run, "--kept", "gone"), "there are start"),
        ((f"{run}/1", "--kept", "start"), "one of them"),
    ):
        refused = site.agentgate("restore", *wrong, "--to", str(tmp_path / "never"))
        assert (refused.code, said in refused.err) == (2, True), refused.err
    assert not (tmp_path / "never").exists()


def test_a_snapshot_becomes_a_new_branch_and_moves_none(failed: tuple[Site, RunId]) -> None:
    site, run = failed
    status = git(site.repository, "status", "--porcelain")
    done = site.agentgate("restore", f"{run}/1", "--branch", "look/at-1")
    assert done.code == 0, done.err
    assert git(site.repository, "show", "look/at-1:step") == "one"
    assert site.agentgate("restore", f"{run}/1", "--branch", "look/at-1").code == 0, "again is fine"
    other = site.agentgate("restore", f"{run}/2", "--branch", "look/at-1")
    assert (other.code, "nothing is written over" in other.err) == (1, True)
    assert site.agentgate("restore", f"{run}/1", "--branch", "a..b").code == 2
    assert git(site.repository, "show", "look/at-1:step") == "one"
    assert git(site.repository, "status", "--porcelain") == status == ""


def test_the_work_of_a_failed_run_can_be_taken(failed: tuple[Site, RunId], tmp_path: Path) -> None:
    """upstream.md 8: what an operator could not do."""
    site, run = failed
    done = site.agentgate("take", run)
    assert done.code == 0, done.err
    assert "was not verified" in done.err
    assert git(site.repository, "show", f"agentgate/{run}:step") == "two"
    assert site.agentgate("take", run, "--branch", "mine", "--json").document["branch"] == "mine"
    assert git(site.repository, "rev-parse", "mine") == git(site.repository, "rev-parse", f"agentgate/{run}")
    git(tmp_path, "clone", "-q", str(site.repository), "elsewhere")
    assert site.agentgate("take", run, "-C", str(tmp_path / "elsewhere")).code == 0
    assert git(tmp_path / "elsewhere", "show", f"agentgate/{run}:step") == "two"


def test_what_runs_keep_on_the_disk_is_listed(failed: tuple[Site, RunId]) -> None:
    site, run = failed
    (row,) = site.agentgate("workspaces", "--json").document
    assert (row["run_id"], row["run_state"], row["state"], row["snapshots"]) == (run, "failed", "kept", 2)
    assert row["total_bytes"] > 0
    assert (row["lease"], row["in_place"]) == (None, False)
    done = site.agentgate("workspaces")
    assert run in done.out
    assert "would free" in done.err


def test_a_delivered_run_has_its_snapshots_in_the_source(passed: tuple[Site, RunId], tmp_path: Path) -> None:
    site, run = passed
    document = site.agentgate("snapshots", run, "--json").document
    assert [(row["iteration"], row["here"]) for row in document["snapshots"]] == [(1, False)]
    assert document["repository"] is None
    assert site.agentgate("restore", run, "--to", str(tmp_path / "there")).code == 0
    assert (tmp_path / "there" / "done").exists()
    assert site.agentgate("restore", f"{run}/1", "--branch", "again").code == 0
    assert git(site.repository, "rev-parse", "again") == git(site.repository, "rev-parse", f"agentgate/{run}")
    taken = site.agentgate("take", run)
    assert (taken.code, f"its branch agentgate/{run} is in" in taken.err) == (2, True)
    assert site.agentgate("workspaces", "--json").document == []
