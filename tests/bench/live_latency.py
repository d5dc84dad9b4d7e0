"""How long a line takes from an agent's write to the operator's screen, beside `tail -f` on the same log.

    python tests/bench/live_latency.py [lines]

Prints the median and the 90th percentile in ms, and the ratio to `tail -f`. Both read one real run at the same time:
the agent prints a line that carries its own monotonic time, and each reader's pty is stamped when that line appears.
"""

from __future__ import annotations

import os
import re
import select
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.e2e.site import Site, agentgate_command
from tests.e2e.terminal import Pty

AGENT = """
import sys, time
time.sleep(4)
for n in range({lines}):
    print(f"T{{time.monotonic_ns()}}E", flush=True)
    time.sleep(0.2 + (n % 7) * 0.013)
time.sleep(1)
"""
STAMP = re.compile(rb"T(\d{12,20})E")


def main() -> int:
    """Run the benchmark and print its figures."""
    lines = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    with tempfile.TemporaryDirectory(prefix="agentgate-bench-") as directory:
        site = Site(Path(directory) / "site")
        try:
            return _measure(site, Path(directory), lines)
        finally:
            site.close()


def _measure(site: Site, directory: Path, lines: int) -> int:
    site.make_repository({"README.md": "x\n"})
    script = directory / "agent.py"
    script.write_text(AGENT.format(lines=lines))
    run = site.submit(f"{sys.executable} {script}", "--max-iterations", "1")
    site.engine()
    log = site.layout(run).processes / "1-agent-1-1" / "stdout.log"
    while not log.exists():
        time.sleep(0.02)
    with (
        Pty(agentgate_command(), site.environment, 100, 30) as console,
        Pty(["tail", "-f", str(log)], site.environment) as tail,
    ):
        console.wait(b"Queue")
        console.read(0.5)
        console.type("\r")
        console.read(0.5)
        console.type("l")
        seen = {"console": console, "tail -f": tail}
        found = _collect(seen, lines)
    floor = _median(found["tail -f"])
    for name, delays in found.items():
        ordered = sorted(delays)
        p90 = ordered[int(len(ordered) * 0.9)] if ordered else float("nan")
        median = _median(delays)
        print(f"{name:<9} lines {len(delays)}/{lines}  p50 {median:6.1f} ms  p90 {p90:6.1f} ms  x {median / floor:.1f}")
    return 0


def _collect(seen: dict[str, Pty], lines: int) -> dict[str, list[float]]:
    delays: dict[str, dict[int, float]] = {name: {} for name in seen}
    descriptors = {terminal.master: name for name, terminal in seen.items()}
    rest = dict.fromkeys(seen, b"")
    give_up = time.monotonic() + 20 + lines * 0.4
    while time.monotonic() < give_up and any(len(found) < lines for found in delays.values()):
        ready, _, _ = select.select(list(descriptors), [], [], 0.5)
        now = time.monotonic_ns()
        for descriptor in ready:
            name = descriptors[descriptor]
            try:
                rest[name] = (rest[name] + os.read(descriptor, 65536))[-200_000:]
            except OSError:
                return {each: list(found.values()) for each, found in delays.items()}
            for match in STAMP.finditer(rest[name]):
                delays[name].setdefault(int(match[1]), (now - int(match[1])) / 1e6)
    return {name: list(found.values()) for name, found in delays.items()}


def _median(values: list[float]) -> float:
    return statistics.median(values) if values else float("nan")


if __name__ == "__main__":
    raise SystemExit(main())
