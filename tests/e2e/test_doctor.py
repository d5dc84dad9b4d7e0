"""What `agentgate doctor` finds in a store, and what it does about what cannot be read."""

from __future__ import annotations

from agentgate_engine.models.ids import RunId, order_of
from agentgate_engine.store.index import Index
from agentgate_engine.work_order_queue import WorkOrderQueue

from .site import Site


def found(site: Site, *options: str) -> list[str]:
    """The findings that are no `ok`, as `what: detail`."""
    findings = site.agentgate("doctor", "--json", *options).document["findings"]
    return [f"{each['what']}: {each['detail']}" for each in findings if each["state"] != "ok"]


def has(findings: list[str], *words: str) -> bool:
    return any(all(word in finding for word in words) for finding in findings)


def test_orders_without_a_run_and_runs_without_an_order_are_told(small: Site) -> None:
    """upstream.md L10: the doctor reports both kinds of orphans."""
    orphan, childless = small.submit("touch done"), small.submit("touch done")
    assert not has(found(small), "records: ")
    small.store.layout.work_order(order_of(orphan)).unlink()
    directory = small.layout(childless).directory
    directory.rename(small.root / "elsewhere")
    findings = found(small)
    assert has(findings, "run without an order", orphan)
    assert has(findings, "order without a run", order_of(childless))
    assert has(findings, "index: ", childless)
    assert small.agentgate("doctor").code == 1


def test_a_corrupt_run_is_listed_as_such_and_quarantined_on_request(small: Site) -> None:
    """upstream.md L9: corrupt files are listed as such, quarantined on request; the other runs stay."""
    good, broken, torn, order = (small.submit("touch done") for _ in range(4))
    small.layout(broken).summary.write_bytes(b"{")
    small.layout(broken).events.write_bytes(b"no event\n")
    small.layout(torn).summary.write_bytes(b"")
    order_file = small.store.layout.work_order(order_of(order))
    order_file.write_bytes(b"{}")
    status = small.agentgate("status", "--json").document
    assert {each["run"] for each in status["unreadable"]} == {broken, torn}
    assert {run["run_id"] for run in status["runs"]} >= {good}
    findings = found(small)
    assert has(findings, f"{broken} cannot be read")
    assert has(findings, f"{torn} cannot be read")
    assert has(findings, "unreadable order", order_of(order))
    done = small.agentgate("doctor", "--quarantine")
    assert f"{torn} mended" in done.out
    assert f"{broken} moved to" in done.out
    assert f"{order_of(order)} moved to" in done.out
    assert small.run(torn).state == "queued", "its events could be read: nothing of it is lost"
    moved = small.home / "quarantine" / broken
    assert (moved / "events.jsonl").read_bytes() == b"no event\n"
    assert (small.home / "quarantine" / order_file.name).read_bytes() == b"{}"
    assert small.agentgate("status", "--json").document["unreadable"] == []
    small.work()
    small.assert_ended_well(good)
    small.assert_ended_well(torn)
    again = small.agentgate("requeue", order_of(broken))
    assert again.out.strip() == f"{order_of(broken)}.2", "its order and its plan are still there"
    small.work()
    small.assert_ended_well(RunId(f"{order_of(broken)}.2"))
    assert small.agentgate("doctor", "--quarantine").out.startswith("ok    quarantine        every run")


def test_what_the_index_says_otherwise_than_the_files_is_told(small: Site) -> None:
    ended, waiting = small.submit("touch done"), small.submit("touch done")
    small.work()
    assert not has(found(small), "records: ")
    index = Index.open_writable(small.store.layout)
    with index.transaction() as database:
        database.execute("update run set state='building' where id=?", (ended,))
        database.execute("update job set state='queued' where run_id=?", (waiting,))
    index.close()
    findings = found(small)
    assert has(findings, "run and index disagree", ended, "run.json says succeeded, the index building")
    assert has(findings, waiting, "run.json says succeeded, the queue queued")
    small.agentgate("doctor", "--rebuild")
    assert not has(found(small), "records: ")


def test_claims_and_records_of_dead_engines_and_second_engines_are_told(small: Site) -> None:
    """upstream.md L5: what a killed controller left is found."""
    small.submit("touch done")
    index = Index.open_writable(small.store.layout)
    assert WorkOrderQueue(index).claim("e-dead")
    index.close()
    (small.home / "engines" / "e-dead.json").write_bytes(b"{}")
    findings = found(small)
    assert has(findings, "claim of a dead engine", "e-dead")
    assert has(findings, "ended badly", "e-dead")
    small.work()
    assert not has(found(small), "e-dead")
