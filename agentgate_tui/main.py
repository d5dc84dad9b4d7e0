"""The `agentgate` command: headless commands, and the console when none is given.

Nothing of Textual is imported before it is known that a console is wanted: a headless command costs what it needs.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading

from agentgate_engine.cli.main import dispatch, guard, parse, run_command
from agentgate_engine.cli.output import say


def main() -> int:
    """Run the command line. Returns the exit code of DESIGN 3."""
    asked = parse()
    if asked.command == "demo" and not asked.headless:
        return guard(lambda: _demo(asked))
    if asked.command is not None:
        return guard(lambda: dispatch(asked))
    if not _can_draw():
        return run_command(["--home", asked.home] if asked.home else [])
    return guard(lambda: _console(asked))


def _can_draw() -> bool:
    """Textual draws on stderr and reads stdin; a dumb terminal gets `status` instead."""
    terminals = sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty()
    return terminals and os.environ.get("TERM", "dumb") != "dumb"


def _prepare_terminal(asked: argparse.Namespace) -> None:
    """Textual reads these when it is imported. A value that the operator set stays."""
    if asked.ascii:
        os.environ["AGENTGATE_ASCII"] = "1"
    os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
    os.environ.setdefault("ESCDELAY", "50")
    if "SSH_CONNECTION" in os.environ:
        os.environ.setdefault("TEXTUAL_FPS", "15")
        os.environ.setdefault("TEXTUAL_SMOOTH_SCROLL", "0")


def _console(asked: argparse.Namespace) -> int:
    _prepare_terminal(asked)
    from agentgate_engine.cli.reading import make_store
    from agentgate_engine.store.foreign.foreign_store import ForeignStore
    from agentgate_engine.store.layout import resolve_root
    from agentgate_tui.app import run_console

    foreign = ForeignStore.open(resolve_root(asked.home, os.environ)[0])
    return run_console(foreign or make_store(asked), environment=dict(os.environ))


def _demo(asked: argparse.Namespace) -> int:
    """Set the stage, open the console on it, and on leaving say where everything is."""
    if not _can_draw() or asked.json:
        say("this is no terminal that a console can be drawn on: the demo runs headless")
        return dispatch(asked)
    from agentgate_engine.demo.stage import set_stage

    stage = set_stage(os.environ)
    _prepare_terminal(asked)
    from agentgate_tui.app import run_console

    left = threading.Event()
    canceling = threading.Thread(target=stage.cancel_what_hangs, args=(left,), daemon=True)
    canceling.start()
    try:
        return run_console(stage.store, notice=stage.notice, environment=dict(os.environ))
    finally:
        left.set()
        canceling.join(timeout=10)
        home = stage.store.layout.root
        say(f"the demo's runs are in {home}: look again with `agentgate --home {home}`, or delete {stage.root}")


if __name__ == "__main__":
    raise SystemExit(main())
