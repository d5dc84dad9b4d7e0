"""Real terminals for tests: tmux, whose screen is read as a person sees it, and a bare pty, whose bytes are kept."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.conftest import need_program

PATIENCE_S = 30.0


@dataclass
class Tmux:
    """A tmux server of its own with one window."""

    socket: Path
    columns: int
    rows: int

    def start(self, command: str, environment: dict[str, str]) -> None:
        """Run a shell command in the window."""
        need_program("tmux")
        names = {"TERM": "screen-256color", "LANG": "C.UTF-8", **environment}
        size = ["-x", str(self.columns), "-y", str(self.rows)]
        self._tmux("-f", "/dev/null", "new-session", "-d", "-s", "main", *size, command, environment=names)
        self._tmux("set-option", "-g", "remain-on-exit", "on")

    def keys(self, *keys: str) -> None:
        """Type keys, as tmux names them."""
        for key in keys:
            self._tmux("send-keys", "-t", "main", key)
            time.sleep(0.03)

    def screen(self) -> str:
        """The screen as text, trailing blanks removed."""
        return self._tmux("capture-pane", "-p", "-t", "main")

    def wait(self, pattern: str, patience_s: float = PATIENCE_S) -> str:
        """Until the pattern (multi-line regex) is on the screen; returns the screen."""
        give_up = time.monotonic() + patience_s
        while not re.search(pattern, screen := self.screen(), re.MULTILINE):
            assert time.monotonic() < give_up, f"{pattern!r} never came; the screen is:\n{screen}"
            time.sleep(0.05)
        return screen

    def close(self) -> None:
        subprocess.run(["tmux", "-S", str(self.socket), "kill-server"], capture_output=True, check=False)

    def _tmux(self, *arguments: str, environment: dict[str, str] | None = None) -> str:
        done = subprocess.run(
            ["tmux", "-S", str(self.socket), *arguments],
            env={"PATH": os.environ["PATH"], **(environment or {})},
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@dataclass
class Pty:
    """A program on a pty; `data` is every byte it sent."""

    argv: Sequence[str]
    environment: dict[str, str]
    columns: int = 80
    rows: int = 24
    data: bytearray = field(default_factory=bytearray)

    def __enter__(self) -> Pty:
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.execvpe(self.argv[0], list(self.argv), {"TERM": "xterm-256color", **self.environment})
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", self.rows, self.columns, 0, 0))
        return self

    def __exit__(self, *_: object) -> None:
        try:
            os.kill(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        try:
            os.waitpid(self.pid, 0)
        except ChildProcessError:
            pass
        os.close(self.master)

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def read(self, seconds: float) -> bytes:
        """What comes within so many seconds."""
        begin, give_up = len(self.data), time.monotonic() + seconds
        while (left := give_up - time.monotonic()) > 0:
            if not self._read_some(left):
                break
        return bytes(self.data[begin:])

    def wait(self, wanted: bytes, patience_s: float = PATIENCE_S, since: int = 0) -> None:
        """Until these bytes were sent, from offset `since` on."""
        give_up = time.monotonic() + patience_s
        while wanted not in self.data[since:]:
            assert time.monotonic() < give_up, f"{wanted!r} never came; the end is {bytes(self.data[-2000:])!r}"
            if not self._read_some(0.2) and self.exit_code() is not None:
                raise AssertionError(f"it ended with {self.exit_code()}: {bytes(self.data[-3000:])!r}")

    def exit_code(self) -> int | None:
        """The exit code, or None while it runs."""
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if pid else None

    def _read_some(self, timeout: float) -> bool:
        ready, _, _ = select.select([self.master], [], [], max(0.0, timeout))
        if not ready:
            return False
        try:
            found = os.read(self.master, 65536)
        except OSError:
            return False
        self.data += found
        return bool(found)
