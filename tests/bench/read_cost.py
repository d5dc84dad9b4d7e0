"""What the headless read commands cost: CPU over `python -c pass`, measured in one interleaved loop.

    python tests/bench/read_cost.py [rounds] [--only WORDS]

A store of 200 runs is made first: one that the installed command worked, and copies of small written ones. Then every
command is called once a round, `python -c pass` among them, and its user and system time (its children's with it) is
taken from the kernel. Printed are the medians in ms: CPU, CPU over the floor, wall, and the ratio of CPU to the floor.
The budget is 100 ms over the floor. Exits 1 when a command is over it, so that a machine can ask as well.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from agentgate_engine.models.ids import OrderId, RunId, first_run_of
from agentgate_engine.store.recovery import rebuild_index
from agentgate_engine.store.store import Store
from tests.console.store_builder import canceled, failed_check, passed
from tests.e2e.site import Site, agentgate_command

RUNS = 200
BUDGET_MS = 100.0
FLOOR = "python -c pass"
LETTERS = "abcdefghijklmnopqrstuvwxyz"
PROFILE = 'version: "1.0"\nmetadata:\n  name: bench\nloopStrategy:\n  maxIterations: 2\n'


@dataclass
class Program:
    """One thing that is measured. `allowed` are the exit codes that mean that it did its work."""

    name: str
    argv: list[str]
    allowed: tuple[int, ...] = (0,)
    cpu_ms: list[float] = field(default_factory=list[float])
    wall_ms: list[float] = field(default_factory=list[float])

    def measure(self, site: Site, environment: dict[str, str]) -> None:
        """Run it once."""
        began = time.perf_counter_ns()
        with tempfile.TemporaryFile() as said:
            child = subprocess.Popen(
                self.argv, cwd=site.repository, env=environment, stdin=subprocess.DEVNULL, stdout=said, stderr=said
            )
            _, status, used = os.wait4(child.pid, 0)
            took = time.perf_counter_ns() - began
            child.returncode = os.waitstatus_to_exitcode(status)
            if child.returncode not in self.allowed:
                said.seek(0)
                raise SystemExit(f"{self.name} exits {child.returncode}:\n{said.read().decode(errors='replace')}")
        self.cpu_ms.append((used.ru_utime + used.ru_stime) * 1000)
        self.wall_ms.append(took / 1e6)


def main() -> int:
    """Run the benchmark and print its figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("rounds", nargs="?", type=int, default=15)
    parser.add_argument("--only", default="", help="only commands whose words hold this")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="agentgate-bench-") as directory:
        site = Site(Path(directory) / "site")
        try:
            runs = fill(site)
            programs = [each for each in commands(*runs) if asked.only in each.name]
            floor = Program(FLOOR, [sys.executable, "-c", "pass"])
            measure(site, [floor, *programs], asked.rounds)
        finally:
            site.close()
    return report(floor, programs, asked.rounds)


def measure(site: Site, programs: Sequence[Program], rounds: int) -> None:
    """A round that does not count, for the .pyc files and the page cache, then `rounds` that do."""
    environment = {name: text for name, text in site.environment.items() if name != "PYTHONDONTWRITEBYTECODE"}
    for at in range(rounds + 1):
        for program in programs:
            program.measure(site, environment)
            if at == 0:
                program.cpu_ms.clear()
                program.wall_ms.clear()


def report(floor: Program, programs: Sequence[Program], rounds: int) -> int:
    """Print the table; 1 when a command is over the budget."""
    base = statistics.median(floor.cpu_ms)
    print(f"{RUNS} runs, {rounds} rounds, medians; budget {BUDGET_MS:.0f} ms of CPU over `{FLOOR}`\n")
    print(f"{'command':<22} {'cpu ms':>8} {'over':>8} {'wall ms':>8} {'x floor':>8}")
    over_budget: list[str] = []
    for program in (floor, *programs):
        cpu, wall = statistics.median(program.cpu_ms), statistics.median(program.wall_ms)
        over = statistics.median(a - b for a, b in zip(program.cpu_ms, floor.cpu_ms, strict=True))
        late = program is not floor and over > BUDGET_MS
        if late:
            over_budget.append(program.name)
        mark = "  OVER" if late else ""
        print(f"{program.name:<22} {cpu:8.1f} {over:8.1f} {wall:8.1f} {cpu / base:8.1f}{mark}")
    print(f"\nover the budget: {', '.join(over_budget) or 'none'}")
    return 1 if over_budget else 0


