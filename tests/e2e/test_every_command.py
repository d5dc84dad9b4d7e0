"""Each command that there is: it ends by itself, and with --json its stdout is one document, or nothing when it fails.

The tables name every command of the parser; one that is missing in them fails.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from agentgate_engine.cli.arguments import make_parser
from agentgate_engine.models.ids import OrderId, RunId, first_run_of, order_of

from .conftest import SMALL_PLAN
from .site import Done, Site, carriers, git, until

TRIES = 'test -z "$AGENTGATE_FEEDBACK_FILE" || touch done; sleep 600 & :'

READING = """\
status | list | status PASSED | show PASSED | why FAILED | why WAITING | log PASSED | log --failed FAILED
log --tools PASSED | feedback PASSED | events PASSED | verify PASSED | diff PASSED | plan | plan PASSED
metrics | metrics PASSED | snapshots PASSED | workspaces | doctor | clean --dry-run | queue | queue list | queue health
engines | note PASSED | profile list | profile show default | run PASSED | cancel PASSED"""

WRITING = """\
priority WAITING 3 | hold WAITING | release WAITING | queue pause | queue resume | queue set --capacity 50
pin PASSED | note PASSED remember this | unpin PASSED | requeue FAILED | cancel --all-queued
restore PASSED/1 --to NEW/restored | restore PASSED --branch restored | take FAILED --branch taken
deliver PASSED --deliver push --remote NEW/bare.git | profile create mine | profile validate mine
profile delete mine -y | purge ORDER -y | clean"""

FAILING = """\
submit -p= | run -p= | exec -p= | run -p x 77777777 | serve --slots 0 | status --state nonsense | list --limit=-1
show 77777777 | why 77777777 | log 77777777 | feedback 77777777 | events 77777777 | verify 77777777 | diff 77777777
plan 77777777 | priority 77777777 1 | hold 77777777 | release 77777777 | requeue 77777777 | cancel 77777777
pin 77777777 | unpin 77777777 | note 77777777 x | deliver 77777777 | metrics 77777777 | snapshots 77777777
restore 77777777 --to NEW/no | take 77777777 | purge 77777777 -y | profile show nonsense | drain | stop
queue --home NEW/no | engines --home NEW/no | workspaces --home NEW/no | clean --home NEW/no
doctor --rebuild --home NEW/no | demo --bogus"""


def rows(table: str) -> list[str]:
    return [row.strip() for line in table.split("\n") for row in line.split("|")]


@dataclass
class Told:
    """How each command ended, by its row in the tables. `names` are what stands for a row's words in capitals."""

    site: Site
    names: dict[str, str]
    answers: dict[str, Done] = field(default_factory=dict[str, Done])
    refusals: dict[str, Done] = field(default_factory=dict[str, Done])

    def ask(self, row: str) -> Done:
        words = [self._meant(word) for word in row.split(" ")]
        self.answers[row] = self.site.agentgate(*words, "--json")
        return self.answers[row]

    def refuse(self, row: str) -> None:
        self.refusals[row] = self.site.agentgate(*map(self._meant, row.split(" ")), "--json")

    def _meant(self, word: str) -> str:
        for name, value in self.names.items():
            word = word.replace(name, value)
        return word.replace("\N{NO-BREAK SPACE}", " ")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """A store with a run that needed feedback, one that failed and one that waits; every command, asked there once."""
    site = Site(tmp_path_factory.mktemp("commands") / "site")
    site.make_repository({"README.md": "small\n", "verify.yaml": SMALL_PLAN})
    git(site.root, "init", "-q", "--bare", "bare.git")
    passed, failed = site.submit(TRIES), site.submit("echo tried > tried", "--max-iterations", "1")
    told = Told(site, {"PASSED": passed, "FAILED": failed, "ORDER": order_of(failed), "NEW": str(site.root)})
    told.ask("serve --until-idle")
    assert (site.run(passed).result, site.run(failed).result) == ("passed", "failed_verification"), site.log()
    told.names["WAITING"] = site.submit("exec sleep 600")
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(told.ask, rows(READING)))
        list(pool.map(told.refuse, rows(FAILING)))
    for row in rows(WRITING):
        told.ask(row)
    submitted = told.ask("submit -p x -a command --start --command sleep\N{NO-BREAK SPACE}600").document
    busy = first_run_of(OrderId(submitted["order"]))
    until(lambda: site.seen(busy, "agent:started"), "an agent at work")
    for row in ("engines", "drain", "stop", f"cancel {busy}"):
        told.ask(row)
    for command in ("run", "exec"):
        told.ask(f"{command} -p x -a command --command touch\N{NO-BREAK SPACE}done")
    yield told
    site.close()


def commands_of_the_parser() -> set[str]:
    actions = make_parser()._actions  # pyright: ignore[reportPrivateUsage]
    found = next(a for a in actions if isinstance(a, argparse._SubParsersAction))  # pyright: ignore[reportPrivateUsage]
    return set(cast("dict[str, argparse.ArgumentParser]", found.choices))


def test_the_tables_name_every_command(told: Told) -> None:
    """`demo --json` is asked in test_demo, for it takes its time."""
    assert {row.split()[0] for row in told.refusals} == commands_of_the_parser()
    assert {row.split()[0] for row in told.answers} | {"demo"} == commands_of_the_parser()


def test_stdout_is_one_json_document(told: Told) -> None:
    """upstream.md L20: nothing else stands on stdout with it, whatever the command had to say."""
    wrong: dict[str, Done] = {}
    for row, done in told.answers.items():
        try:
            json.loads(done.out)
        except ValueError:
            wrong[row] = done
        if done.code not in ((0, 1) if row == "doctor" else (0,)):
            wrong[row] = done
    assert not wrong


def test_what_fails_says_so_on_stderr_alone(told: Told) -> None:
    """upstream.md L20: on the way of an error too; a script that reads stdout gets no half of a document."""
    for row, done in told.refusals.items():
        assert (done.code in (2, 3), done.out) == (True, ""), (row, done)
        assert done.err.strip() and "Traceback" not in done.err, (row, done)


def test_every_command_ended_by_itself_and_left_nothing(told: Told) -> None:
    """upstream.md L13: each was waited for, its output to the last byte; no timer, thread or child of any lives on."""
    site = told.site
    until(lambda: not list((site.home / "engines").glob("*.lock")), "the engines to end by themselves")
    mark = f"XDG_STATE_HOME={site.environment['XDG_STATE_HOME']}\0".encode()
    until(lambda: not carriers(mark), "every process to end")
    states = {run: site.run(RunId(run)).state.terminal for run in site.store.run_ids()}
    assert states and all(states.values()), states
    assert not Path(site.root, "no").exists(), "a command that failed made no store"
