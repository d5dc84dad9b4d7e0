"""The queue: who works what next. Rows of `index.db`, every change one transaction under `store.lock`.

A claim raises the run's fence and names its owner; every later word of that owner states both and must hit one row.
Whether an owner lives is asked of its lock and not of a clock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agentgate_engine.errors import AgentGateError
from agentgate_engine.models.ids import RunId
from agentgate_engine.models.run import Run
from agentgate_engine.store.index import Index, put_run


class Fenced(AgentGateError):
    """Another engine owns this run by now; whoever gets this must write nothing more about it."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work one run, until a higher fence exists. `resumed` tells that another engine began it."""

    run_id: RunId
    engine: str
    fence: int
    resumed: bool


class WorkOrderQueue:
    """Higher priority first, arrival within; runs that a dead engine left behind before all."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def enqueue(self, run: Run, *, priority: int) -> None:
        """Add a run and its row. Twice is no error: a crash between files and row ends here again."""
        with self._index.transaction() as database:
            put_run(database, run)
            database.execute(
                "insert into job(run_id, priority, state, queued_at, fence) values (?, ?, 'queued', ?, ?) "
                "on conflict(run_id) do nothing",
                (run.id, priority, run.queued_at, run.fence),
            )

    def claim(self, engine: str) -> Claim | None:
        """Take the next run, or None when none waits."""
        with self._index.transaction() as database:
            found = database.execute(
                "update job set state='claimed', owner=?, fence=fence+1 where seq = (select seq from job where "
                "state='queued' order by resumed desc, priority desc, seq limit 1) returning run_id, fence, resumed",
                (engine,),
            ).fetchone()
        return Claim(RunId(found[0]), engine, int(found[1]), bool(found[2])) if found else None

    def give_back(self, claim: Claim) -> None:
        """Put a claimed run back in its place, to be gone on with by any engine. It counts as begun."""
        with self._index.transaction() as database:
            database.execute(
                "update job set state='queued', owner=null, resumed=1 "
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
        with self._index.transaction() as database:
            owners = [str(row[0]) for row in database.execute("select distinct owner from job where state='claimed'")]
            dead = [owner for owner in owners if not engine_lives(owner)]
            freed: list[RunId] = []
            for owner in dead:
                freed += [
                    RunId(row[0])
                    for row in database.execute(
                        "update job set state='queued', owner=null, resumed=1 where state='claimed' and owner=? "
                        "returning run_id",
                        (owner,),
                    )
                ]
        return freed

    def waiting(self) -> int:
        """How many runs wait."""
        return self._index.jobs("queued")

    def unfinished(self, counts: Callable[[str], bool] = lambda owner: True) -> int:
        """How many runs wait, or are claimed by an owner that `counts`."""
        claimed = sum(count for owner, count in self._index.owners().items() if counts(owner))
        return self.waiting() + claimed
