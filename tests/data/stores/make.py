"""Make a sample store by real runs of a command, for tests/store/test_format.py.

    python tests/data/stores/make.py format-1
    python tests/data/stores/make.py format-0 --command 'env PYTHONPATH=CHECKOUT python -m agentgate_engine'

`format-0` is the small store of an earlier version (commit 2b67101); its command is that version's. A sample that is in
git stays as it is: make a new one, under a new name, when the format changes. What is kept is what a store is rebuilt
from (records, logs, wishes), and `index.db` as the SQL that makes it; workspaces, locks and engines are left out, and
the machine's paths, names and boot are written over. Standard library only: it runs beside any version.
"""

from __future__ import annotations

import argparse
import getpass
import os
import re
import shlex
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
MOST_BYTES = 300_000
HOME = "/home/operator"
PACKAGE = re.compile(r"(?:/[\w.@-]+)+/(agentgate_engine|agentgate_tui)/")

VERIFY_0 = """\
version: "1"
name: adder
contracts:
  required_files: [README.md]
tests:
  - {name: unit, command: sh test.sh}
"""
VERIFY_1 = """\
version: "1"
name: adder
contracts:
  required_files: [README.md, src/adder.sh]
  naming_conventions:
    - {pattern: "src/**/*.sh", rule: snake_case}
tests:
  - {name: unit, command: sh test.sh}
blackbox:
  - name: sums
    fixture: fixtures/numbers.json
    command: sh src/adder.sh
    assertions:
      - {type: exit_code, expected: 0}
      - {type: json_equals, expected: {sum: 6}}
policy:
  disallowed_commands: [curl]
"""
FILES = {
    "README.md": "# Adder\n",
    "src/adder.sh": "echo '{\"sum\": 7}'\n",
    "fixtures/numbers.json": "[1, 2, 3]\n",
    "test.sh": (
        "grep -q 6 src/adder.sh && exit 0\n"
        "echo 'src/adder.sh:1:1: error: the sum is wrong' >&2\nsh src/adder.sh\nexit 1\n"
    ),
}
PLAY = """\
iterations:
  1:
    - say: I will look at the adder first.
    - run: cat src/adder.sh
    - write: {path: src/adder.sh, content: "echo '{\\"sum\\": 5}' # TODO: check\\n"}
    - usage: {input: 900, output: 100, cost: 0.01}
  default:
    - expect_feedback: the sum is wrong
    - edit: {path: src/adder.sh, replace: "5", with: "6"}
    - say: The sum is right now.
    - usage: {input: 1200, output: 150, cost: 0.02}
"""
PROFILES = {
    "careful": """\
version: "1.0"
metadata: {name: careful, description: tries a crashed agent again}
loopStrategy: {maxIterations: 2}
retry: {maxAttempts: 1, initialBackoffMs: 10, maxBackoffMs: 20, jitter: false, retryableErrors: [agent_crash]}
""",
    "patient": """\
version: "1.0"
metadata: {name: patient, extends: careful}
loopStrategy: {mode: hybrid, baseIterations: 1, bonusIterations: 1}
""",
}


