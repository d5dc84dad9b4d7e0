"""The README tells what is true: its key table comes from the registry, its commands and options exist.

`UPDATE_README=1 pytest tests/test_readme.py` writes the table anew.
"""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path

from agentgate_engine.cli.arguments import make_parser
from agentgate_engine.cli.main import MODULES
from agentgate_tui.actions import REGISTRY
from agentgate_tui.keys import shown_keys

README = Path(__file__).parents[1] / "README.md"
TABLE = re.compile(r"(?<=<!-- keys -->\n).*?(?=<!-- /keys -->)", re.DOTALL)

MOVES = tuple(f"log.{move}" for move in ("up", "down", "left", "right", "half_page_up", "half_page_down", "page_up"))
MOVES += ("log.page_down",)
"""Every log moves so; the help overlay has them."""


def key_table() -> str:
    """The table of keys, from the registry."""
    rows = ["| keys | where | what |", "|---|---|---|"]
    for action in REGISTRY:
        if action.where[0] in ("dialog", "menu", "table", "facts") or action.id in MOVES:
            continue
        where = ", ".join(scope for scope in action.where if scope not in ("dialog", "menu"))
        keys = " ".join(f"`{key}`" for key in shown_keys(action.keys).split())
        rows.append(f"| {keys} | {where} | {action.help.replace('|', chr(92) + '|')} |")
    return "\n".join(rows) + "\n"


def test_the_key_table_is_that_of_the_registry() -> None:
    text = README.read_text()
    if os.environ.get("UPDATE_README"):
        README.write_text(TABLE.sub(lambda _: key_table(), text))
        return
    found = TABLE.search(text)
    assert found is not None
    assert found[0] == key_table()


def test_every_command_is_told_of_and_every_command_told_of_exists() -> None:
    text = README.read_text()
    commands = text.split("| command |")[1].split("The console")[0]
    told = set(re.findall(r"`([a-z]+)(?: ID)?`", commands)) | set(re.findall(r"agentgate ([a-z]+)\b", text))
    assert set(MODULES) <= told
    assert {word for word in re.findall(r"agentgate ([a-z]+)\b", text) if word in ("submit", "run")} <= set(MODULES)


def help_of(parser: argparse.ArgumentParser) -> str:
    """The help of a command and of every command below it."""
    below = [action.choices for action in parser._actions if isinstance(action, argparse._SubParsersAction)]  # pyright: ignore
    return parser.format_help() + "".join(help_of(each) for choices in below for each in choices.values())


def test_every_option_told_of_exists() -> None:
    help_texts = help_of(make_parser())
    for option in set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", README.read_text())):
        if option not in ("--task",):
            assert option in help_texts, option


def test_the_pictures_are_there() -> None:
    for picture in re.findall(r"\(screenshots/([\w.-]+)\)", README.read_text()):
        assert (README.parent / "screenshots" / picture).stat().st_size > 5000
