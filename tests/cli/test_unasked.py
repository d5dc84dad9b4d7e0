"""Only the command that is asked for takes its options, and nobody can tell."""

from __future__ import annotations

import argparse

import pytest

from agentgate_engine.cli.arguments import make_parser
from agentgate_engine.cli.main import MODULES
from agentgate_engine.cli.unasked import Unasked, command_of

LINES = [
    "", "--help", "--version", "status", "list -n 3", "status --help", "exec --help", "profile --help",
    "profile show --help", "profile show", "queue --help", "queue pause --reason x", "nosuch", "--home x status --json",
    "--home=x show abc", "--hom x show abc", "--home", "--h x status", "show", "show --nosuch abc", "-- status", "-",
    "--ascii", "log -F abc --failed", "clean --help", "submit -p x --retry none", "plan --gate-plan nosuch",
]  # fmt: skip


@pytest.mark.parametrize("line", LINES)
def test_the_answer_is_that_of_the_whole_parser(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    def answer(parser: argparse.ArgumentParser) -> tuple[object, str, str]:
        try:
            found: object = parser.parse_args(line.split())
        except SystemExit as leaving:
            found = leaving.code
        told = capsys.readouterr()
        return found, told.out, told.err

    assert answer(make_parser(command_of(line.split()))) == answer(make_parser())


@pytest.mark.parametrize("name", [*MODULES, "list", "exec"])
def test_every_command_is_found_by_its_name_and_no_other_takes_options(name: str) -> None:
    parser = make_parser(command_of(["--home", "x", name, "status"]))
    commands = next(
        each
        for each in parser._actions
        if isinstance(each, argparse._SubParsersAction)  # pyright: ignore[reportPrivateUsage]
    )
    made = [command for command, each in commands.choices.items() if not isinstance(each, Unasked)]
    assert made == [name]
