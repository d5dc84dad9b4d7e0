"""The queue: who works what next. Rows of `index.db`, every change one transaction under `store.lock`.

A claim raises the run's fence and names its owner; every later word of that owner states both and must hit one row.
Whether an owner lives is asked of its lock and not of a clock.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agentgate_engine.clock import Clock, from_stamp
from agentgate_engine.errors import AgentGateError, UsageError
from agentgate_engine.models.ids import RunId
from agentgate_engine.models.queue import DEFAULT_CAPACITY, StartWait
from agentgate_engine.models.run import Run
from agentgate_engine.process.proc_table import boot_id
from agentgate_engine.store.index import Index, put_run
from agentgate_engine.store.index_schema import ORDER


class Fenced(AgentGateError):
    """Another engine owns this run by now; whoever gets this must write nothing more about it."""


class QueueFull(UsageError):
    """As many orders wait as may: the one more was not taken."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work one run, until a higher fence exists. `resumed` tells that another engine began it."""

    run_id: RunId
    engine: str
    fence: int
    resumed: bool


@dataclass(frozen=True, slots=True)
class Overdue:
    """A run that waited longer than it may, both in seconds."""

    run_id: RunId
    waited_s: float
    limit_s: float


@dataclass(frozen=True, slots=True)
class Heads:
    """The next runs that could start; `begun` tells that an engine had begun the first. `pause` is why none starts."""

    runs: list[str]
    begun: bool
    pause: str | None


