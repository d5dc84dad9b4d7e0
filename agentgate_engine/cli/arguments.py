"""The command line: every command, its options, and the words of `--help`."""

from __future__ import annotations

import argparse
from pathlib import Path

from agentgate_engine import __version__
from agentgate_engine.cli.clean_arguments import add_clean_commands
from agentgate_engine.cli.order_options import add_delivery_options, add_order_options
from agentgate_engine.cli.profile_arguments import add_profile_commands
from agentgate_engine.cli.queue_arguments import add_queue_commands, add_serve_options, add_status_options
from agentgate_engine.cli.unasked import parser_maker

FILTER_HELP = (
    'word, "two words", !word, /regex/ or field:value, where the fields are'
    " id order st title it agent repo now level error"
)
GATE_PLANS = ("auto", "verify-profile", "ci-workflow", "language", "default")
GATE_PLAN_HELP = (
    "where the plan comes from: verify-profile (verify.yaml), ci-workflow (.github/workflows), language (project"
    " files), default (contracts only), or auto: the first of these that is there (default %(default)s)"
)
EPILOG = """exit codes: 0 ok, 1 the run failed, 2 bad usage or input, 3 the store cannot be used
An id is an order (abcd2345), a run (abcd2345.1) or an iteration (abcd2345.1/2); any unique beginning will do."""


def make_parser(asked: str | None = None) -> argparse.ArgumentParser:
    """The parser. `command` is None when none was given, which opens the console.

    With `asked`, only that command takes its options; the others are known by name and help alone.
    """
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
    commands = parser.add_subparsers(
        dest="command", metavar="COMMAND", title="commands", parser_class=parser_maker(asked)
    )
    add_order_options(_add(commands, "submit", "queue a work order and return"), start=True)
    words = "queue a work order, have it worked, follow it; exit 0 if it passed, 1 if not"
    for name in ("run", "exec"):
        run = _add(commands, name, words if name == "run" else "the same as run")
        add_order_options(run, start=False)
        _or_one_run(run)
        run.set_defaults(command="run")
    serve = _add(commands, "serve", "work the queue, here, until stopped")
    serve.add_argument("--slots", type=int, metavar="N", help="how many runs at once (AGENTGATE_SLOTS, else 2)")
    add_serve_options(serve)
    serve.add_argument("--until-idle", action="store_true", help="end when nothing waits and nothing runs")
    serve.add_argument("--engine-id", help=argparse.SUPPRESS)
    for name in ("status", "list"):
        _status(_add(commands, name, "list the runs, newest first" if name == "status" else "the same as status"))
    show = _of_run(_add(commands, "show", "one run: iterations, checks, facts, warnings, settings"))
    show.add_argument("--settings", action="store_true", help="every setting in force, the defaults too")
    _of_run(_add(commands, "why", "why a run failed: check, error lines, suspect tool call, feedback sent, files"))
    log = _of_run(_add(commands, "log", "what the agent did, line by line"))
    log.add_argument("-F", "--follow", action="store_true", help="go on until the run ends")
    log.add_argument("--failed", action="store_true", help="the full output of the first failed check instead")
    log.add_argument("--raw", action="store_true", help="the agent's raw output, byte for byte")
    log.add_argument("--tools", action="store_true", help="its tool calls instead: when, how long, what they changed")
    _of_run(_add(commands, "feedback", "what the agent was told after a failed iteration, as sent"))
    events = _of_run(_add(commands, "events", "everything that happened to a run, one line each"))
    events.add_argument("-F", "--follow", action="store_true", help="go on until the run ends")
    _of_run(_add(commands, "verify", "every check of an iteration, with its result"))
    plan = _add(commands, "plan", "what a submit from here would be judged by, or what a run is judged by")
    plan.add_argument("id", nargs="?", help="a run whose saved plan is shown (default: the plan of HEAD, here)")
    plan.add_argument("-C", "--repo", type=Path, metavar="DIR", help="the git repository (default: here)")
    plan.add_argument("--gate-plan", choices=GATE_PLANS, default="auto", metavar="SOURCE", help=GATE_PLAN_HELP)
    plan.add_argument("--write", action="store_true", help="write the plan to verify.yaml, if there is none")
    _of_run(_add(commands, "diff", "the change an iteration made, as a patch"))
    add_queue_commands(lambda name, words: _add(commands, name, words))
    cancel = _add(commands, "cancel", "end a run; its process tree is gone within 5 seconds")
    cancel.add_argument("id", nargs="?", help="an order, run or iteration, or the beginning of one")
    cancel.add_argument("--all-queued", action="store_true", help="every order that waits, instead of one run")
    cancel.add_argument("--reason", default="", help="recorded with the run")
    metrics = _add(commands, "metrics", "where time, tokens and money went, for one run or for all")
    metrics.add_argument("id", nargs="?", help="an order or run, or the beginning of one (default: every run)")
    _of_run(_add(commands, "snapshots", "the states of a run: one an iteration, and what was put aside unfinished"))
    restore = _of_run(_add(commands, "restore", "put a snapshot into a new directory or on a new branch"))
    restore.add_argument("--kept", metavar="NAME", help="a state that was put aside, as `snapshots` names it; or start")
    place = restore.add_mutually_exclusive_group(required=True)
    place.add_argument("--to", type=Path, metavar="DIR", help="a directory that is not there yet, or empty")
    place.add_argument("--branch", metavar="NAME", help="a branch that is not there yet")
    _into(restore)
    add_delivery_options(_of_run(_add(commands, "deliver", "publish a verified result later, or again")))
    take = _of_run(_add(commands, "take", "fetch the work of a run that was not delivered, failed ones included"))
    take.add_argument("--branch", metavar="NAME", help="what to call it (default: agentgate/RUN)")
    _into(take)
    _add(commands, "workspaces", "what runs keep on the disk: state, size, snapshots, leases")
    doctor = _add(commands, "doctor", "check this machine, the store and the agents")
    doctor.add_argument("--rebuild", action="store_true", help="make index.db again from the files first")
    doctor.add_argument(
        "--quarantine", action="store_true", help="move runs and orders that cannot be read to quarantine/ first"
    )
    add_clean_commands(lambda name, words: _add(commands, name, words), _of_run)
    add_profile_commands(_add(commands, "profile", "list, show, check, write and delete harness profiles"))
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


def _status(status: argparse.ArgumentParser) -> None:
    status.add_argument("-f", "--filter", default="", metavar="FILTER", help=FILTER_HELP)
    status.add_argument(
        "-n", "-l", "--limit", type=int, default=30, metavar="N", help="at most N runs; 0 for all (default 30)"
    )
    add_status_options(status)
    _or_one_run(status)
    status.set_defaults(command="status")


def _of_run(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("id", help="an order, run or iteration, or the beginning of one")
    return parser


def _or_one_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", nargs="?", help="show this run instead, as `show` does")
    parser.set_defaults(settings=False)


def _into(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-C", "--repo", type=Path, metavar="DIR", help="the repository for the branch (default: the run's own source)"
    )
