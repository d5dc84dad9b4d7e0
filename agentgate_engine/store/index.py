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
from agentgate_engine.store.index_schema import DERIVED, SCHEMA, SCHEMA_VERSION, select_rows
from agentgate_engine.store.layout import StoreLayout
from agentgate_engine.store.locks import FileLock, is_held

if TYPE_CHECKING:
    from agentgate_engine.models.run import Run
    from agentgate_engine.store.recovery import Rebuilt


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run as lists show it. Times are UTC ISO; `position` is set for a run that could start (1 = next).

    `waiting` is what holds it, as `kind: reason`; `waiting_until` is set where that ends by itself.
    """

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
    waiting_until: str | None = None
    retried: int = 0


_RUN_COLUMNS = [name for name in RunRow.__slots__ if name not in ("priority", "position")]
_SELECT = select_rows([name for name in RunRow.__slots__ if name not in DERIVED])


class Index:
    """A connection. Threads of one engine share it: each transaction has its turn.

    `made_anew` tells what was found when the database was made from the files on opening.
    """

    def __init__(self, connection: sqlite3.Connection, layout: StoreLayout) -> None:
        self._connection = connection
        self.layout = layout
        self.made_anew: Rebuilt | None = None
        self._turn = threading.RLock()
        connection.row_factory = sqlite3.Row

    @classmethod
    def open_writable(cls, layout: StoreLayout) -> Index:
        """Open. Where there is no database, or one of an older version, it is made from the files.

        Raises:
            StoreError: the file is no database, or of a newer schema, or of an older one with an engine at work on it.
        """
        try:
            with _store_lock(layout):
                return cls._open_or_make(layout)
        except sqlite3.DatabaseError as fault:
            raise StoreError(f"{layout.index}: {fault}; run `agentgate doctor --rebuild` to make it again") from fault

    @classmethod
    def _open_or_make(cls, layout: StoreLayout) -> Index:
        index = cls(_connect(layout), layout)
        found = index._version()
        if found > SCHEMA_VERSION:
            index.close()
            raise StoreError(f"{layout.index} is of a newer AgentGate (schema {found}); use that version")
        if 0 < found < SCHEMA_VERSION:
            index.close()
            alive = [lock.stem for lock in layout.engines.glob("*.lock") if is_held(lock)]
            if alive:
                raise StoreError(f"{layout.index} is of an older AgentGate, whose engine {alive[0]} is alive; stop it")
            delete_index(layout)
            index, found = cls(_connect(layout), layout), 0
        if found == 0:
            index._make()
        layout.index.chmod(0o600)
        return index

    def _version(self) -> int:
        return int(self._connection.execute("pragma user_version").fetchone()[0])

    def _make(self) -> None:
        """Make the tables and fill them from the files, all of it or nothing."""
        from agentgate_engine.store.recovery import fill_index

        self._connection.execute("begin immediate")
        for statement in SCHEMA.split(";\n"):
            if statement.strip():
                self._connection.execute(statement)
        self.made_anew = fill_index(self._connection, self.layout)
        self._connection.execute(f"pragma user_version={SCHEMA_VERSION}")
        self._connection.execute("commit")

    @classmethod
    def open_readonly(cls, layout: StoreLayout) -> Index:
        """Open for reading.

        Raises:
            StoreError: there is none, or it cannot be read, or it is of another version.
        """
        again = "run `agentgate doctor --rebuild` to make it again"
        try:
            connection = sqlite3.connect(f"{layout.index.as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=5)
            found = int(connection.execute("pragma user_version").fetchone()[0])
            if found == SCHEMA_VERSION:
                connection.execute("select 1 from run limit 1")
        except sqlite3.Error as fault:
            raise StoreError(f"{layout.index}: {fault}; {again}") from fault
        if found != SCHEMA_VERSION:
            connection.close()
            if found > SCHEMA_VERSION:
                raise StoreError(f"{layout.index} is of a newer AgentGate (schema {found}); use that version")
            raise StoreError(f"{layout.index} is of an older AgentGate; {again}, or start an engine, which does it")
        return cls(connection, layout)

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def transaction(self) -> Generator[sqlite3.Connection]:
        """A write transaction under `store.lock`; rolled back when the body raises.

        Raises:
            StoreError: the database refused; nothing changed.
        """
        with self._turn, _store_lock(self.layout):
            try:
                self._connection.execute("begin immediate")
                try:
                    yield self._connection
                except BaseException:
                    self._connection.execute("rollback")
                    raise
                self._connection.execute("commit")
            except sqlite3.Error as fault:
                raise StoreError(f"{self.layout.index}: {fault}") from fault

    def put_run(self, run: Run) -> None:
        """Insert or replace the row of a run."""
        with self.transaction() as database:
            put_run(database, run)

    def put_waiting(self, run_id: str, reason: str) -> None:
        """Say in a run's row why it cannot go on, when its own files cannot say it. Its next event replaces that."""
        with self.transaction() as database:
            database.execute("update run set waiting=?, waiting_until=null where id=?", (reason, run_id))

    def rows(
        self, *, where: str = "", parameters: tuple[object, ...] = (), limit: int = -1, offset: int = 0
    ) -> list[RunRow]:
        """Rows, newest submission first."""
        query = _SELECT + (f"where {where} " if where else "") + "order by run.queued_at desc, run.id limit ? offset ?"
        return [_row(found) for found in self.read(query, *parameters, limit, offset)]

    def row(self, run_id: str) -> RunRow | None:
        """The row of one run."""
        found = self.rows(where="run.id = ?", parameters=(run_id,))
        return found[0] if found else None

    def run_ids(self, order_prefix: str) -> list[str]:
        """Ids of the runs whose order begins with `order_prefix`."""
        end = order_prefix + "\x7f"
        query = "select id from run where order_id >= ? and order_id < ?"
        return [str(found[0]) for found in self.read(query, order_prefix, end)]

    def runs_with_a_job(self) -> set[str]:
        """Ids of the runs that the queue knows, in whatever state."""
        return {str(found[0]) for found in self.read("select run_id from job")}

    def owners(self) -> dict[str, int]:
        """How many jobs each engine has claimed, by its id."""
        found = self.read("select owner, count(*) from job where state='claimed' group by owner")
        return {str(owner): int(count) for owner, count in found}

    def awaited_orders(self) -> set[str]:
        """Orders that a waiting run depends on: retention must leave them."""
        query = "select order_id from dependency join job using(run_id) where job.state='queued'"
        return {str(found[0]) for found in self.read(query)}

    def forget(self, run_id: str) -> None:
        """Remove every row of a run, for a submit that is taken back or a run that is moved away."""
        with self.transaction() as database:
            forget_run(database, run_id)

    def jobs(self, *states: str) -> int:
        """How many jobs are in one of these states (`queued`, `claimed`, `done`)."""
        marks = ", ".join("?" for _ in states)
        return int(self.read(f"select count(*) from job where state in ({marks})", *states)[0][0])

    def read(self, query: str, *parameters: object) -> list[sqlite3.Row]:
        """The rows of one question.

        Raises:
            StoreError: the database refused.
        """
        with self._turn:
            try:
                return self._connection.execute(query, parameters).fetchall()
            except sqlite3.Error as fault:
                raise StoreError(f"{self.layout.index}: {fault}") from fault


def _connect(layout: StoreLayout) -> sqlite3.Connection:
    connection = sqlite3.connect(layout.index, isolation_level=None, timeout=10, check_same_thread=False)
    try:
        connection.execute("pragma journal_mode=wal")
        connection.execute("pragma synchronous=full")
    except BaseException:
        connection.close()
        raise
    return connection


def _store_lock(layout: StoreLayout) -> FileLock:
    try:
        return FileLock.acquire(layout.lock, wait_s=10)
    except LockHeld as fault:
        raise StoreError(f"{layout.lock} stayed taken for 10 s; is another process stuck?") from fault


def forget_run(database: sqlite3.Connection, run_id: str) -> None:
    """Remove every row of a run inside a transaction."""
    for table, key in (("job", "run_id"), ("run", "id"), ("dependency", "run_id")):
        database.execute(f"delete from {table} where {key}=?", (run_id,))


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
        "waiting_until": waiting.until if waiting else None,
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
        "retried": run.retried_count,
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
