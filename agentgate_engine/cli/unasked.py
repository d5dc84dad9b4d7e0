"""Parsers for the commands that were not asked for: a command's name and one line of help is all that they cost.

Every option of every command takes argparse longer to make than a list of runs takes to print.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import cast


class Unasked:
    """Stands where a parser, a group of options or a set of subcommands would; takes every option and keeps none."""

    def add_argument(self, *_: object, **__: object) -> None: ...

    def set_defaults(self, **_: object) -> None: ...

    def add_argument_group(self, *_: object, **__: object) -> Unasked:
        return self

    def add_mutually_exclusive_group(self, **_: object) -> Unasked:
        return self

    def add_subparsers(self, **_: object) -> Unasked:
        return self

    def add_parser(self, *_: object, **__: object) -> Unasked:
        return self


def parser_maker(asked: str | None) -> type[argparse.ArgumentParser]:
    """What makes the parser of each command: a real one for `asked`, or for every command when it is None."""

    def make(*, prog: str, description: str | None = None) -> argparse.ArgumentParser:
        if asked is None or prog.rpartition(" ")[2] == asked:
            return argparse.ArgumentParser(prog=prog, description=description)
        return cast("argparse.ArgumentParser", Unasked())

    return cast("type[argparse.ArgumentParser]", make)


def command_of(arguments: Sequence[str]) -> str:
    """The command among arguments, empty when there is none: the first word that is no option, nor --home's value.

    As argparse has it, an option may be cut short.
    """
    words = iter(arguments)
    for word in words:
        if len(word) > 3 and "--home".startswith(word):
            next(words, None)
        elif not word.startswith("-"):
            return word
    return ""
