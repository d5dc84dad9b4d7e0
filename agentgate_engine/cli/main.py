"""From arguments to a command and its exit code. Each command is imported when it is asked for, and not before."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from agentgate_engine.cli.arguments import make_parser
from agentgate_engine.cli.output import OutputError, say, writing
from agentgate_engine.errors import AgentGateError

Command = Callable[[argparse.Namespace], int]

MODULES = {
    "submit": "submit",
    "run": "submit",
    "serve": "serve",
    "status": "status",
    "show": "show",
    "why": "why",
    "log": "log",
    "verify": "verify",
    "diff": "diff",
    "cancel": "cancel",
    "doctor": "doctor",
    "demo": "demo",
}


def run_command(arguments: Sequence[str] | None = None) -> int:
    """Run one headless command; without one, `status`. Returns the exit code of DESIGN 3."""
    asked = parse(arguments)
    if asked.command is None:
        asked = parse([*(["--home", asked.home] if asked.home else []), "status"])
    return guard(lambda: dispatch(asked))


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The arguments, understood. Exits where argparse does, with its code; the help it printed is written by then."""
    try:
        return make_parser().parse_args(arguments)
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else 2
    raise SystemExit(guard(lambda: code))


def dispatch(asked: argparse.Namespace) -> int:
    """The command that was asked for."""
    module = import_module(f"agentgate_engine.cli.{MODULES[asked.command]}")
    command: Command = getattr(module, asked.command)
    return command(asked)


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
