"""Runs that end in every way a run can, worked by one engine, so that many tests can look at them."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

from agentgate_engine.cli.main import run_command
from agentgate_engine.models.agent_result import PersistedAgentResult
from agentgate_engine.models.build_error import BuildError
from agentgate_engine.models.ids import OrderId, RunId, first_run_of
from agentgate_engine.models.iteration import IterationData
from agentgate_engine.models.verification import PersistedVerificationReport

from .site import Site, git

RECORDINGS = Path(__file__).parents[1] / "data" / "transcripts" / "claude"
PLANS = {
    "unit": 'tests: [{name: unit, command: "python suite.py"}]\n',
    "L0": 'contracts: {forbidden_patterns: ["**/.env"]}\ntests: [{name: unit, command: "true"}]\n',
    "L2": (
        "blackbox:\n  - name: doubles\n    fixture: five.txt\n    command: python double.py\n"
        "    assertions: [{type: json_equals, expected: {sum: 10}}, {type: contains, value: difference}]\n"
    ),
    "L3": "policy: {max_disk_mb: 1}\n",
    "all": (
        'contracts: {required_files: [README.md]}\ntests: [{name: unit, command: "true"}]\n'
        "blackbox: [{name: says, command: echo hello, assertions: [{type: contains, value: hello}]}]\n"
    ),
}
FILES = {
    "README.md": "failures\n",
    "five.txt": "5\n",
    "suite.py": (
        "import sys\n"
        "for number in range(200):\n    print('case', number, 'is well')\n"
        "print('the suite is troubled', file=sys.stderr)\n"
        "print('AssertionError: 41 is not 42')\nprint('3 failed, 10 passed in 0.10s')\nsys.exit(1)\n"
    ),
    "double.py": (
        "import json, sys\nnumber = int(sys.stdin.read())\nprint('doubling', number, file=sys.stderr)\n"
        "print(json.dumps({'sum': number + number + 1}))\n"
    ),
}
LARGE_OUTPUT = (
    "echo the very first line; head -c 2500000 /dev/zero | tr '\\0' x | fold -w 50000; seq 200;"
    " echo the agent is troubled >&2; echo the very last line; exit 7"
)
GIVES_UP = """\
iterations:
  default:
    - say: I looked everywhere.
    - stderr: no map found
    - result: {success: false, text: the bug is in another repository}
"""
TRIES = """\
iterations:
  default:
    - say: I will look.
    - read: README.md
    - write: {path: note.md, content: "I looked\\n"}
    - stderr: a remark of the agent
    - usage: {input: 10, output: 20, cost: 0.0123}
    - say: I think it is done.
