"""The options of `agentgate profile`."""

from __future__ import annotations

import argparse


def add_profile_commands(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the commands about profiles."""
    commands = parser.add_subparsers(dest="profile_command", metavar="COMMAND", title="commands", required=True)

    def add(name: str, help_text: str, *, named: bool = True, json: bool = True) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=help_text, description=help_text[0].upper() + help_text[1:] + ".")
        if named:
            made.add_argument("name", metavar="NAME")
        if json:
            made.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="one JSON document")
        return made

    add("list", "every profile, and whether it can be used", named=False)
    show = add("show", "what a profile sets; `default` is what holds without one")
    show.add_argument("--resolved", action="store_true", help="everything in force, each value with its origin")
    validate = add("validate", "check one profile, a file, or all of them; exit 2 if one cannot be used", named=False)
    validate.add_argument("name", metavar="NAME|FILE", nargs="?", help="a name, or a path (with a slash or .yaml)")
    create = add("create", "write a new profile, every setting explained in it")
    create.add_argument("--extends", metavar="NAME", help="inherit from this profile")
    create.add_argument("--description", metavar="TEXT", help="what it is for")
    create.add_argument(
        "--loop-strategy", choices=("fixed", "hybrid", "ralph"), help="the loop's mode (default: inherited, or fixed)"
    )
    create.add_argument("--max-iterations", type=int, metavar="N", help="agent calls at most")
    create.add_argument("--force", action="store_true", help="replace an existing one")
    add("edit", "change a profile in $VISUAL or $EDITOR; it is checked before it is saved", json=False)
    delete = add("delete", "delete a profile")
    delete.add_argument("-y", "--yes", action="store_true", help="do not ask")
    delete.add_argument("--force", action="store_true", help="even if others extend it")


def looks_like_a_file(text: str) -> bool:
    """Whether NAME|FILE means a file."""
    return "/" in text or text.endswith((".yaml", ".yml"))
