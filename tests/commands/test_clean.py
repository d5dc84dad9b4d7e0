"""`clean` and `purge`: what they say they free is what goes, and nothing else."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from agentgate_engine.clock import Clock
from agentgate_engine.commands import annotate
from agentgate_engine.commands.clean import clean, only_one
from agentgate_engine.commands.clean_report import CleanReport
from agentgate_engine.commands.purge import find_order, plan_purge, purge
from agentgate_engine.commands.removal import remove_run
from agentgate_engine.errors import AgentGateError, UsageError
from agentgate_engine.event_bus import Emission
from agentgate_engine.models.build_error import BuildError, BuildErrorType
from agentgate_engine.models.events import Payload, RunFailed, RunStarted
from agentgate_engine.models.ids import RunId, order_of
from agentgate_engine.models.lease import Lease
from agentgate_engine.models.run_state import RunResult, Step
from agentgate_engine.result_persister import ResultPersister
from agentgate_engine.store.atomic import replace_file
from agentgate_engine.store.footprint import footprint
from agentgate_engine.store.index import Index
from agentgate_engine.store.locks import FileLock
from agentgate_engine.store.recovery import rebuild_index
from agentgate_engine.store.retention import DAY_S, RetentionPolicy
from agentgate_engine.store.store import Store
from agentgate_engine.store.trash import discard, in_trash

from ..store.support import queued, run_id

FAILED = RunFailed(
    result=RunResult.FAILED_ERROR,
    step=Step.SYSTEM_ERROR,
    error=BuildError(type=BuildErrorType.SYSTEM_ERROR, message="no", phase="queued", failed_at="2026-01-01T00:00:00Z"),
)
OLD, YOUNG, WAITING, BEGUN, PINNED, UNDELIVERED = (run_id(n) for n in range(6))
FRESH = RetentionPolicy(older_than_s=30 * DAY_S, compress_after_s=1000 * DAY_S)


@dataclass(frozen=True, slots=True)
class DaysAgo(Clock):
    """A clock that is behind."""

    days: float = 0

    def now(self) -> float:
        return Clock.now(Clock()) - self.days * DAY_S


@dataclass
class Shop:
    """A store with runs of several ages."""

    store: Store
    index: Index

    def run(self, run: RunId, days: float, *payloads: Payload, log: int = 0) -> RunId:
        persister = ResultPersister.open(self.store, self.index, DaysAgo(days), run, 0)
        for payload in (queued(str(run)), *payloads):
            persister.write(Emission(payload))
        persister.close()
        if not self.store.layout.work_order(order_of(run)).exists():
            replace_file(self.store.layout.work_order(order_of(run)), b"{}" + b" " * 100)
        if log:
            folder = persister.layout.process(1, "agent", 1, 1)
            folder.mkdir(parents=True)
            (folder / "stdout.log").write_bytes(b"a line that repeats\n" * (log // 20))
        return run

    def workspace(self, run: RunId, *, aside: bool = False) -> Path:
        root = self.store.layout.workspaces / run
        (root / "repo.git" / "refs" / "agentgate" / "interrupted").mkdir(parents=True)
        (root / "repo.git" / "HEAD").write_text("ref: refs/heads/x\n")
        if aside:
            (root / "repo.git" / "refs" / "agentgate" / "interrupted" / "1-agent-1-1").write_text("0" * 40)
        return root

    def clean(self, *, dry_run: bool = False, **policy: object) -> CleanReport:
        rules = dataclasses.replace(FRESH, **policy)  # type: ignore[arg-type]
        return clean(self.store, rules, Clock(), dry_run=dry_run)

    def there(self) -> set[str]:
        """Everything in the store but locks, the index and what a clean keeps its lock in."""
        ours = ("index.db", "store.lock", "trash", "leases")
        paths = (path.relative_to(self.store.layout.root) for path in self.store.layout.root.rglob("*"))
        return {str(path) for path in paths if not path.parts[0].startswith(ours)}

    def rows(self) -> set[str]:
        return {row.id for row in self.index.rows()}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    store = Store.create_or_open(tmp_path / "store")
    index = Index.open_writable(store.layout)
    shop = Shop(store, index)
    shop.run(OLD, 40, FAILED)
    shop.run(YOUNG, 3, FAILED)
    shop.run(WAITING, 50)
    shop.run(BEGUN, 50, RunStarted(engine="e-1"))
    shop.run(PINNED, 50, FAILED)
    shop.run(UNDELIVERED, 50, FAILED)
    shop.workspace(OLD)
    shop.workspace(UNDELIVERED, aside=True)
    annotate.pin(store, PINNED, Clock(), reason="the case")
    yield shop
    index.close()


def test_only_runs_that_are_over_old_unpinned_and_delivered_go(shop: Shop) -> None:
    """upstream.md 2.10: running and pinned runs are never removed; the order file goes with its last run."""
    report = shop.clean()
    assert [(item.kind, item.name) for item in report.items] == [("workspaces", OLD), ("runs", OLD)]
    assert [one.name for one in report.undelivered] == [UNDELIVERED]
    assert report.left == report.faults == ()
    layout = shop.store.layout
    assert not layout.run(OLD).directory.exists() and not (layout.workspaces / OLD).exists()
    assert not layout.work_order(order_of(OLD)).exists()
    rest = {YOUNG, WAITING, BEGUN, PINNED, UNDELIVERED}
    assert set(shop.store.run_ids()) == shop.rows() == rest
    assert all(layout.work_order(order_of(run)).exists() for run in rest)
    assert in_trash(layout) == []
    rebuild_index(shop.store)
    assert shop.rows() == rest


@pytest.mark.parametrize(
    "policy",
    [
        {},
        {"keep": 0},
        {"older_than_s": 0, "include_undelivered": True},
        {"max_bytes": 1},
        {"what": frozenset({"workspaces"}), "older_than_s": 0, "include_undelivered": True},
        {"what": frozenset({"logs"}), "compress_after_s": 0},
        {"what": frozenset({"quarantine"}), "older_than_s": 0},
        {"older_than_s": 0, "compress_after_s": 0, "include_undelivered": True, "keep": 0},
    ],
    ids=lambda policy: ",".join(policy) or "default",
)
def test_a_real_run_frees_exactly_what_the_dry_run_said(shop: Shop, policy: dict[str, object]) -> None:
    """upstream.md 2.10: a clean command with dry-run prints exactly what it will free."""
    logs = shop.run(run_id(7), 9, FAILED, log=200_000)
    shop.run(RunId(f"{order_of(OLD)}.2"), 35, FAILED)
    (shop.store.layout.workspaces / logs / "tree").mkdir(parents=True)
    (shop.store.layout.workspaces / logs / "tree" / "a").write_text("left behind")
    (shop.store.layout.workspaces / run_id(99) / "scratch").mkdir(parents=True)
    (shop.store.layout.workspaces / run_id(99) / "scratch" / "b").write_text("no run has this")
    (shop.store.layout.quarantine / f"{run_id(88)}.1").mkdir()
    (shop.store.layout.quarantine / f"{run_id(88)}.1" / "run.json").write_text("broken")
    replace_file(shop.store.layout.work_order(order_of(run_id(88))), b"{}")
    shared = shop.workspace(run_id(98)) / "repo.git" / "object"
    shared.write_bytes(b"o" * 5000)
    os.link(shared, shop.store.layout.workspaces / OLD / "repo.git" / "object")
    before, size = shop.there(), footprint(shop.store.layout.root).freed
    expected = shop.clean(dry_run=True, **policy)
    assert shop.there() == before and footprint(shop.store.layout.root).freed == size
    done = shop.clean(**policy)
    assert dataclasses.replace(done, dry_run=True) == expected
    assert done.items and done.total == sum(item.size for item in done.items) > 0
    index = shop.store.layout.root / "index.db"
    shop.index.close()
    shop.index = Index.open_writable(shop.store.layout)
    after = footprint(*(path for path in shop.store.layout.root.iterdir() if not path.name.startswith(index.name)))
    database = footprint(*shop.store.layout.root.glob("index.db*")).freed
    assert size - done.total - after.freed == pytest.approx(database, abs=1 << 20)
    assert shop.clean(**policy).total == 0
    for run in (WAITING, BEGUN, PINNED):
        assert run in shop.rows() and shop.store.layout.run(run).summary.exists()


def test_undelivered_work_is_told_apart_and_goes_only_when_asked(shop: Shop) -> None:
    """upstream.md 2.10: kept repositories of failed runs are reported as work that was never delivered."""
    assert UNDELIVERED in shop.clean(keep=0, max_bytes=0).undelivered[0].name
    assert (shop.store.layout.workspaces / UNDELIVERED / "repo.git").is_dir()
    report = shop.clean(include_undelivered=True)
    assert report.freed["undelivered"] > 0
    assert not (shop.store.layout.workspaces / UNDELIVERED).exists() and UNDELIVERED not in shop.rows()


def test_an_order_stays_while_a_run_of_it_does(shop: Shop) -> None:
    """upstream.md 2.10: a run's order file goes with its last run."""
    again = shop.run(RunId(f"{order_of(OLD)}.2"), 2, FAILED)
    shop.clean()
    assert shop.store.run_ids().count(again) == 1 and OLD not in shop.store.run_ids()
    assert shop.store.layout.work_order(order_of(OLD)).exists()
    shop.clean(older_than_s=0)
    assert not shop.store.layout.work_order(order_of(OLD)).exists()


