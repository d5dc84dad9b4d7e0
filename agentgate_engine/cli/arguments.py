"""The command line: every command, its options, and the words of `--help`."""

from __future__ import annotations

import argparse
from pathlib import Path

from agentgate_engine import __version__

FILTER_HELP = (
    'word, "two words", !word, /regex/ or field:value, where the fields are'
    " id order st title it agent repo now level error"
)
EPILOG = """exit codes: 0 ok, 1 the run failed, 2 bad usage or input, 3 the store cannot be used
An id is an order (abcd2345), a run (abcd2345.1) or an iteration (abcd2345.1/2); any unique beginning will do."""


def make_parser() -> argparse.ArgumentParser:
    """The parser. `command` is None when none was given, which opens the console."""
    parser = argparse.ArgumentParser(
        prog="agentgate",
        description="Runs coding agents to a verified result, and shows everything that happened on the way."
        " Without a command it opens the console.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"agentgate {__version__}")
    parser.add_argument("--home", metavar="DIR", help="the run store (default: AGENTGATE_HOME, else the XDG state dir)")
    parser.add_argument("--ascii", action="store_true", help="draw the console with ASCII signs only")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    _order(_add(commands, "submit", "queue a work order and return"), start=True)
    _order(_add(commands, "run", "queue a work order, have it worked, follow it; exit 0 if it passed, 1 if not"))
    serve = _add(commands, "serve", "work the queue, here, until stopped")
    serve.add_argument("--slots", type=int, default=2, metavar="N", help="how many runs at once (default %(default)s)")
    serve.add_argument("--until-idle", action="store_true", help="end when nothing waits and nothing runs")
    serve.add_argument("--engine-id", help=argparse.SUPPRESS)
    status = _add(commands, "status", "list the runs, newest first")
    status.add_argument("-f", "--filter", default="", metavar="FILTER", help=FILTER_HELP)
    status.add_argument(
        "-n", "--limit", type=int, default=30, metavar="N", help="at most N runs; 0 for all (default 30)"
    )
    _of_run(_add(commands, "show", "one run: iterations, checks, facts, warnings"))
    _of_run(_add(commands, "why", "why a run failed: check, error lines, suspect tool call, feedback sent, files"))
    log = _of_run(_add(commands, "log", "what the agent did, line by line"))
    log.add_argument("-F", "--follow", action="store_true", help="go on until the run ends")
    log.add_argument("--failed", action="store_true", help="the full output of the first failed check instead")
    log.add_argument("--raw", action="store_true", help="the agent's raw output, byte for byte")
    _of_run(_add(commands, "verify", "every check of an iteration, with its result"))
    _of_run(_add(commands, "diff", "the change an iteration made, as a patch"))
    cancel = _of_run(_add(commands, "cancel", "end a run; its process tree is gone within 5 seconds"))
    cancel.add_argument("--reason", default="", help="recorded with the run")
    doctor = _add(commands, "doctor", "check this machine, the store and the agents")
    doctor.add_argument("--rebuild", action="store_true", help="make index.db again from the files first")
    demo = _add(commands, "demo", "watch eight orders meet different fates, in a store of its own")
    demo.add_argument("--headless", action="store_true", help="no console: wait for the end and print the result table")
    return parser


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],  # pyright: ignore[reportPrivateUsage]
    name: str,
    help_text: str,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=help_text, description=help_text[0].upper() + help_text[1:] + ".")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.add_argument("--home", metavar="DIR", default=argparse.SUPPRESS, help="the run store")
    return parser


def _of_run(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("id", help="an order, run or iteration, or the beginning of one")
    return parser


def _order(parser: argparse.ArgumentParser, *, start: bool = False) -> None:
    task = parser.add_argument_group("the task")
    task.add_argument("-p", "--prompt", metavar="TEXT", help="what the agent should do")
    task.add_argument("--prompt-file", type=Path, metavar="FILE", help="the same from a file; - for standard input")
    task.add_argument(
        "-C", "--repo", type=Path, default=Path(), metavar="DIR", help="the git repository (default: here)"
    )
    task.add_argument("--title", metavar="TEXT", help="for lists (default: the prompt's first line)")
    task.add_argument("--include-dirty", action="store_true", help="take uncommitted changes along")
    agent = parser.add_argument_group("the agent")
    agent.add_argument(
        "-a", "--agent", default="claude-code", metavar="NAME", help="claude-code (default), command, scripted"
    )
    agent.add_argument(
        "--command",
        dest="agent_command",
        metavar="CMD",
        help="the shell command of a `command` agent; the prompt is on its stdin",
    )
    agent.add_argument("--script", type=Path, metavar="FILE", help="the play of a `scripted` agent")
    agent.add_argument("--model", metavar="NAME", help="passed on to the agent")
    agent.add_argument(
        "--permissions",
        choices=("default", "accept-edits", "bypass"),
        default="default",
        help="what the agent may do without asking; bypass lets it do anything your user may (default: %(default)s)",
    )
    agent.add_argument(
        "--pass-env",
        action="append",
        default=[],
        metavar="NAME",
        help="let the agent see this variable too; or PREFIX*",
    )
    limits = parser.add_argument_group("limits")
    limits.add_argument("--max-iterations", type=int, metavar="N", help="agent calls at most (default 3)")
    limits.add_argument("--iteration-time", type=float, metavar="S", help="seconds for one agent call (default 600)")
    limits.add_argument("--max-time", type=float, metavar="S", help="seconds for the whole run (default 3600)")
    limits.add_argument("--pristine", action="store_true", help="verify without caches kept from earlier iterations")
    queue = parser.add_argument_group("the queue")
    queue.add_argument("--priority", type=int, default=0, metavar="N", help="higher goes first (default 0)")
    if start:
        queue.add_argument("--start", action="store_true", help="start an engine if none is alive")
