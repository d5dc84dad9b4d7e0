"""An operator's machine in a directory: a home, a store, a repository, and the real `agentgate` command."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from agentgate_engine.models.events import Event
from agentgate_engine.models.ids import OrderId, RunId, first_run_of
from agentgate_engine.models.run import Run
from agentgate_engine.process.proc_table import TOKEN_VARIABLE
from agentgate_engine.store.event_log import read_events
from agentgate_engine.store.index import Index
from agentgate_engine.store.layout import RunLayout
from agentgate_engine.store.run_reducer import replay
from agentgate_engine.store.store import Store

PATIENCE_S = 30.0
T = TypeVar("T")
TERMINAL = ("run:complete", "run:failed", "run:canceled")


def agentgate_command() -> list[str]:
    """The installed command; the engine's module where the console's composition root is not there."""
    installed = Path(sys.executable).with_name("agentgate")
    if installed.exists() and importlib.util.find_spec("agentgate_tui.main") is not None:
        return [str(installed)]
    return [sys.executable, "-m", "agentgate_engine"]


def until(condition: Callable[[], T], what: str, patience_s: float = PATIENCE_S) -> T:
    """Wait for a condition, for as long as a busy machine may need, and return what it said."""
    give_up = time.monotonic() + patience_s
    while not (found := condition()):
        assert time.monotonic() < give_up, f"gave up waiting for {what}"
        time.sleep(0.005)
    return found


def git(directory: Path, *arguments: str, ok: bool = True) -> str:
    """Git as a person calls it, without anything from outside."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {"GIT_OPTIONAL_LOCKS": "0", "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"}
    done = subprocess.run(
        ["git", *arguments], cwd=directory, env=environment, capture_output=True, text=True, check=False
    )
    assert not ok or done.returncode == 0, f"git {arguments}: {done.stderr}"
    return done.stdout.rstrip("\n")


def carriers(mark: bytes) -> list[int]:
    """The pids of living processes with `mark` in their environment."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Stdout as one JSON document."""
        return json.loads(self.out)