class WorkOrderQueue:
    """Higher priority first, arrival within; runs that a dead engine had begun before all."""

    def __init__(self, index: Index, clock: Clock | None = None) -> None:
        self._index = index
        self._clock = clock or Clock()

    def enqueue(
        self, run: Run, *, priority: int = 0, after: Sequence[str] = (), max_wait_s: float | None = None
    ) -> None:
        """Add a run and its row. Twice is no error: a crash between files and row ends here again.

        `after` are orders that must have passed before it starts, `max_wait_s` is how long it may wait for that.

        Raises:
            QueueFull: as many orders wait as may; nothing was added.
        """
        with self._index.transaction() as database:
            if database.execute("select 1 from job where run_id=?", (run.id,)).fetchone() is not None:
                put_run(database, run)
                return
            _refuse_if_full(database.execute(_FILLED).fetchone())
            put_run(database, run)
            database.execute(
                "insert into job(run_id, priority, state, queued_at, fence, max_wait_s, boot, boot_s) "
                "values (?, ?, 'queued', ?, ?, ?, ?, ?)",
                (run.id, priority, run.queued_at, run.fence, max_wait_s, boot_id(), self._clock.monotonic()),
            )
            database.executemany(
                "insert into dependency(run_id, order_id) values (?, ?)", [(run.id, each) for each in sorted({*after})]
            )

    def refuse_if_full(self) -> None:
        """For who wants to know before anything is written; only `enqueue` can tell for sure.

        Raises:
            QueueFull: as many orders wait as may.
        """
        _refuse_if_full(self._index.read(_FILLED)[0])

    def claim(self, engine: str, *, new: bool = True) -> Claim | None:
        """Take the next run, or None when none can start. Without `new`, only one that an engine had begun."""
        kind = "" if new else " where resumed"
        with self._index.transaction() as database:
            found = database.execute(
                "update job set state='claimed', owner=?, fence=fence+1, waiting=null, waiting_until=null "
                f"where run_id = (select run_id from startable{kind} order by {ORDER} limit 1) "
                "returning run_id, fence, resumed",
                (engine,),
            ).fetchone()
        return Claim(RunId(found[0]), engine, int(found[1]), bool(found[2])) if found else None

    def heads(self, count: int) -> Heads:
        """The next `count` runs, without claiming any."""
        paused = self._index.read("select value from setting where name='paused'")
        found = self._index.read(f"select run_id, resumed from startable order by {ORDER} limit ?", count)
        return Heads(
            [str(row[0]) for row in found],
            bool(found) and bool(found[0][1]),
            str(paused[0][0]) if paused else None,
        )

    def take(self, run_id: RunId, engine: str) -> Claim | None:
        """Claim one run that waits, to end it without starting it; None when it does not wait any more."""
        with self._index.transaction() as database:
            found = database.execute(
                "update job set state='claimed', owner=?, fence=fence+1, waiting=null, waiting_until=null "
                "where run_id=? and state='queued' and not resumed returning fence",
                (engine, run_id),
            ).fetchone()
        return Claim(run_id, engine, int(found[0]), False) if found else None

    def give_back(self, claim: Claim) -> None:
        """Put a claimed run back in its place, to be gone on with by any engine."""
        with self._index.transaction() as database:
            database.execute(
                f"update job set state='queued', owner=null, resumed={_BEGUN} "
                "where run_id=? and owner=? and fence=? and state='claimed'",
                (claim.run_id, claim.engine, claim.fence),
            )

    def complete(self, claim: Claim) -> None:
        """Mark the claimed run as ended.

        Raises:
            Fenced: somebody else owns it by now.
        """
        with self._index.transaction() as database:
            changed = database.execute(
                "update job set state='done' where run_id=? and owner=? and fence=? and state='claimed'",
                (claim.run_id, claim.engine, claim.fence),
            ).rowcount
        if changed != 1:
            raise Fenced(f"{claim.run_id} is not ours any more (fence {claim.fence})")

    def requeue_of_the_dead(self, engine_lives: Callable[[str], bool]) -> list[RunId]:
        """Give back what dead engines had claimed. `engine_lives` probes an engine's lock."""
        if all(engine_lives(owner) for owner in self._index.owners()):
            return []
        with self._index.transaction() as database:
            owners = [str(row[0]) for row in database.execute("select distinct owner from job where state='claimed'")]
            dead = [owner for owner in owners if not engine_lives(owner)]
            freed: list[RunId] = []
            for owner in dead:
                freed += [
                    RunId(row[0])
                    for row in database.execute(
                        f"update job set state='queued', owner=null, resumed={_BEGUN} "
                        "where state='claimed' and owner=? returning run_id",
                        (owner,),
                    )
                ]
        return freed

    def overdue(self) -> list[Overdue]:
        """The runs that waited longer than they may. Told by the clock of this boot, which nobody can set; for a run
        that was queued before the machine was started again, by the time of day."""
        found = self._index.read(
            "select run_id, max_wait_s, queued_at, boot, boot_s from job "
            "where state='queued' and not resumed and max_wait_s is not null"
        )
        if not found:
            return []
        boot, late = boot_id(), list[Overdue]()
        for run, limit, queued_at, queued_boot, queued_s in found:
            if queued_boot == boot and queued_s is not None:
                waited = self._clock.monotonic() - float(queued_s)
            else:
                waited = self._clock.now() - from_stamp(str(queued_at))
            if waited > float(limit):
                late.append(Overdue(RunId(run), waited, float(limit)))
        return late

    def wanted_ended(self) -> list[RunId]:
        """Waiting runs that an operator wants ended."""
        return [
            RunId(row[0])
            for row in self._index.read("select run_id from job where state='queued' and not resumed and cancel")
        ]

    def tell_waiting(self, runs: Sequence[str], wait: StartWait | None) -> None:
        """Say in these rows why an engine does not start them, and nothing of the kind in any other."""
        with self._index.transaction() as database:
            database.execute("update job set waiting=null, waiting_until=null where waiting is not null")
            if wait is not None:
                database.executemany(
                    "update job set waiting=?, waiting_until=? where run_id=? and state='queued'",
                    [(wait.words, wait.until, run) for run in runs],
                )

    def waiting(self) -> int:
        """How many runs wait."""
        return self._index.jobs("queued")

    def unfinished(self, counts: Callable[[str], bool] = lambda owner: True) -> int:
        """How many runs wait, or are claimed by an owner that `counts`."""
        claimed = sum(count for owner, count in self._index.owners().items() if counts(owner))
        return self.waiting() + claimed


_FILLED = (
    "select count(*), (select value from setting where name='capacity') from job where state='queued' and not resumed"
)


def _refuse_if_full(found: sqlite3.Row) -> None:
    waiting, capacity = int(found[0]), int(found[1] or DEFAULT_CAPACITY)
    if waiting >= capacity:
        raise QueueFull(
            f"QUEUE_FULL: {waiting} orders wait and the queue holds {capacity}; nothing was queued. Wait for one to"
            " start, or raise the limit with `agentgate queue set --capacity N`"
        )


_BEGUN = "coalesce((select run.started_at is not null from run where run.id = job.run_id), 0)"
"""Whether a run had begun: what its events say, and what a rebuilt index would say too."""
