"""From arguments to a command and its exit code. Each command is imported when it is asked for, and not before."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from types import ModuleType

from agentgate_engine.cli.arguments import make_parser
from agentgate_engine.cli.moved import moved
from agentgate_engine.cli.output import OutputError, say, writing
from agentgate_engine.cli.unasked import command_of
from agentgate_engine.errors import AgentGateError
from agentgate_engine.store.layout import resolve_root
from agentgate_engine.store.root import refuse_foreign

Command = Callable[[argparse.Namespace], int]

MODULES = {
    "submit": "submit",
    "run": "submit",
    "serve": "serve",
    "status": "status",
    "queue": "queue",
    "priority": "orders",
    "hold": "orders",
    "release": "orders",
    "requeue": "orders",
    "engines": "engines",
    "drain": "engines",
    "stop": "engines",
    "show": "show",
    "why": "why",
    "log": "log",
    "feedback": "feedback",
    "events": "events",
    "verify": "verify",
    "plan": "plan",
    "diff": "diff",
    "cancel": "cancel",
    "deliver": "deliver",
    "metrics": "metrics",
    "snapshots": "snapshots",
    "restore": "snapshots",
    "take": "workspaces",
    "workspaces": "workspaces",
    "doctor": "doctor",
    "clean": "clean",
    "purge": "purge",
    "pin": "annotate",
    "unpin": "annotate",
    "note": "annotate",
    "profile": "profile",
    "demo": "demo",
}
WRITING = {
    *("submit", "run", "exec", "serve", "cancel", "deliver", "requeue", "priority", "hold", "release", "drain", "stop"),
    *("clean", "purge", "pin", "unpin"),
}
"""Commands that can do nothing in a store which is only read."""


def run_command(arguments: Sequence[str] | None = None) -> int:
    """Run one headless command; without one, `status`. Returns the exit code of DESIGN 3."""
    asked = parse(arguments)
    if asked.command is None:
        asked = parse([*(["--home", asked.home] if asked.home else []), "status"])
    return guard(lambda: dispatch(asked))


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The arguments, understood. Exits where argparse does, with its code; the help it printed is written by then."""
    words = sys.argv[1:] if arguments is None else arguments
    try:
        return make_parser(command_of(words)).parse_args(words)
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else 2
    if code == 2 and (hint := moved(words)) is not None:
        say(f"agentgate: {hint}")
    raise SystemExit(guard(lambda: code))


def dispatch(asked: argparse.Namespace) -> int:
    """The command that was asked for.

    Raises:
        StoreError: it would write into a store of the original AgentGate; said before anything else is looked at.
    """
    if asked.command in WRITING:
        refuse_foreign(resolve_root(asked.home, os.environ)[0])
    command: Command = getattr(_module(MODULES[asked.command]), asked.command)
    return command(asked)


def _module(name: str) -> ModuleType:
    """A command's module. What it imports stays, so nobody looks for garbage meanwhile (a tenth of the CPU)."""
    gc.disable()
    try:
        return import_module(f"agentgate_engine.cli.{name}")
    finally:
        gc.freeze()
        gc.enable()


def guard(work: Callable[[], int]) -> int:
    """Run `work`; an error of ours, or of writing its output, becomes one sentence on stderr and its exit code."""
    try:
        code = work()
        with writing():
            sys.stdout.flush()
        return code
    except OutputError as fault:
        _drop_output()
        say(f"agentgate: {fault}")
        return fault.exit_code
    except AgentGateError as fault:
        say(f"agentgate: {fault}")
        return fault.exit_code
    except KeyboardInterrupt:
        say("agentgate: interrupted")
        return 130
    except BrokenPipeError:
        _drop_output()
        return 0


def _drop_output() -> None:
    """Send what is left to nowhere, so that the interpreter does not fail on it when it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
