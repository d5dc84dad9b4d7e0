"""The one process a shim supervises, from fork to exec.

Part of the shim (see shim.py): stdlib only, importing nothing of ours.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import stat

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_GO = b"g"
_NOT_STARTED = 127
_prctl = ctypes.CDLL(None).prctl


class Child:
    """Forked, but held at a barrier until `release`: it does nothing before it is on record who it is."""

    def __init__(self, argv: list[str], cwd: str, token: tuple[str, str], files: tuple[int, int, int]) -> None:
        self._fault, fault = os.pipe()
        barrier, self._barrier = os.pipe()
        environment = _inherited()
        environment[token[0].encode()] = token[1].encode()
        shim = os.getpid()
        # Until the child has its own handlers a signal to its group waits, so that ours do not swallow it.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.close(self._barrier)
                _become(argv, cwd, environment, files, barrier, fault, shim)
            finally:
                os._exit(_NOT_STARTED)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.close(fault)
        os.close(barrier)

    def release(self) -> None:
        """Let it become the program of the spec."""
        try:
            os.write(self._barrier, _GO)
        except BrokenPipeError:
            pass  # it is dead already; its exit tells
        os.close(self._barrier)

    def start_error(self) -> dict[str, object] | None:
        """What kept it from becoming the program. To be asked when it has ended: nobody holds the pipe then."""
        with os.fdopen(self._fault, "rb") as file:
            told = file.read()
        return json.loads(told) if told else None


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends, so that none can leave us by a double fork.

    Raises:
        OSError: the kernel refuses.
    """
    if _prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError("this kernel knows no child subreaper")


def open_stdin(path: str | None) -> int:
    """The file to read from, or /dev/null. A fifo or a link in its place is refused, not waited for."""
    if path is None:
        return os.open(os.devnull, os.O_RDONLY)
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise OSError(f"stdin {path} is not a regular file")
    os.set_blocking(descriptor, True)
    return descriptor


def _inherited() -> dict[bytes, bytes]:
    """The environment exactly as we were given it: `os.environ` also has what the interpreter put there (LC_CTYPE)."""
    with open("/proc/self/environ", "rb") as file:
        entries = file.read().split(b"\0")
    return {name: value for name, mark, value in (entry.partition(b"=") for entry in entries) if mark}


def _become(
    argv: list[str],
    cwd: str,
    environment: dict[bytes, bytes],
    files: tuple[int, int, int],
    barrier: int,
    fault: int,
    shim: int,
) -> None:
    """In the child: never returns when all goes well, tells `fault` otherwise."""
    step = "prepare the process"
    try:
        os.setsid()
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != shim:
            return  # it died before the line above could bind us to it
        for target, descriptor in enumerate(files):
            os.dup2(descriptor, target)
        step = f"enter {cwd}"
        os.chdir(cwd)
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        if os.read(barrier, 1) != _GO:
            return
        step = f"start {argv[0]}"
        os.execvpe(argv[0], argv, environment)
    except BaseException as error:
        number = error.errno if isinstance(error, OSError) else None
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        os.write(fault, json.dumps({"errno": number, "message": f"cannot {step}: {reason}"}).encode())
