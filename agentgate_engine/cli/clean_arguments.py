"""The options of the commands that keep a store small, or keep something in it."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from agentgate_engine.cli.quantities import byte_count, time_span

WHAT = ("runs", "workspaces", "logs", "mirrors", "quarantine")
Add = Callable[[str, str], argparse.ArgumentParser]


def add_clean_commands(add: Add, of_run: Callable[[argparse.ArgumentParser], argparse.ArgumentParser]) -> None:
    """Register `clean`, `purge`, `pin`, `unpin` and `note` with what the other commands have in common."""
    clean = add("clean", "remove what is old, compress old logs; runs that go on or are pinned stay")
    clean.add_argument("--dry-run", action="store_true", help="only say what would be freed")
    clean.add_argument(
        "--older-than", type=time_span, default=30 * 86_400.0, metavar="T", help="ended longer ago (default 30d)"
    )
    clean.add_argument(
        "--keep", type=int, default=100, metavar="N", help="at most this many runs that have ended (default 100)"
    )
    clean.add_argument(
        "--max-bytes", type=byte_count, metavar="SIZE", help="the oldest go until the runs hold no more, as in 10G"
    )
    clean.add_argument(
        "--compress-after", type=time_span, default=7 * 86_400.0, metavar="T", help="for logs (default 7d)"
    )
    clean.add_argument(
        "--what", action="append", choices=WHAT, help="only this kind; may be given several times (default: all)"
    )
    clean.add_argument(
        "--include-undelivered", action="store_true", help="also work that was never delivered, such as of failed runs"
    )
    purge = add("purge", "remove one order, or all that ended in the same way, with their runs, snapshots and leases")
    purge.add_argument("id", nargs="?", help="an order, or the beginning of one")
    purge.add_argument(
        "-s", "--state", choices=("passed", "failed", "canceled"), help="every order whose newest run ended so, instead"
    )
    purge.add_argument("-y", "--yes", action="store_true", help="do not ask")
    pin = of_run(add("pin", "keep a run, whatever the rules of `clean` say"))
    pin.add_argument("--reason", default="", metavar="TEXT", help="shown with it")
    of_run(add("unpin", "let `clean` have a run again"))
    note = of_run(add("note", "remember something about a run; without a text, show what is remembered"))
    note.add_argument("text", nargs="*", metavar="TEXT", help="what to remember")
