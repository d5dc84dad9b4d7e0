"""The arguments of the commands about queue, orders and engines."""

from __future__ import annotations

import argparse
from collections.abc import Callable

Add = Callable[[str, str], argparse.ArgumentParser]
"""Makes the parser of a command from its name and the words of its help, with what all commands take."""


def add_queue_commands(add: Add) -> None:
    """Register them."""
    _queue(add("queue", "what waits, in its order; or pause, resume and set it"))
    priority = _of_order(add("priority", "give a waiting run another priority"))
    priority.add_argument("priority", type=int, metavar="N", help="-1000 to 1000; the higher goes first")
    hold = _of_order(add("hold", "do not start a waiting run until it is released"))
    hold.add_argument("--reason", default="", help="shown with the run")
    _of_order(add("release", "let a held run start again"))
    _of_order(add("requeue", "work an order once more, as a new run, when its newest one has ended"))
    add("engines", "list the living engines")
    _of_engine(add("drain", "have an engine finish what it works, take nothing new, and end"))
    stop = _of_engine(add("stop", "end an engine; its agents go on for the next one"))
    stop.add_argument("--force", action="store_true", help="SIGKILL, for an engine that does not answer")


def add_serve_options(serve: argparse.ArgumentParser) -> None:
    """What `serve` can be told of when to start something."""
    serve.add_argument(
        "--stagger", type=float, metavar="S", help="seconds between two starts at least (AGENTGATE_STAGGER, else 0)"
    )
    serve.add_argument(
        "--min-memory",
        type=int,
        metavar="MB",
        help="start nothing new with less memory free (AGENTGATE_MIN_MEMORY, else 2048, at most a quarter of it all)",
    )
    serve.add_argument(
        "--min-disk",
        type=int,
        metavar="MB",
        help="start nothing new with less disk free at the store (AGENTGATE_MIN_DISK, else 1024)",
    )


def add_status_options(status: argparse.ArgumentParser) -> None:
    """Which runs `status` lists."""
    status.add_argument("-o", "--offset", type=int, default=0, metavar="N", help="leave out the first N")
    status.add_argument(
        "-s",
        "--state",
        metavar="STATE",
        help="only runs that are waiting, running, passed, failed or canceled, or in a state by its own name",
    )


def _queue(queue: argparse.ArgumentParser) -> None:
    queue.set_defaults(wish=None)
    wishes = queue.add_subparsers(dest="wish", metavar="WHAT", title="what to do (default: show it)")
    for name, words in (
        ("list", "show it"),
        ("pause", "start nothing new, on any engine; what runs goes on"),
        ("resume", "start again"),
        ("set", "settings of the whole store"),
        ("health", "healthy, degraded or unhealthy; exit 1 when no further order is accepted"),
    ):
        parser = wishes.add_parser(name, help=words, description=words[0].upper() + words[1:] + ".")
        parser.add_argument(
            "--json", action="store_true", default=argparse.SUPPRESS, help="one JSON document on stdout"
        )
        parser.add_argument("--home", metavar="DIR", default=argparse.SUPPRESS, help="the run store")
        if name == "pause":
            parser.add_argument("--reason", default="", help="shown wherever the pause is")
        if name == "set":
            parser.add_argument("--capacity", type=int, metavar="N", help="how many orders may wait (default 100)")


def _of_order(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("id", help="an order or run, or the beginning of one")
    return parser


def _of_engine(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument(
        "engine", nargs="?", metavar="ENGINE", help="its id or the beginning of one (default: the only one)"
    )
    return parser
