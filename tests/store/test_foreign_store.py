"""A store of the original as readers ask of it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from agentgate_engine.errors import StoreError, UsageError
from agentgate_engine.models.ids import RunId
from agentgate_engine.store.line_reader import read_lines
from agentgate_engine.store.log_file import open_log
from agentgate_engine.store.log_window import read_last_lines, read_log_lines
from agentgate_engine.store.store import Store
from agentgate_engine.store.store_view import OwnView, open_view, view_of

from .foreign_support import (
    GENERATIONS,
    ORDER,
    OTHER,
    RUN,
    copy_of,
    evidence_of,
    opened,
    order_record,
    put,
    run_record,
    small_store,
    state_of,
)


def test_every_order_and_every_run_of_the_genuine_store_is_listed(tmp_path: Path) -> None:
    """Acceptance 7 and upstream.md section 7: 12 orders, 10 runs, none `failed` that was not run."""
    root = copy_of("v0.2.24", tmp_path / "store")
    listed = opened(root).listed()
    assert {row.order_id for row in listed.rows} == {file.stem for file in (root / "work-orders").iterdir()}
    assert {row.id for row in listed.rows if row.id != row.order_id} == {run.name for run in (root / "runs").iterdir()}
    assert listed.unreadable == []
    shown = {row.order_id: (row.state, row.result, row.iteration) for row in listed.rows}
    assert shown == {
        "E0yBviZj1yrY": ("canceled", "canceled", 1),
        "hQJtI30UljIu": ("building", None, 1),
        "-j-6xRIX3x_Y": ("succeeded", "passed", 1),
        "VT1cYlivOH7G": ("queued", None, 0),
        "625vQt0s_vBv": ("canceled", None, 0),
        "3FiOyCOwQOP5": ("failed", "failed_verification", 2),
        "YpPigRksFAuN": ("failed", "failed_verification", 2),
        "XCDLAXqonmGT": ("succeeded", "passed", 1),
        "3Z6cUjPHJvru": ("succeeded", "passed", 2),
        "tLmOQnZNzWod": ("failed", "failed_verification", 3),
        "zRaOxGLt6Ns_": ("failed", "failed_build", 1),
        "WhRo1phVbYgS": ("succeeded", "passed", 1),
    }
    assert [row.queued_at for row in listed.rows] == sorted((row.queued_at for row in listed.rows), reverse=True)
    stuck = next(row for row in listed.rows if row.order_id == "hQJtI30UljIu")
    assert stuck.now == "recorded as building; nobody here knows whether it still runs"
    odd = next(row for row in listed.rows if row.order_id == "-j-6xRIX3x_Y")
    assert (odd.now, odd.warnings) == ("done; its order is recorded as canceled", 1)


def test_runs_whose_orders_do_not_name_them_are_found(tmp_path: Path) -> None:
    """upstream.md section 7: v26 left two orders without a runId; their runs say whose they are."""
    rows = opened(copy_of("v0.2.26", tmp_path / "store")).listed().rows
    assert [(row.order_id, row.result) for row in rows if row.order_id.startswith("err0r26")] == [
        ("err0r26_-two", "failed_error"),
        ("err0r26_-one", "failed_error"),
    ]
    assert len(rows) == 4


@pytest.mark.parametrize("generation", GENERATIONS)
def test_reading_everything_changes_nothing(tmp_path: Path, generation: str) -> None:
    """DESIGN 4: opened read-only, never written; every name, mode, time and byte is as it was."""
    root = copy_of(generation, tmp_path / "store")
    before = state_of(root)
    store = opened(root)
    for row in store.listed().rows:
        found = store.follow(RunId(row.id)).read()
        for n in range(1, found.run.iteration + 1):
            read_lines(found.layout.transcript(n))
    assert state_of(root) == before


@pytest.mark.parametrize(
    ("asked", "found", "iteration"),
    [
        ("-j-6xRIX3x_Y", "587d534a-9a9a-4bd2-a019-a08c39e7411a", None),
        ("-j", "587d534a-9a9a-4bd2-a019-a08c39e7411a", None),
        ("587d", "587d534a-9a9a-4bd2-a019-a08c39e7411a", None),
        ("agentgate://b3a7f650/2", "b3a7f650-80d6-4318-b5fa-f6316f36de0e", 2),
        ("tLmO/3", "b3a7f650-80d6-4318-b5fa-f6316f36de0e", 3),
        ("VT1c", "VT1cYlivOH7G", None),
    ],
)
def test_any_unique_beginning_of_an_order_or_run_names_it(
    tmp_path: Path, asked: str, found: str, iteration: int | None
) -> None:
    """upstream.md L15 and section 6: ids may begin with a dash, and always resolve."""
    assert opened(copy_of("v0.2.24", tmp_path / "store")).find(asked) == (found, iteration)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("nothing-like-it", "no order or run has an id that begins with 'nothing-like-it'"),
        ("b", "'b' could be any of b3a7f650-80d6-4318-b5fa-f6316f36de0e, b75befe9"),
        ("", "is not an id"),
        ("../../etc/passwd", "is not an id"),
        ("a\x1b[2J", "is not an id"),
        ("x" * 5000, "is not an id"),
    ],
)
def test_an_id_that_names_nothing_or_too_much_is_refused(tmp_path: Path, asked: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        opened(copy_of("v0.2.24", tmp_path / "store")).find(asked)


def test_an_order_with_several_runs_means_its_newest(tmp_path: Path) -> None:
    store = small_store(tmp_path)
    put(store / "runs" / OTHER / "run.json", run_record(id=OTHER, startedAt="2026-11-23T10:00:00.000Z"))
    rows = opened(store).listed().rows
    assert [(row.id, row.order_id) for row in rows] == [(OTHER, ORDER), (RUN, ORDER)]
    assert opened(store).find(ORDER) == (OTHER, None)
    assert opened(store).find(RUN) == (RUN, None)
    with pytest.raises(UsageError):
        opened(store).find(RUN[:8])
    assert opened(store).short_names(rows) == {RUN: RUN, OTHER: OTHER}


def test_records_that_cannot_be_read_are_listed_with_their_reason(tmp_path: Path) -> None:
    """upstream.md L9: a corrupt run.json vanished from lists; here it is listed, and so is its order."""
    root = copy_of("v0.2.24", tmp_path / "store")
    put(root / "runs/9cf792ff-03b6-4d8e-b521-25e947a41baf/run.json", '{"id": "9cf7')
    put(root / "work-orders/3FiOyCOwQOP5.json", "")
    (root / "runs/bce253c3-e144-41ad-bcb1-1445d2243c3f/run.json").unlink()
    (root / "runs/not an id").mkdir()
    (root / "runs/elsewhere").symlink_to("/etc")
    listed = opened(root).listed()
    reasons = dict(listed.unreadable)
    assert sorted(reasons) == [
        "3FiOyCOwQOP5",
        "9cf792ff-03b6-4d8e-b521-25e947a41baf",
        "bce253c3-e144-41ad-bcb1-1445d2243c3f",
        "elsewhere",
        "not an id",
    ]
    assert reasons["3FiOyCOwQOP5"] == "3FiOyCOwQOP5.json is empty"
    assert reasons["9cf792ff-03b6-4d8e-b521-25e947a41baf"].startswith("run.json is no JSON: Unterminated string")
    assert reasons["bce253c3-e144-41ad-bcb1-1445d2243c3f"] == "run.json is missing"
    assert reasons["elsewhere"] == "it is a link, which is not followed"
    rows = {row.order_id: row for row in listed.rows}
    assert len(rows) == 12
    assert rows["WhRo1phVbYgS"].id == "WhRo1phVbYgS"
    assert rows["WhRo1phVbYgS"].now.startswith("recorded as succeeded; its run 9cf792ff-03b6-4d8e-b521-25e947a41baf")
    assert rows["3FiOyCOwQOP5"].id == "18cc604a-e344-4871-9ee6-2090cc76f1cd"
    broken = evidence_of(root, "9cf792ff")
    assert broken.agents[1].success  # what its other files say still shows
    assert dict(broken.unreadable)["run.json"].startswith("is no JSON")


def test_what_is_recorded_and_not_there_hurts_nothing(tmp_path: Path) -> None:
    """upstream.md section 6: dangling runId, patchPath and leases, absent keys and files."""
    root = small_store(
        tmp_path, {"runId": OTHER, "status": "failed"}, {"snapshotIds": ["a", "../b", 7], "iteration": 2}
    )
    put(root / "leases" / "x.json", {"runId": "nobody", "workspaceId": "nowhere"})
    put(
        root / "snapshots" / "a.json",
        {"runId": RUN, "iteration": 1, "patchPath": "/nowhere/patch.diff", "filesChanged": 2},
    )
    rows = {row.id: row for row in opened(root).listed().rows}
    assert rows[ORDER].state == "failed"
    assert "it names the run " + OTHER in rows[ORDER].now
    assert rows[RUN].state == "building"
    found = evidence_of(root, RUN)
    assert found.run.snapshot_ids == ["a"]
    assert found.snapshots[1].files_changed == 2
    assert not found.layout.diff(1).exists()
    assert any("does not say which order" in warning.message for warning in found.run.warnings)


def test_a_run_of_an_order_that_is_gone_says_so(tmp_path: Path) -> None:
    put(tmp_path / "runs" / RUN / "run.json", run_record())
    (tmp_path / "leases").mkdir()
    row = opened(tmp_path).listed().rows[0]
    assert (row.id, row.order_id, row.state) == (RUN, ORDER, "succeeded")
    assert opened(tmp_path).find(ORDER) == (RUN, None)
    assert "is not in this store" in evidence_of(tmp_path, RUN).run.warnings[0].message


def test_a_stream_inside_of_a_record_is_a_log(tmp_path: Path) -> None:
    """The streams of the original are values in JSON; whoever opens a log reads them, and no file is made."""
    root = small_store(tmp_path / "store")
    stdout = "first\n" + "x" * 70_000 + "\nlast\n"
    record = {"success": True, "stdout": stdout, "stderr": "careful\n", "structuredOutput": {"result": stdout}}
    directory = put(root / "runs" / RUN / "agent-1.json", record).parent
    check = {"name": "unit", "passed": False, "details": "one\nError: two\nthree"}
    put(directory / "verification-1.json", {"passed": False, "l1Result": {"level": "L1", "checks": [check]}})
    found = evidence_of(root, ORDER)
    before = state_of(root)
    with os.fdopen(open_log(directory / found.agents[1].stdout_log), "rb") as log:
        assert log.read().decode() == stdout
    assert read_log_lines(directory / found.agents[1].stderr_log, 1, 9) == [b"careful"]
    log_of_check = found.verifications[1].l1_result.checks[0].stdout_log
    assert log_of_check is not None
    assert read_last_lines(directory / log_of_check, 2) == (2, [b"Error: two", b"three"])
    assert json.loads(read_lines(found.layout.transcript(1))[0])["text"] == "first"
    assert state_of(root) == before
    for name in ("agent-2.json#stdout", "agent-1.json#nothing", "run.json#error", "agent-1.json#stdout/x"):
        with pytest.raises(FileNotFoundError):
            open_log(directory / name)


def test_a_damaged_record_does_not_take_the_others_with_it(tmp_path: Path) -> None:
    root = copy_of("v0.2.24", tmp_path / "store")
    directory = root / "runs/b3a7f650-80d6-4318-b5fa-f6316f36de0e"
    put(directory / "agent-2.json", "{")
    put(directory / "verification-3.json", '"words"')
    found = evidence_of(root, "tLmO")
    assert dict(found.unreadable).keys() == {"agent-2.json", "verification-3.json"}
    assert sorted(found.agents) == [1, 3]
    assert found.run.levels == "...."
    with pytest.raises(StoreError, match="is no JSON"):
        open_log(directory / "agent-2.json#stdout")


def test_no_link_is_followed_out_of_the_store(tmp_path: Path) -> None:
    """DESIGN 9: files that an agent could have planted are opened without following links."""
    root = small_store(tmp_path / "store")
    directory = root / "runs" / RUN
    put(tmp_path / "outside" / "1" / "patch.diff", "secret\n")
    (directory / "iterations").symlink_to(tmp_path / "outside")
    (directory / "agent-1.json").symlink_to(put(tmp_path / "agent.json", {"success": True, "stdout": "secret"}))
    found = evidence_of(root, ORDER)
    assert not found.layout.diff(1).exists()
    assert found.agents == {}
    assert "agent-1.json" in dict(found.unreadable)
    with pytest.raises(StoreError):
        open_log(directory / "agent-1.json#stdout")


def test_a_changed_file_is_seen_and_an_unchanged_one_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = small_store(tmp_path)
    store = opened(root)
    first = store.listed().rows[0]
    read: list[Path] = []
    from agentgate_engine.store.foreign import catalogue, evidence

    real = catalogue.read_fields
    for module in (catalogue, evidence):
        monkeypatch.setattr(module, "read_fields", lambda path, *rest: (read.append(path), real(path, *rest))[1])
    assert store.listed().rows[0] is first
    assert read == []
    put(root / "runs" / RUN / "agent-1.json", {"success": True, "tokensUsed": 77})
    assert store.listed().rows[0].tokens == 77
    put(root / "work-orders" / f"{ORDER}.json", order_record(taskPrompt="Say goodbye."))
    assert store.listed().rows[0].title == "Say goodbye."


def test_a_view_is_made_for_each_kind_of_store(tmp_path: Path) -> None:
    ours = Store.create_or_open(tmp_path / "ours")
    theirs = small_store(tmp_path / "theirs")
    assert isinstance(open_view(tmp_path / "ours"), OwnView)
    assert view_of(ours).read_only is None
    assert open_view(theirs).read_only == "READ-ONLY: a store of the original AgentGate (v0.2.18)"
    with pytest.raises(StoreError, match="there is no store"):
        open_view(tmp_path / "nowhere")
    with pytest.raises(StoreError, match="there is no run or order gone"):
        opened(theirs).follow(RunId("gone")).read()