"""


@dataclass
class Failures:
    """The site, and its runs by a short name."""

    site: Site
    runs: dict[str, RunId] = field(default_factory=dict[str, RunId])

    def submit(self, name: str, *options: str) -> None:
        """`agentgate submit`, with what every order has."""
        said = self.say("submit", "-p", name, "--retry", "none", "-C", str(self.site.repository), *options)
        self.runs[name] = first_run_of(OrderId(said.strip()))

    def say(self, *words: str) -> str:
        """What a command prints. In this process: an interpreter for each would take longer than all the runs."""
        said, complained = io.StringIO(), io.StringIO()
        with (
            contextlib.redirect_stdout(said),
            contextlib.redirect_stderr(complained),
            mock.patch.dict(os.environ, self.site.environment, clear=True),
        ):
            assert run_command(words) in (0, 1), complained.getvalue()
        return said.getvalue()

    def command(self, name: str, command: str, *options: str) -> None:
        self.submit(name, "-a", "command", "--command", command, *options)

    def play(self, name: str, script: str, *options: str) -> None:
        file = self.site.root / f"{name}.yaml"
        file.write_text(script)
        self.submit(name, "-a", "scripted", "--script", str(file), *options)

    def plan(self, name: str) -> None:
        """The plan of the orders that are submitted from here on."""
        self.site.commit({**FILES, "verify.yaml": PLANS[name]}, name)

    def directory(self, name: str) -> Path:
        return self.site.layout(self.runs[name]).directory

    def error(self, name: str) -> BuildError:
        error = self.site.run(self.runs[name]).build_error
        assert error is not None, name
        return error

    def agent(self, name: str, iteration: int = 1) -> PersistedAgentResult:
        file = self.site.layout(self.runs[name]).agent(iteration)
        return PersistedAgentResult.from_json(file.read_bytes(), file.name)

    def report(self, name: str, iteration: int = 1) -> PersistedVerificationReport:
        file = self.site.layout(self.runs[name]).verification(iteration)
        return PersistedVerificationReport.from_json(file.read_bytes(), file.name)

    def iteration(self, name: str, iteration: int = 1) -> IterationData:
        file = self.site.layout(self.runs[name]).iteration(iteration)
        return IterationData.from_json(file.read_bytes(), file.name)


def work_failures(root: Path) -> Failures:
    """Submit everything, then have one engine work it."""
    failures = Failures(Site(root))
    site = failures.site
    site.environment["AGENTGATE_GITHUB_TOKEN"] = "ghp_" + "a" * 36
    site.environment["AGENTGATE_CLAUDE"] = str(_recorded_claude(site.root))
    site.make_repository({"README.md": "failures\n"})
    git(site.repository, "remote", "add", "origin", "https://127.0.0.1:9/octo/shop.git")
    _submit_agents(failures)
    _submit_checks(failures)
    _submit_faults(failures)
    site.work("--slots", "3", "--min-memory", "0", "--min-disk", "0")
    return failures


def _recorded_claude(place: Path) -> Path:
    """A program that prints what the real claude once printed, a call with three tool calls, and costs $0.0123."""
    lines = (RECORDINGS / "fixit.stdout.jsonl").read_text().splitlines()
    said = place / "said.jsonl"
    said.write_text("".join(f"{_priced(line)}\n" for line in lines))
    program = place / "claude"
    program.write_text(f"#!/bin/sh\ncat {said}; echo done > a\n")
    program.chmod(0o755)
    return program


def _priced(line: str) -> str:
    told = json.loads(line)
    return json.dumps(told | {"total_cost_usd": 0.0123}) if "total_cost_usd" in told else line


def _submit_agents(failures: Failures) -> None:
    failures.plan("unit")
    failures.command("crash", LARGE_OUTPUT)
    failures.play("task", GIVES_UP)
    failures.command("timeout", "echo thinking; echo slowly >&2; exec sleep 600", "--iteration-time", "1")
    for name, command in _EXITS.items():
        failures.command(name, command)


_EXITS = {"exit-124": "exit 124", "exit-137": "sh -c 'kill -KILL $$'; exit $?", "exit-143": "exit 143"}


def _submit_checks(failures: Failures) -> None:
    failures.play("L1", TRIES)
    one = ("--max-iterations", "1")
    for level, command in (
        ("L0", "echo I kept it; echo it is secret >&2; echo KEY=1 > .env"),
        ("L2", "touch a"),
        ("L3", "echo I made it; echo it is large >&2; head -c 2000000 /dev/zero > big.bin"),
    ):
        failures.plan(level)
        failures.command(level, command, *one)
    failures.plan("all")
    failures.command("passes", "touch a", "--skip-verification", "L3", *one)
    failures.submit("recorded", "-a", "claude-code", *one)


def _submit_faults(failures: Failures) -> None:
    site = failures.site
    api = ("--github-api", "http://127.0.0.1:9", "--github-repo", "octo/shop", "--wait-for-ci")
    agent = "echo I am done; echo with care >&2; touch a"
    failures.command("github", agent, "--deliver", "pr", "--github-mode", "fail_fast", *api)
    gone = site.root / "gone"
    shutil.copytree(site.repository, gone)
    failures.command("workspace", agent, "-C", str(gone))
    shutil.rmtree(gone)
    failures.command("system", agent)
    site.layout(failures.runs["system"]).gate_plan.unlink()
    failures.command("queue", agent, "--max-wait", "0.001")


def words_of(lines: Sequence[str]) -> str:
    """What is said, however it was wrapped."""
    return " ".join(" ".join(lines).split())