def test_an_order_that_others_wait_for_stays(shop: Shop) -> None:
    with shop.index.transaction() as database:
        database.execute("insert into job(run_id, state, queued_at) values (?, 'queued', '2026')", (WAITING,))
        database.execute("insert into dependency values (?, ?)", (WAITING, order_of(OLD)))
    assert shop.clean().items == ()
    with pytest.raises(UsageError, match="another order waits for"):
        plan_purge(shop.store, find_order(shop.store, order_of(OLD)))


def test_a_run_that_somebody_works_on_is_left_and_told(shop: Shop) -> None:
    """upstream.md L7: cleanup skips anything with an owner."""
    with FileLock.acquire(shop.store.layout.run(OLD).lock):
        expected, done = shop.clean(dry_run=True), shop.clean()
    assert [(one.name, one.why) for one in done.left] == [(OLD, "is being worked on")]
    assert expected.left == done.left and OLD in shop.rows()
    busy = shop.store.layout.workspaces / OLD / "busy"
    busy.touch()
    with FileLock.acquire(busy, shared=True):
        assert [one.why for one in shop.clean().left] == ["a git of it is still at work"]
    assert shop.clean().total > 0 and OLD not in shop.rows()


def test_a_run_that_cannot_be_read_is_left_and_told(shop: Shop) -> None:
    """upstream.md L9: what is corrupt is told, and not lost on the way."""
    shop.store.layout.run(OLD).summary.write_text("{")
    stranger = shop.store.layout.runs / run_id(50)
    stranger.mkdir()
    left = {one.name: one.why for one in shop.clean().left}
    assert left[OLD].startswith("cannot be read: ") and "is not in the index" in left[run_id(50)]
    assert stranger.is_dir() and shop.store.layout.run(OLD).directory.is_dir()