@dataclass
class Machine:
    """An operator's machine in a directory, with the command whose store is wanted."""

    root: Path
    command: list[str]

    @property
    def repository(self) -> Path:
        return self.root / "adder"

    @property
    def store(self) -> Path:
        return self.root / "store"

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH",) if name in os.environ}
        return kept | {
            "HOME": str(self.root / "home"), "AGENTGATE_HOME": str(self.store), "LANG": "C.UTF-8", "TERM": "dumb",
            "XDG_CONFIG_HOME": str(self.root / "config"), "GIT_CONFIG_NOSYSTEM": "1",
        }  # fmt: skip

    def call(self, *words: str) -> str:
        """Run a program in the repository; it must succeed."""
        done = subprocess.run(
            words, cwd=self.repository, env=self.environment, capture_output=True, text=True, timeout=120, check=False
        )
        if done.returncode not in (0, 1):
            raise SystemExit(f"{shlex.join(words)} exits {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout.strip()

    def agentgate(self, *words: str) -> str:
        return self.call(*self.command, *words)

    def submit(self, title: str, *options: str, agent: str | None = None) -> str:
        """Queue an order; its id."""
        words = ["--command", agent, "-a", "command"] if agent is not None else []
        return self.agentgate("submit", "-p", f"{title}\n\nKeep it short.", "--title", title, *words, *options)

    def set_up(self, verify: str) -> None:
        for name, text in (FILES | {"verify.yaml": verify}).items():
            (self.repository / name).parent.mkdir(parents=True, exist_ok=True)
            (self.repository / name).write_text(text)
        (self.root / "home").mkdir()
        for name, text in PROFILES.items():
            file = self.root / "config" / "agentgate" / "profiles" / f"{name}.yaml"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        (self.root / "play.yaml").write_text(PLAY)
        self.call("git", "init", "-q", "-b", "main")
        self.call("git", "add", "-A")
        who = ("-c", "user.name=Olga Operator", "-c", "user.email=olga@example.org")
        self.call("git", *who, "commit", "-q", "-m", "begin")


def format_0(machine: Machine) -> None:
    """What the version of 2b67101 could do: a loop with feedback, a crash, a cancel, a run that waits."""
    machine.set_up(VERIFY_0)
    right = "test -f tried && sed -i s/7/6/ src/adder.sh; echo looked at it; touch tried"
    machine.submit("mend the sum", agent=right)
    machine.submit("crash at once", agent="echo no; exit 3")
    machine.agentgate("serve", "--until-idle")
    machine.agentgate("cancel", machine.submit("not wanted any more", agent="true"))
    machine.submit("wait for an engine", agent="true")


def format_1(machine: Machine) -> None:
    """Every kind of record that a run can leave without a network."""
    machine.set_up(VERIFY_1)
    first = machine.submit("mend the sum", "--script", str(machine.root / "play.yaml"), "-a", "scripted")
    crash = machine.submit("crash at once", "--profile", "careful", agent="echo no; echo bad >&2; exit 3")
    machine.submit("go in circles", "--profile", "patient", agent="echo nothing to do")
    machine.agentgate("serve", "--until-idle")
    machine.agentgate("note", crash, "seen before on build-07")
    machine.agentgate("pin", first)
    machine.agentgate("cancel", machine.submit("not wanted any more", agent="true"), "--reason", "wrong branch")
    waits = machine.submit("wait for an engine", "--priority", "5", agent="true")
    machine.agentgate("hold", machine.submit("held by the operator", agent="true"), "--reason", "after the release")
    machine.submit("needs the other", "--after", waits, agent="true")
    machine.agentgate("queue", "set", "--capacity", "50")
    machine.agentgate("queue", "pause", "--reason", "moving house")


MAKERS = {"format-0": format_0, "format-1": format_1}


def keep(machine: Machine, target: Path) -> None:
    """Copy what a store is rebuilt from, with the machine written over."""
    database = sqlite3.connect(machine.store / "index.db")
    schema = database.execute("pragma user_version").fetchone()[0]
    dump = [*database.iterdump(), f"PRAGMA user_version={schema};"]
    database.close()
    left_out = ("index.db*", "*.lock", "workspaces", "engines", "mirrors", "leases", "trash", "quarantine")
    shutil.copytree(machine.store, target, ignore=shutil.ignore_patterns(*left_out))
    (target / "index.sql").write_text("\n".join(dump) + "\n")
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    said = {
        str(machine.root): HOME, sys.executable: "/usr/bin/python3", sys.prefix: "/usr",
        f"{getpass.getuser()}@{socket.gethostname()}": "olga@build-07", boot: "00000000-0000-4000-8000-000000000000",
    }  # fmt: skip
    for path in sorted(target.rglob("*")):
        if path.is_file():
            text = path.read_text()
            for here, there in said.items():
                text = text.replace(here, there)
            text = PACKAGE.sub(r"/usr/lib/python3/site-packages/\1/", text)
            path.write_text(text)
            if found := re.search(r"/(?:tmp|work|root|opt)/[^\s\"']*", text):
                raise SystemExit(f"{path} still holds {found[0]}")
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    if size > MOST_BYTES:
        raise SystemExit(f"{target} holds {size} bytes, more than {MOST_BYTES}")
    print(f"{target}: {size} bytes")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("name", choices=MAKERS)
    parser.add_argument("--command", default=str(Path(sys.executable).with_name("agentgate")), help="what to run")
    asked = parser.parse_args()
    target = HERE / asked.name
    if target.exists():
        raise SystemExit(f"{target} is there already: a sample is never made again")
    with tempfile.TemporaryDirectory(prefix="agentgate-sample-") as directory:
        machine = Machine(Path(directory).resolve(), shlex.split(asked.command))
        MAKERS[asked.name](machine)
        keep(machine, target)


if __name__ == "__main__":
    main()
