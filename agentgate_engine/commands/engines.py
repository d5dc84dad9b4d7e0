"""The engines of a store: which live, and starting one."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping

from agentgate_engine.errors import AgentGateError
from agentgate_engine.models.ids import new_engine_id
from agentgate_engine.store.atomic import replace_file
from agentgate_engine.store.locks import is_held
from agentgate_engine.store.store import Store


def living_engines(store: Store) -> list[str]:
    """Ids of the engines that hold their lock."""
    return sorted(lock.stem for lock in store.layout.engines.glob("*.lock") if is_held(lock))


def start_engine(store: Store, environment: Mapping[str, str], *, slots: int = 2, until_idle: bool = False) -> str:
    """Start an engine as a process of its own, which outlives the caller. Returns its id once it is alive.

    Raises:
        AgentGateError: it did not come up; the message holds the end of its log.
    """
    engine = new_engine_id()
    log = store.layout.engines / f"{engine}.log"
    command = [sys.executable, "-m", "agentgate_engine", "--home", str(store.layout.root), "serve"]
    command += ["--slots", str(slots), "--engine-id", engine, *(["--until-idle"] if until_idle else [])]
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
    give_up = time.monotonic() + 20
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
