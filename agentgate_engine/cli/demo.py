"""`agentgate demo --headless`: the demo without a console."""

from __future__ import annotations

import argparse
import os
import shutil
import threading

from agentgate_engine.cli.output import put, put_json, say, table
from agentgate_engine.demo.stage import Stage, set_stage, wait_for_end

LIMIT_S = 120.0


def demo(asked: argparse.Namespace) -> int:
    """Run the demo to its end and print what became of each order. Exit 1 when one met another end than it should.

    Raises:
        AgentGateError: the demo could not be set up.
    """
    stage = set_stage(os.environ)
    say(stage.notice)
    given_up = threading.Event()
    canceling = threading.Thread(target=stage.cancel_what_hangs, args=(given_up,), daemon=True)
    canceling.start()
    in_time = wait_for_end(stage, LIMIT_S)
    given_up.set()
    canceling.join(timeout=10)
    return report(stage, in_time=in_time, as_json=asked.json)


def report(stage: Stage, *, in_time: bool, as_json: bool) -> int:
    """Print the result table."""
    rows: list[dict[str, object]] = []
    for run_id, order in stage.runs:
        run = stage.store.read_run(run_id)
        result = run.result.value if run.result else run.state.value
        rows.append(
            {
                "run": run_id,
                "title": order.title,
                "fate": order.fate,
                "result": result,
                "asExpected": result == order.expected,
                "iterations": run.iteration,
                "error": run.build_error.type.value if run.build_error else None,
            }
        )
    good = in_time and all(row["asExpected"] for row in rows)
    if as_json:
        put_json({"home": str(stage.store.layout.root), "runs": rows, "inTime": in_time})
        return 0 if good else 1
    header = ("RUN", "FATE", "RESULT", "IT", "ERROR", "TITLE")
    cells = [
        [str(row[key] or "-") for key in ("run", "fate", "result", "iterations", "error", "title")] for row in rows
    ]
    for line in table(header, cells, flexible=5, width=shutil.get_terminal_size((120, 24)).columns):
        put(line)
    if not in_time:
        say(f"not all orders ended within {LIMIT_S:g} s")
    say(
        f"look closer: agentgate --home {stage.store.layout.root} why RUN; the files stay until you delete {stage.root}"
    )
    return 0 if good else 1
