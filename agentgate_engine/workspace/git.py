"""Git as we call it: plumbing as a plain subprocess with a deadline, in an environment that nobody else shaped."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from agentgate_engine.errors import AgentGateError, LockHeld, WorkspaceError
from agentgate_engine.store.locks import FileLock

NETWORK_VARIABLES = (
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_SSH_VARIANT",
    "GIT_SSL_CAINFO",
    "GIT_SSL_CAPATH",
    "GIT_SSL_CERT",
    "GIT_SSL_KEY",
    "GIT_SSL_NO_VERIFY",
    "GIT_PROXY_COMMAND",
    "GIT_PROXY_SSL_CAINFO",
)
"""What an operator sets for git's own way to other machines. Nothing else of git's environment reaches it."""

IDENTITY = ("AgentGate", "agentgate@localhost")

# Nothing that a repository or an account configures may start a program, write in the background, or stay unsynced.
_ALWAYS = (
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.fsync", "all"),
    ("core.splitIndex", "false"),
    ("core.quotePath", "true"),
    ("core.attributesFile", "/dev/null"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("commit.gpgSign", "false"),
    ("advice.detachedHead", "false"),
    ("diff.external", ""),
)
_SETTING = ("GIT_CONFIG_COUNT", "GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_")
_LOOK_S = 0.1
"""How often a command that can be stopped is looked at."""
_NETWORK = "file:git:http:https:ssh"
_OURS = (
    ("core.bare", "false"),
    ("core.excludesFile", "/dev/null"),
    ("core.autocrlf", "false"),
    ("core.safecrlf", "false"),
)


class GitTimeout(WorkspaceError):
    """A git command passed its deadline and was ended."""


@dataclass(frozen=True, slots=True)
class Output:
    """What a finished command left. `code` is one of those that the caller said it can read."""

    code: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        """The output as one stripped string, for names and hashes."""
        return self.stdout.decode("utf-8", "surrogateescape").strip()


@dataclass(frozen=True, slots=True)
class Git:
    """One repository and the way we speak to it. Make one with `Git.ours` or `Git.operators`.

    `objects` moves new objects elsewhere (readable then through `alternates`), `index` and `work_tree` do what git's
    variables of that name do. `deadline` is in seconds and holds for each command. `protocols` is what may be fetched
    over; `variables` are laid over the environment of each command and told to nobody. A command ends once `stopped`
    is set.
    """

    directory: Path
    git_dir: Path | None = None
    work_tree: Path | None = None
    index: Path | None = None
    objects: Path | None = None
    alternates: tuple[Path, ...] = ()
    config: tuple[tuple[str, str], ...] = ()
    hermetic: bool = True
    stamp: str | None = None
    busy: Path | None = None
    deadline: float = 120.0
    protocols: str = "file"
    variables: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    stopped: threading.Event | None = field(default=None, repr=False, compare=False)

    @classmethod
    def ours(cls, git_dir: Path, busy: Path | None, deadline: float = 120.0) -> Git:
        """A repository that only we write: no configuration but its own counts. Each command holds a lock on `busy`."""
        return cls(directory=git_dir, git_dir=git_dir, config=_OURS, busy=busy, deadline=deadline)

    @classmethod
    def nowhere(cls, directory: Path, busy: Path | None) -> Git:
        """No repository yet: for `git init`. No configuration counts."""
        return cls(directory=directory, busy=busy)

    @classmethod
    def operators(cls, directory: Path, deadline: float = 120.0) -> Git:
        """A repository of the operator, found from `directory`. The account's configuration holds, for it may say
        that the directory is trusted and what is ignored."""
        return cls(directory=directory, hermetic=False, deadline=deadline)

    @classmethod
    def mirror(cls, git_dir: Path, busy: Path | None) -> Git:
        """A bare repository of ours that follows one elsewhere. The account's configuration holds, for it says how its
        owner reaches other machines; nothing is fetched unless `reaching` allows it."""
        return cls(directory=git_dir, git_dir=git_dir, hermetic=False, busy=busy)

    def reaching(self, variables: Mapping[str, str]) -> Git:
        """The same repository, allowed to fetch over the network with `variables` in the environment."""
        return replace(self, protocols=_NETWORK, variables=tuple(variables.items()))

    def signed(self, name: str, address: str) -> Git:
        """The same repository with commits in the name of somebody else than us."""
        roles = [
            (f"GIT_{role}_{part}", value)
            for role in ("AUTHOR", "COMMITTER")
            for part, value in (("NAME", name), ("EMAIL", address))
        ]
        return replace(self, variables=(*self.variables, *roles))

    def at(self, work_tree: Path, index: Path) -> Git:
        """The same repository, seen with another working directory and index."""
        return replace(self, directory=work_tree, work_tree=work_tree, index=index)

    def configured(self, *settings: tuple[str, str]) -> Git:
        """The same repository with more settings; the last one of a name counts."""
        return replace(self, config=(*self.config, *settings))

    def writing_objects_to(self, objects: Path, *readable: Path) -> Git:
        """The same repository with new objects going to `objects`, and those of `readable` visible."""
        return replace(self, objects=objects, alternates=readable)

    def unsynced(self) -> Git:
        """The same repository for work that may be lost in a power cut, as it can be done again."""
        return self.configured(("core.fsync", "none"))

    def dated(self, seconds: float) -> Git:
        """The same repository with commits dated so (seconds since the epoch): the same state, the same hash."""
        return replace(self, stamp=f"{int(seconds)} +0000")

    def run(
        self,
        *arguments: str,
        stdin: bytes = b"",
        ok: tuple[int, ...] = (0,),
        fault: type[AgentGateError] = WorkspaceError,
        deadline: float | None = None,
        into: int | None = None,
    ) -> Output:
        """Run `git ARGUMENTS` to its end. `into` is a descriptor that takes its output instead of `Output.stdout`.

        Raises:
            GitTimeout: it passed the deadline. It was ended with everything it had started.
            fault: it ended with a code that is not in `ok`; the message has the command, the code and the last lines.
        """
        limit = self.deadline if deadline is None else deadline
        lock = _hold(self.busy)
        try:
            child = subprocess.Popen(
                ["git", *arguments],
                cwd=self.directory,
                env=self._environment(os.environ),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE if into is None else into,
                stderr=subprocess.PIPE,
                start_new_session=True,
                pass_fds=lock,
            )
        except OSError as problem:
            raise fault(f"cannot run git in {self.directory}: {problem.strerror}; is git installed?") from problem
        finally:
            for descriptor in lock:
                os.close(descriptor)
        try:
            with _ended_by(self.stopped, child):
                stdout, stderr = child.communicate(stdin, timeout=limit)
        except subprocess.TimeoutExpired:
            _end(child)
            raise GitTimeout(
                f"{_spoken(arguments)} in {self.directory} took longer than {limit:g} s and was ended"
            ) from None
        except BaseException:
            _end(child)
            raise
        if child.returncode not in ok:
            lines = stderr.decode("utf-8", "backslashreplace").strip().splitlines()[-4:]
            said = "; ".join(line.strip() for line in lines) or "it said nothing"
            raise fault(f"{_spoken(arguments)} in {self.directory} ended with code {child.returncode}: {said}")
        return Output(child.returncode, stdout or b"", stderr)

    def _environment(self, inherited: Mapping[str, str]) -> dict[str, str]:
        """The caller's environment without any variable of git's, and with ours."""
        environment = {name: value for name, value in inherited.items() if not name.startswith("GIT_")}
        name, address = IDENTITY
        environment |= {
            "LC_ALL": "C",
            "LANGUAGE": "C",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_ALLOW_PROTOCOL": self.protocols,
            "GIT_AUTHOR_NAME": name,
            "GIT_AUTHOR_EMAIL": address,
            "GIT_COMMITTER_NAME": name,
            "GIT_COMMITTER_EMAIL": address,
        }
        if self.stamp:
            environment |= {"GIT_AUTHOR_DATE": self.stamp, "GIT_COMMITTER_DATE": self.stamp}
        if self.hermetic:
            environment |= {
                "GIT_CONFIG_GLOBAL": "/dev/null",
                "GIT_CONFIG_NOSYSTEM": "1",
                "GIT_ATTR_NOSYSTEM": "1",
            }
        for variable, path in (
            ("GIT_DIR", self.git_dir),
            ("GIT_WORK_TREE", self.work_tree),
            ("GIT_INDEX_FILE", self.index),
            ("GIT_OBJECT_DIRECTORY", self.objects),
        ):
            if path:
                environment[variable] = str(path)
        if self.alternates:
            environment["GIT_ALTERNATE_OBJECT_DIRECTORIES"] = ":".join(_quoted(path) for path in self.alternates)
        given = dict(self.variables)
        settings = (*_ALWAYS, *self.config, *_settings_in(given))
        environment |= {name: value for name, value in given.items() if not name.startswith(_SETTING)}
        environment["GIT_CONFIG_COUNT"] = str(len(settings))
        for position, (key, value) in enumerate(settings):
            environment[f"GIT_CONFIG_KEY_{position}"] = key
            environment[f"GIT_CONFIG_VALUE_{position}"] = value
        return environment


def _settings_in(variables: Mapping[str, str]) -> list[tuple[str, str]]:
    """The settings that an environment hands to git as `GIT_CONFIG_KEY_n` and `GIT_CONFIG_VALUE_n`."""
    count = int(variables.get("GIT_CONFIG_COUNT", "0"))
    return [(variables[f"GIT_CONFIG_KEY_{n}"], variables[f"GIT_CONFIG_VALUE_{n}"]) for n in range(count)]


def wait_until_idle(busy: Path, patience_s: float) -> None:
    """Wait for commands that outlived the process which started them: they may still write.

    Raises:
        WorkspaceError: one is still at work after `patience_s` seconds.
    """
    try:
        FileLock.acquire(busy, wait_s=patience_s).release()
    except LockHeld as held:
        raise WorkspaceError(f"a git of an engine that ended is still at work in {busy.parent}; end it first") from held


def _hold(busy: Path | None) -> tuple[int, ...]:
    """A shared lock for a child to inherit: it lasts as long as the child does, whatever becomes of us."""
    if busy is None:
        return ()
    descriptor = os.open(busy, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return (descriptor,)


def shown(path: bytes) -> str:
    """A path as a record keeps it: UTF-8, other bytes spelled `\\xNN`. For reading, never for opening."""
    return path.decode("utf-8", "backslashreplace")


def zero_separated(listing: bytes) -> list[bytes]:
    """The entries of a `-z` listing."""
    return [entry for entry in listing.split(b"\0") if entry]


def _quoted(path: Path) -> str:
    """A path in a colon-separated list of git's: C-quoted, since it may hold a colon, a quote or a newline."""
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _spoken(arguments: tuple[str, ...]) -> str:
    """The command as an error tells it."""
    text = " ".join(("git", *arguments))
    return text if len(text) <= 120 else text[:117] + "..."


@contextmanager
def _ended_by(stopped: threading.Event | None, child: subprocess.Popen[bytes]) -> Generator[None]:
    """While the block waits for a command, end it once `stopped` is set: a thread watches, for the block cannot."""
    if stopped is None:
        yield
        return
    over = threading.Event()

    def watch() -> None:
        while not stopped.is_set():
            if over.wait(_LOOK_S):
                return
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(child.pid, number)
            if over.wait(2):
                return

    watcher = threading.Thread(target=watch, name=f"stop git {child.pid}")
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _end(child: subprocess.Popen[bytes]) -> None:
    """End a command with what it started: a chance to take its lock files back first, then the hard way."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(child.pid, number)
        with suppress(subprocess.TimeoutExpired):
            child.communicate(timeout=2)
            return
