"""The console on a real terminal: what it writes there, and that it leaves when told or when the terminal is gone."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.console.store_builder import hostile_store

ROOT = Path(__file__).parents[2]
PROGRAM = """
import os, signal, sys
from pathlib import Path
from agentgate_engine.store.store import Store
from agentgate_tui.app import run_console
signal.signal(signal.SIGHUP, signal.SIG_IGN)
raise SystemExit(run_console(Store.open(Path(sys.argv[1])), environment=dict(os.environ)))
"""


class Terminal:
    """A console on a pseudo terminal of 80x24."""

    def __init__(self, store: Path) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(ROOT)
            environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "LANG": "C.UTF-8"}
            os.execve(sys.executable, [sys.executable, "-c", PROGRAM, str(store)], environment)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.written = b""
        self.ended = False
        self.open = True

    def hang_up(self) -> None:
        os.close(self.fd)
        self.open = False

    def read_until(self, words: bytes, seconds: float = 20) -> None:
        give_up = time.monotonic() + seconds
        while words not in self.written:
            assert time.monotonic() < give_up, self.written[-2000:]
            if select.select([self.fd], [], [], 0.1)[0]:
                self.written += os.read(self.fd, 65_536)

    def seconds_to_end(self, most: float) -> float:
        began = time.monotonic()
        while time.monotonic() - began < most:
            if os.waitpid(self.pid, os.WNOHANG)[0]:
                self.ended = True
                break
            if self.open and select.select([self.fd], [], [], 0.01)[0]:
                try:
                    self.written += os.read(self.fd, 65_536)
                except OSError:  # the other end is closed: it is about to end
                    time.sleep(0.01)
        assert self.ended, "it still runs"
        return time.monotonic() - began

    def close(self) -> None:
        if not self.ended:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        if self.open:
            self.hang_up()


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    hostile_store(tmp_path / "store")
    found = Terminal(tmp_path / "store")
    yield found
    found.close()


def test_q_leaves_within_a_second_and_nothing_hostile_was_written(terminal: Terminal) -> None:
    terminal.read_until(b"trailing comma")
    for key in (b"w", b"l"):
        os.write(terminal.fd, key)
        time.sleep(0.6)
    terminal.read_until(b"link=http")
    for attack in (b"\x1b]52;", b"\x1b]0;owned", b"\x9b31m", b"\xe2\x80\xae"):
        assert attack not in terminal.written
    os.write(terminal.fd, b"\x11")  # ctrl+q
    assert terminal.seconds_to_end(5) < 1.5


def test_a_terminal_that_went_away_means_quit(terminal: Terminal) -> None:
    """SIGHUP is ignored here, as under nohup: the end of the input alone has to be enough."""
    terminal.read_until(b"trailing comma")
    terminal.hang_up()
    assert terminal.seconds_to_end(5) < 2