@pytest.mark.parametrize("moved", ["workspace", "workspace run", "workspace run order"])
def test_a_killed_clean_is_finished_by_the_next(shop: Shop, moved: str) -> None:
    """upstream.md L10: no order without run, no row without files is left."""
    layout = shop.store.layout
    places = {
        "workspace": layout.workspaces / OLD,
        "run": layout.run(OLD).directory,
        "order": layout.work_order(order_of(OLD)),
    }
    for kind in moved.split():
        discard(layout, places[kind], kind)  # type: ignore[arg-type]
    expected = shop.clean(dry_run=True)
    assert expected.freed["leftovers"] > 0
    assert dataclasses.replace(shop.clean(), dry_run=True) == expected
    assert in_trash(layout) == [] and OLD not in shop.rows()
    assert not any(place.exists() for place in places.values())


def test_deleting_follows_no_link(shop: Shop, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("x")
    (shop.store.layout.workspaces / OLD / "repo.git" / "link").symlink_to(outside)
    (shop.store.layout.run(OLD).directory / "link").symlink_to(outside / "precious")
    (shop.store.layout.workspaces / run_id(77)).symlink_to(outside)
    report = shop.clean()
    assert OLD not in shop.rows() and not (shop.store.layout.workspaces / run_id(77)).is_symlink()
    assert (outside / "precious").read_text() == "x" and report.faults == ()


def test_a_file_that_others_link_to_is_not_counted(shop: Shop, tmp_path: Path) -> None:
    big = tmp_path / "pack"
    big.write_bytes(b"p" * 100_000)
    os.link(big, shop.store.layout.workspaces / OLD / "repo.git" / "pack")
    assert shop.clean(dry_run=True).freed["workspaces"] < 1000
    big.unlink()
    assert shop.clean(dry_run=True).freed["workspaces"] > 100_000


def test_old_mirrors_go_unless_a_run_uses_them_or_delivered_into_them(shop: Shop) -> None:
    mirrors = shop.store.layout.mirrors
    for name in ("used", "empty", "delivered"):
        (mirrors / f"{name}.git" / "refs" / "heads").mkdir(parents=True)
        (mirrors / f"{name}.git" / "agentgate-mirror").write_text("url")
    (mirrors / "delivered.git" / "refs" / "heads" / "agentgate").write_text("0" * 40)
    (mirrors / "somebodys.git").mkdir()
    with shop.index.transaction() as database:
        database.execute("update run set repository=? where id=?", (str(mirrors / "used.git"), YOUNG))
    report = shop.clean(what=frozenset({"mirrors"}), older_than_s=0)
    assert [(item.kind, item.name) for item in report.items] == [("mirrors", "empty.git")]
    assert [one.name for one in report.undelivered] == ["delivered.git"]
    assert sorted(path.name for path in mirrors.glob("*.git")) == ["delivered.git", "somebodys.git", "used.git"]
    assert shop.clean(what=frozenset({"mirrors"})).items == ()


def test_two_cleans_do_not_meet(shop: Shop) -> None:
    with only_one(shop.store), pytest.raises(AgentGateError, match="another clean or purge is at work"):
        shop.clean()
    assert OLD in shop.rows()


def test_what_cannot_be_deleted_is_told_and_tried_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentgate_engine.commands.removal.delete_tree", lambda path: [f"{path}: Input/output error"])
    report = shop.clean()
    assert any("Input/output error" in fault for fault in report.faults) and OLD not in shop.rows()
    monkeypatch.undo()
    assert shop.clean().freed["leftovers"] > 0 and in_trash(shop.store.layout) == []


def test_purge_removes_an_order_with_its_runs_snapshots_and_leases(shop: Shop) -> None:
    """upstream.md 2.10: purge removes the order's runs, snapshots, leases."""
    order, layout = order_of(UNDELIVERED), shop.store.layout
    second = shop.run(RunId(f"{order}.2"), 1, FAILED)
    (layout.quarantine / f"{order}.3").mkdir()
    layout.leases.mkdir(exist_ok=True)
    lease = Lease(path="/somewhere", run_id=second, acquired_at="2026-01-01T00:00:00Z")
    replace_file(layout.leases / "0123456789abcdef.json", lease.to_json())
    assert find_order(shop.store, order) == order
    plan = plan_purge(shop.store, order)
    assert plan.runs == (UNDELIVERED, second) and plan.undelivered == (UNDELIVERED,)
    done = purge(shop.store, plan)
    assert done.faults == () and done.freed == plan.size > 0
    assert not [path for path in shop.there() if order in path]
    assert list(layout.leases.glob("*.json")) == [] and {UNDELIVERED, second}.isdisjoint(shop.rows())
    assert OLD in shop.rows()


@pytest.mark.parametrize(
    ("run", "fault"),
    [(WAITING, "has not ended: it is queued; `agentgate cancel"), (PINNED, "is pinned; `agentgate unpin")],
)
def test_purge_refuses_what_must_stay(shop: Shop, run: RunId, fault: str) -> None:
    with pytest.raises(UsageError, match=fault):
        plan_purge(shop.store, order_of(run))


def test_purge_takes_an_order_and_not_a_run(shop: Shop) -> None:
    with pytest.raises(UsageError, match="purge takes a whole order"):
        find_order(shop.store, OLD)
    with pytest.raises(UsageError, match="no order's id begins with"):
        find_order(shop.store, "zzzz")
    with pytest.raises(UsageError, match="could be any of"):
        find_order(shop.store, "a")


def test_a_pin_that_comes_before_the_removal_counts(shop: Shop) -> None:
    annotate.pin(shop.store, OLD, Clock())
    assert remove_run(shop.store, shop.index, OLD).why_not == "is pinned"
    assert annotate.unpin(shop.store, OLD, Clock()).changed
    assert remove_run(shop.store, shop.index, OLD).why_not is None
    assert remove_run(shop.store, shop.index, OLD).why_not == "is gone already"
