"""Words of the original's command line: each that is refused here has a hint, and each hint names what there is."""

from __future__ import annotations

import argparse
import re
from typing import cast

import pytest

from agentgate_engine.cli.arguments import make_parser
from agentgate_engine.cli.moved import moved

REFUSED = """\
cancel abcd2345 -f
auth github
queue cancel abcd2345
queue purge -s failed -y
queue kill abcd2345
metrics run abcd2345
metrics abcd2345 -d
submit -p x --github-new o/r
submit -p x --github-new=o/r
submit -p x --public
exec -p x --network
serve -p 3001
serve -H 0.0.0.0
serve --cors-origin *
serve --api-key k
serve --auto-process
serve --stagger-delay 30000
serve --poll-interval 5000
serve --no-stale-check
serve --stale-threshold 600000
serve --max-running-time 14400000
"""

UNDERSTOOD = """\
list -s failed -l 20 -o 0 --json
status abcd2345 --json
run abcd2345 --json
exec -p x --path . --git-branch b --template minimal --project-name n
exec -p x --git-url u --fresh --github o/r --wait-for-ci --skip-verification L1 --agent claude-code-subscription
submit -p x --max-iterations 3 --max-time 3600 --gate-plan auto --json --harness h --loop-strategy ralph
serve --min-memory 2048
queue list
queue health
cancel abcd2345
profile list
profile show default
profile create n --extends b --description d --loop-strategy hybrid --max-iterations 3 --force
profile validate n
profile delete n
metrics abcd2345
"""


def subcommands() -> dict[str, argparse.ArgumentParser]:
    actions = make_parser()._actions  # pyright: ignore[reportPrivateUsage]
    found = next(a for a in actions if isinstance(a, argparse._SubParsersAction))  # pyright: ignore[reportPrivateUsage]
    return cast("dict[str, argparse.ArgumentParser]", found.choices)


@pytest.mark.parametrize("line", REFUSED.splitlines())
def test_what_is_refused_has_a_hint_that_names_what_there_is(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """upstream.md 2.8."""
    with pytest.raises(SystemExit) as leaving:
        make_parser().parse_args(line.split())
    assert leaving.value.code == 2
    hint = moved(line.split())
    assert hint is not None
    for command in re.findall(r"`agentgate ([a-z]+)", hint):
        assert command in subcommands()
    for command, option in re.findall(r"`agentgate ([a-z]+)[^`]* (--[a-z-]+)", hint):
        assert option in subcommands()[command].format_help()
    capsys.readouterr()


@pytest.mark.parametrize("line", UNDERSTOOD.splitlines())
def test_what_the_original_took_is_taken(line: str) -> None:
    """upstream.md 2.8: the same words mean the same."""
    make_parser().parse_args(line.split())
    assert moved(line.split()) is None


@pytest.mark.parametrize("line", ["", "--bogus", "show --bogus x", "submit -p auth", "serve --slots x"])
def test_other_mistakes_get_no_hint(line: str) -> None:
    assert moved(line.split()) is None