def commands(worked: RunId, failed: RunId) -> list[Program]:
    """Every command that reads, about a run that was worked, and one that failed after three iterations."""
    asked: list[tuple[str, tuple[str, ...], tuple[int, ...]]] = [
        ("--version", ("--version",), (0,)),
        ("status", ("status",), (0,)),
        ("status --json", ("status", "--json"), (0,)),
        ("status -f", ("status", "-f", "st:failed"), (0,)),
        ("list", ("list",), (0,)),
        ("show", ("show", failed), (0,)),
        ("show --json", ("show", "--json", failed), (0,)),
        ("show (real run)", ("show", worked), (0,)),
        ("why", ("why", failed), (0,)),
        ("why --json", ("why", "--json", failed), (0,)),
        ("log", ("log", failed), (0,)),
        ("log --failed", ("log", "--failed", failed), (0,)),
        ("log --raw", ("log", "--raw", failed), (0,)),
        ("log --tools", ("log", "--tools", failed), (0,)),
        ("feedback", ("feedback", f"{failed}/1"), (0,)),
        ("events", ("events", failed), (0,)),
        ("verify", ("verify", failed), (0, 1)),
        ("diff", ("diff", failed), (0,)),
        ("plan RUN", ("plan", worked), (0,)),
        ("queue", ("queue",), (0,)),
        ("queue health", ("queue", "health"), (0, 1)),
        ("engines", ("engines",), (0,)),
        ("metrics RUN", ("metrics", failed), (0,)),
        ("metrics", ("metrics",), (0,)),
        ("snapshots", ("snapshots", worked), (0,)),
        ("workspaces", ("workspaces",), (0,)),
        ("profile list", ("profile", "list"), (0,)),
        ("profile show", ("profile", "show", "bench"), (0,)),
        ("clean --dry-run", ("clean", "--dry-run", "--keep", "1000"), (0,)),
        ("doctor", ("doctor",), (0, 1)),
    ]
    return [Program(name, [*agentgate_command(), *words], allowed) for name, words, allowed in asked]


def fill(site: Site) -> tuple[RunId, RunId]:
    """The store: (a run that the installed command worked, a written one that failed)."""
    site.make_repository({"README.md": "x\n", "verify.yaml": "tests:\n  - name: there\n    command: test -f done\n"})
    worked = site.submit("touch done", "--max-iterations", "1")
    site.work()
    profiles = Path(site.environment["XDG_CONFIG_HOME"]) / "agentgate" / "profiles"
    profiles.mkdir(parents=True)
    (profiles / "bench.yaml").write_text(PROFILE)
    store = site.store
    failed_check(store, "kfail2aa")
    passed(store, "kpass2aa")
    canceled(store, "kcanc2aa")
    originals = ("kfail2aa", "kpass2aa", "kcanc2aa")
    for at in range(RUNS - 1 - len(originals)):
        name = originals[at % len(originals)]
        copy_run(store, name, f"{name[:5]}b{LETTERS[at // 26]}{LETTERS[at % 26]}")
    rebuild_index(store)
    assert len(store.run_ids()) == RUNS
    return worked, first_run_of(OrderId("kfail2aa"))


def copy_run(store: Store, order: str, name: str) -> None:
    """The same order and its run under another name."""
    source, target = (store.layout.run(first_run_of(OrderId(each))).directory for each in (order, name))
    shutil.copytree(source, target)
    files = [path for path in target.rglob("*") if path.is_file()]
    told = store.layout.work_order(OrderId(name))
    shutil.copy(store.layout.work_order(OrderId(order)), told)
    for path in (told, *files):
        path.write_text(path.read_text().replace(order, name))
    assert json.loads((target / "run.json").read_text())["id"] == f"{name}.1"


if __name__ == "__main__":
    raise SystemExit(main())
