"""`index.db`: the queue and the index over the files (durability.md 4). It can be deleted and made again from them.

WAL with `synchronous=FULL`; every write transaction and checkpoint runs under `store.lock`, which keeps four writers
fair and shuts out the WAL-reset race of older SQLite. Readers open it read-only and see rows as frozen dataclasses.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from agentgate_engine.errors import LockHeld, StoreError
from agentgate_engine.store.layout import StoreLayout
from agentgate_engine.store.locks import FileLock

if TYPE_CHECKING:
    from agentgate_engine.models.run import Run

SCHEMA_VERSION = 1

_SCHEMA = """
create table if not exists job(
  seq integer primary key autoincrement, run_id text unique not null, priority integer not null default 0,
  state text not null check(state in ('queued','claimed','done')), resumed integer not null default 0,
  queued_at text not null, owner text, fence integer not null default 0, cancel integer not null default 0);
create index if not exists job_ready on job(resumed desc, priority desc, seq) where state='queued';
create table if not exists run(
  id text primary key, order_id text not null, state text not null, result text, title text not null,
  repository text not null, agent text not null, iteration integer not null, max_iterations integer not null,
  levels text not null, now text not null, waiting text, error_type text, error text, tool_calls integer not null,
  tokens integer, cost_usd real, queued_at text not null, started_at text, completed_at text, updated_at text not null,
  engine text, fence integer not null, warnings integer not null);
create index if not exists run_state on run(state, queued_at desc);
create index if not exists run_order on run(order_id);
"""


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run as lists show it. Times are UTC ISO; `position` is set for a queued run (1 = next)."""

    id: str
    order_id: str
    state: str
    result: str | None
    title: str
    repository: str
    agent: str
    iteration: int
    max_iterations: int
    levels: str
    now: str
    waiting: str | None
    error_type: str | None
    error: str | None
    tool_calls: int
    tokens: int | None
    cost_usd: float | None
    queued_at: str
    started_at: str | None
    completed_at: str | None
    updated_at: str
    engine: str | None
    fence: int
    warnings: int
    priority: int = 0
    position: int | None = None


_RUN_COLUMNS = [name for name in RunRow.__slots__ if name not in ("priority", "position")]
_SELECT = (
    f"select {', '.join('run.' + name for name in _RUN_COLUMNS)}, coalesce(job.priority, 0) as priority, "
    "waiting.position as position from run left join job on job.run_id = run.id left join "
    "(select run_id, row_number() over (order by resumed desc, priority desc, seq) as position "
    "from job where state='queued') waiting on waiting.run_id = run.id "
)