@dataclass
class Site:
    """Everything of one test. `close` ends every process that was started from here, whatever it did to hide."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict[str, str])
    _engines: list[subprocess.Popen[bytes]] = field(default_factory=list[subprocess.Popen[bytes]])

    def __post_init__(self) -> None:
        self.home = self.root / "state" / "agentgate"
        self.repository = self.root / "project"
        (self.root / "home").mkdir(parents=True)
        tools = f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}"
        # XDG_* reaches agents and checks too: it marks every process that belongs here.
        self.environment = {
            "PATH": tools,
            "HOME": str(self.root / "home"),
            "XDG_STATE_HOME": str(self.root / "state"),
            "XDG_CONFIG_HOME": str(self.root / "config"),
            "LANG": "C.UTF-8",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    @property
    def store(self) -> Store:
        return Store.open(self.home)

    def make_repository(self, files: dict[str, str]) -> None:
        """The operator's repository, with one commit on main."""
        self.repository.mkdir()
        git(self.repository, "init", "-q", "-b", "main")
        git(self.repository, "config", "user.name", "Olga Operator")
        git(self.repository, "config", "user.email", "olga@example.org")
        self.commit(files, "begin")

    def commit(self, files: dict[str, str], message: str) -> None:
        for name, text in files.items():
            (self.repository / name).parent.mkdir(parents=True, exist_ok=True)
            (self.repository / name).write_text(text)
        git(self.repository, "add", "-A")
        git(self.repository, "commit", "-q", "--allow-empty", "-m", message)

    def agentgate(
        self,
        *arguments: str,
        stdin: str = "",
        environment: dict[str, str] | None = None,
        cwd: Path | None = None,
        prefix: tuple[str, ...] = (),
    ) -> Done:
        """Run the command to its end."""
        done = subprocess.run(
            [*prefix, *agentgate_command(), *arguments],
            cwd=cwd or (self.repository if self.repository.is_dir() else self.root),
            env=self.environment | (environment or {}),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S * 2,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def submit(self, command: str, *options: str, prompt: str = "mend it") -> RunId:
        """Queue an order for a `command` agent."""
        done = self.agentgate("submit", "-p", prompt, "-a", "command", "--command", command, *options)
        assert done.code == 0, done.err
        return first_run_of(OrderId(done.out.strip()))

    def engine(self, *options: str, program: Sequence[str] | None = None) -> subprocess.Popen[bytes]:
        """Start an engine that ends when nothing is left to do."""
        with (self.root / "engine.log").open("ab") as log:
            engine = subprocess.Popen(
                [*(program or agentgate_command()), "serve", "--until-idle", *options],
                cwd=self.root,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._engines.append(engine)
        return engine

    def work(self, *options: str) -> None:
        """Have an engine work everything that is queued."""
        self.ended(self.engine(*options))

    def ended(self, engine: subprocess.Popen[bytes]) -> None:
        """Wait until an engine ended by itself, in good order."""
        try:
            code = engine.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the engine did not become idle:\n{self.log()}") from None
        assert code == 0, self.log()

    def log(self) -> str:
        """The end of what the engines said."""
        return (self.root / "engine.log").read_text(errors="replace")[-4000:]

    def layout(self, run: RunId) -> RunLayout:
        return Store.open(self.home).layout.run(run)

    def run(self, run: RunId) -> Run:
        return self.store.read_run(run)

    def events(self, run: RunId) -> list[Event]:
        return read_events(self.layout(run).events)

    def seen(self, run: RunId, kind: str, iteration: int | None = None) -> bool:
        """Whether an event was written. Reads raw lines, because the writer may be in the middle of one."""
        try:
            raw = (self.home / "runs" / run / "events.jsonl").read_bytes()
        except FileNotFoundError:
            return False
        wanted = f'"type":"{kind}"'.encode()
        number = b"" if iteration is None else f'"iteration":{iteration},'.encode()
        return any(wanted in line and number in line for line in raw.split(b"\n"))

    def leftovers(self, run: RunId) -> list[int]:
        """Processes that carry a token of the run."""
        return carriers(f"{TOKEN_VARIABLE}={run}-".encode())

    def assert_ended_well(self, run: RunId, result: str = "passed") -> None:
        """The invariants of a run that is over, whatever its engines went through (durability.md 1.3)."""
        events = self.events(run)
        assert [event.seq for event in events] == list(range(len(events)))
        terminal = [event.type for event in events if event.type in TERMINAL]
        assert len(terminal) == 1, terminal
        fences = [event.fence for event in events]
        assert fences == sorted(fences)
        summary = self.run(run)
        assert summary.result == result, f"{summary.error}\n{self.log()}"
        replayed = replay(events)
        assert replayed is not None
        assert replayed.model_copy(update={"heartbeat": summary.heartbeat}) == summary
        for event in events:
            for key in ("file", "diffFile"):
                if event.data.get(key) is not None:
                    assert (self.layout(run).directory / str(event.data[key])).is_file(), event
        index = Index.open_readonly(self.store.layout)
        try:
            row = index.row(run)
        finally:
            index.close()
        assert row is not None
        assert (row.state, row.result, row.position) == (summary.state.value, result, None)
        assert self.leftovers(run) == []
        assert list(self.layout(run).directory.glob(".*")) == []

    def close(self) -> list[int]:
        """End everything; the pids that were still alive besides engines of ours."""
        for engine in self._engines:
            if engine.poll() is None:
                engine.kill()
                engine.wait()
        mark = f"XDG_STATE_HOME={self.environment['XDG_STATE_HOME']}\0".encode()
        found = carriers(mark)
        give_up = time.monotonic() + 10
        while (alive := carriers(mark)) and time.monotonic() < give_up:
            for pid in alive:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            time.sleep(0.01)
        return found
