"""Real processes under the real shim; every test leaves none behind."""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agentgate_engine.clock import Clock
from agentgate_engine.models.process import ProcessExit, ProcessSpec
from agentgate_engine.process.proc_table import sweep_token
from agentgate_engine.process.process_host import ProcessHandle, ProcessHost

ENVIRONMENT = {"PATH": os.environ["PATH"], "CANARY": "tweet-3141592653"}
PATIENCE_S = 20.0


async def until(condition: Callable[[], object], what: str) -> None:
    """Wait for a condition, for as long as a busy machine may need."""
    give_up = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < give_up, f"gave up waiting for: {what}"
        await asyncio.sleep(0.01)


def carriers(token: str) -> list[int]:
    """The pids that carry a token: what no test may leave behind."""
    mark = f"AGENTGATE_PROCESS_TOKEN={token}".encode()
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:
            pass
    return found


class Bench:
    """A place to run things in."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.host = ProcessHost(Clock())
        self.token = secrets.token_hex(16)
        self.directory = root / "processes" / "1-agent-0-1"

    def spec(self, *argv: str, **more: Any) -> ProcessSpec:
        fields: dict[str, Any] = {
            "argv": argv,
            "cwd": str(self.root),
            "token": self.token,
            "owner_lock": None,
            "stop_sequence": (("SIGTERM", 0.3),),
            "deadline_s": 60,
        }
        return ProcessSpec(**fields | more)

    def shell(self, script: str, **more: Any) -> ProcessSpec:
        return self.spec("/bin/sh", "-c", script, **more)

    def python(self, script: str, **more: Any) -> ProcessSpec:
        return self.spec(sys.executable, "-c", script, **more)

    async def start(self, spec: ProcessSpec) -> ProcessHandle:
        return await self.host.start(self.directory, spec, ENVIRONMENT)

    async def run(self, spec: ProcessSpec) -> ProcessExit:
        report = await self.finish(await self.start(spec))
        assert report is not None
        return report

    async def finish(self, handle: ProcessHandle) -> ProcessExit | None:
        return await asyncio.wait_for(handle.wait(), PATIENCE_S)

    def out(self) -> bytes:
        path = self.directory / "stdout.log"
        return path.read_bytes() if path.exists() else b""

    def err(self) -> bytes:
        return (self.directory / "stderr.log").read_bytes()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    left_behind = carriers(bench.token)
    sweep_token(bench.token)
    assert left_behind == []