class Index:
    """A connection. Threads of one engine share it: each transaction has its turn."""

    def __init__(self, connection: sqlite3.Connection, layout: StoreLayout) -> None:
        self._connection = connection
        self._layout = layout
        self._turn = threading.RLock()
        connection.row_factory = sqlite3.Row

    @classmethod
    def open_writable(cls, layout: StoreLayout) -> Index:
        """Open, making the schema where it is missing.

        Raises:
            StoreError: the file is no database, or of a newer schema.
        """
        try:
            with _store_lock(layout):
                connection = sqlite3.connect(layout.index, isolation_level=None, timeout=10, check_same_thread=False)
                connection.execute("pragma journal_mode=wal")
                connection.execute("pragma synchronous=full")
                found = connection.execute("pragma user_version").fetchone()[0]
                if found > SCHEMA_VERSION:
                    raise StoreError(f"{layout.index} is of a newer AgentGate (schema {found}); use that version")
                if found < SCHEMA_VERSION:
                    connection.executescript(_SCHEMA)
                    connection.execute(f"pragma user_version={SCHEMA_VERSION}")
                layout.index.chmod(0o600)
        except sqlite3.DatabaseError as fault:
            raise StoreError(f"{layout.index}: {fault}; run `agentgate doctor --rebuild` to make it again") from fault
        return cls(connection, layout)

    @classmethod
    def open_readonly(cls, layout: StoreLayout) -> Index:
        """Open for reading.

        Raises:
            StoreError: there is none, or it cannot be read.
        """
        try:
            connection = sqlite3.connect(f"{layout.index.as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=5)
            connection.execute("select 1 from run limit 1")
        except sqlite3.Error as fault:
            raise StoreError(f"{layout.index}: {fault}; run `agentgate doctor --rebuild` to make it again") from fault
        return cls(connection, layout)

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def transaction(self) -> Generator[sqlite3.Connection]:
        """A write transaction under `store.lock`; rolled back when the body raises.

        Raises:
            StoreError: the database refused; nothing changed.
        """
        with self._turn, _store_lock(self._layout):
            try:
                self._connection.execute("begin immediate")
                try:
                    yield self._connection
                except BaseException:
                    self._connection.execute("rollback")
                    raise
                self._connection.execute("commit")
            except sqlite3.Error as fault:
                raise StoreError(f"{self._layout.index}: {fault}") from fault

    def put_run(self, run: Run) -> None:
        """Insert or replace the row of a run."""
        with self.transaction() as database:
            put_run(database, run)

    def put_waiting(self, run_id: str, reason: str) -> None:
        """Say in a run's row why it cannot go on, when its own files cannot say it. Its next event replaces that."""
        with self.transaction() as database:
            database.execute("update run set waiting=? where id=?", (reason, run_id))

    def rows(self, *, where: str = "", parameters: tuple[object, ...] = (), limit: int = -1) -> list[RunRow]:
        """Rows, newest submission first."""
        query = _SELECT + (f"where {where} " if where else "") + "order by run.queued_at desc, run.id limit ?"
        return [_row(found) for found in self._read(query, *parameters, limit)]

    def row(self, run_id: str) -> RunRow | None:
        """The row of one run."""
        found = self.rows(where="run.id = ?", parameters=(run_id,))
        return found[0] if found else None

    def run_ids(self, order_prefix: str) -> list[str]:
        """Ids of the runs whose order begins with `order_prefix`."""
        end = order_prefix + "\x7f"
        query = "select id from run where order_id >= ? and order_id < ?"
        return [str(found[0]) for found in self._read(query, order_prefix, end)]

    def runs_with_a_job(self) -> set[str]:
        """Ids of the runs that the queue knows, in whatever state."""
        return {str(found[0]) for found in self._read("select run_id from job")}

    def owners(self) -> dict[str, int]:
        """How many jobs each engine has claimed, by its id."""
        found = self._read("select owner, count(*) from job where state='claimed' group by owner")
        return {str(owner): int(count) for owner, count in found}

    def forget(self, run_id: str) -> None:
        """Remove every row of a run, for a submit that is taken back."""
        with self.transaction() as database:
            database.execute("delete from job where run_id=?", (run_id,))
            database.execute("delete from run where id=?", (run_id,))

    def jobs(self, *states: str) -> int:
        """How many jobs are in one of these states (`queued`, `claimed`, `done`)."""
        marks = ", ".join("?" for _ in states)
        return int(self._read(f"select count(*) from job where state in ({marks})", *states)[0][0])

    def _read(self, query: str, *parameters: object) -> list[sqlite3.Row]:
        with self._turn:
            try:
                return self._connection.execute(query, parameters).fetchall()
            except sqlite3.Error as fault:
                raise StoreError(f"{self._layout.index}: {fault}") from fault


def _store_lock(layout: StoreLayout) -> FileLock:
    try:
        return FileLock.acquire(layout.lock, wait_s=10)
    except LockHeld as fault:
        raise StoreError(f"{layout.lock} stayed taken for 10 s; is another process stuck?") from fault


def put_run(database: sqlite3.Connection, run: Run) -> None:
    """Insert or replace the row of a run inside a transaction."""
    waiting, error = run.waiting_for, run.build_error
    values: dict[str, object] = {
        "id": run.id,
        "order_id": run.work_order_id,
        "state": run.state.value,
        "result": run.result.value if run.result else None,
        "title": run.title,
        "repository": run.repository,
        "agent": run.agent,
        "iteration": run.iteration,
        "max_iterations": run.max_iterations,
        "levels": run.levels,
        "now": run.now,
        "waiting": f"{waiting.kind}: {waiting.reason}" if waiting else None,
        "error_type": error.type.value if error else None,
        "error": run.error,
        "tool_calls": run.tool_calls,
        "tokens": run.tokens_used.total if run.tokens_used else None,
        "cost_usd": run.cost_usd,
        "queued_at": run.queued_at,
        "started_at": run.started_at,
        "completed_at": run.completed_at,
        "updated_at": run.updated_at,
        "engine": run.engine,
        "fence": run.fence,
        "warnings": len(run.warnings),
    }
    names = ", ".join(_RUN_COLUMNS)
    marks = ", ".join(f":{name}" for name in _RUN_COLUMNS)
    database.execute(f"insert or replace into run({names}) values ({marks})", values)


def _row(found: sqlite3.Row) -> RunRow:
    return RunRow(**cast("dict[str, object]", dict(found)))  # pyright: ignore[reportArgumentType]


def delete_index(layout: StoreLayout) -> None:
    """Remove the database and its companions. The caller holds `store.lock` and rebuilds."""
    for suffix in ("", "-wal", "-shm"):
        Path(f"{layout.index}{suffix}").unlink(missing_ok=True)
