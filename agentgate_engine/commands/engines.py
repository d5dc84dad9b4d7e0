"""The engines of a store: which live, having one, draining and stopping one."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from signal import SIGKILL, SIGTERM
from typing import Literal

from agentgate_engine.clock import Clock, to_stamp
from agentgate_engine.commands.asked_by import whoami
from agentgate_engine.errors import AgentGateError, UsageError
from agentgate_engine.models.control import DrainWish, StopWish
from agentgate_engine.models.ids import new_engine_id
from agentgate_engine.process.process_identity import ProcessIdentity
from agentgate_engine.store.atomic import replace_file
from agentgate_engine.store.control_log import record_wish
from agentgate_engine.store.engine_rows import EngineRow, engine_row, engine_rows, living_ids
from agentgate_engine.store.locks import FileLock, is_held
from agentgate_engine.store.store import Store

START_WAIT_S = 20.0
STOP_WAIT_S = 15.0


def living_engines(store: Store) -> list[str]:
    """Ids of the engines that hold their lock."""
    return living_ids(store.layout)


def start_engine(
    store: Store, environment: Mapping[str, str], *, slots: int | None = None, until_idle: bool = False
) -> str:
    """Have an engine: one that lives and takes work, else a new process of its own, which outlives the caller.

    One at a time does this on a store, so that twenty who find no engine do not start twenty. Returns its id once it is
    alive. `slots` None leaves it to the defaults of `agentgate serve`.

    Raises:
        AgentGateError: it did not come up; the message holds the end of its log.
    """
    with FileLock.acquire(store.layout.root / "start.lock", wait_s=START_WAIT_S * 2):
        for engine in engine_rows(store.layout):
            if not engine.draining:
                return engine.id
        return _start(store, environment, slots, until_idle)


def _start(store: Store, environment: Mapping[str, str], slots: int | None, until_idle: bool) -> str:
    engine = new_engine_id()
    log = store.layout.engines / f"{engine}.log"
    command = [sys.executable, "-m", "agentgate_engine", "--home", str(store.layout.root), "serve"]
    command += ["--engine-id", engine, *(["--until-idle"] if until_idle else [])]
    command += ["--slots", str(slots)] if slots is not None else []
    replace_file(log, b"")
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=dict(environment),
            cwd="/",
            start_new_session=True,
        )
    give_up = time.monotonic() + START_WAIT_S
    while time.monotonic() < give_up:
        if is_held(store.layout.engine_lock(engine)):
            return engine
        if process.poll() is not None:
            if process.returncode == 0 and until_idle:
                return engine
            break
        time.sleep(0.02)
    tail = log.read_text(errors="replace")[-2000:].strip()
    raise AgentGateError(f"the engine did not start; its log {log} ends with: {tail or '(nothing)'}")


def drain_engine(store: Store, asked: str | None, clock: Clock) -> EngineRow:
    """Have an engine finish what it works, take nothing new, and end. None means the only one.

    Raises:
        UsageError: there is no such engine, or more than one.
    """
    engine = find_engine(store, asked)
    record_wish(store.layout, DrainWish(engine=engine.id), by=whoami(), t=to_stamp(clock.now()))
    return engine


@dataclass(frozen=True, slots=True)
class EngineStopped:
    """`stopped`: it ended by itself. `killed`: it was made to. `asked`: it was told, and still is alive."""

    engine: str
    outcome: Literal["stopped", "killed", "asked"]
    running: tuple[str, ...]


def stop_engine(
    store: Store, asked: str | None, clock: Clock, *, force: bool = False, wait_s: float = STOP_WAIT_S
) -> EngineStopped:
    """End an engine; what it works goes on under its supervisors, for the next engine. `force` is for one that hangs.

    Only ever signals the process that the engine's record names by pid, start time and boot.

    Raises:
        UsageError: there is no such engine, or more than one.
        AgentGateError: its record does not tell which process it is.
    """
    engine = find_engine(store, asked)
    lock = store.layout.engine_lock(engine.id)
    if engine.identity is None:
        raise AgentGateError(
            f"{store.layout.engine_record(engine.id)} does not say which process {engine.id} is; find who holds {lock}"
            f" with `fuser {lock}`"
        )
    record_wish(store.layout, StopWish(engine=engine.id, force=force), by=whoami(), t=to_stamp(clock.now()))
    ProcessIdentity(*engine.identity).signal(SIGKILL if force else SIGTERM)
    give_up = clock.monotonic() + wait_s
    while is_held(lock):
        if clock.monotonic() >= give_up:
            return EngineStopped(engine.id, "asked", engine.running)
        time.sleep(0.02)
    return EngineStopped(engine.id, "killed" if force else "stopped", engine.running)


def find_engine(store: Store, asked: str | None) -> EngineRow:
    """The living engine that is meant: the one whose id begins so, or the only one.

    Raises:
        UsageError: there is none, or more than one.
    """
    alive = living_ids(store.layout)
    wanted = [engine for engine in alive if asked is None or engine.startswith(asked)]
    if len(wanted) == 1:
        return engine_row(store.layout, wanted[0])
    if not alive:
        raise UsageError("no engine is alive on this store")
    if not wanted:
        raise UsageError(f"no living engine's id begins with {asked!r}; there are {', '.join(alive)}")
    raise UsageError(f"several engines are alive ({', '.join(wanted)}); say which")
