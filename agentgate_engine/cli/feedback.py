"""`agentgate feedback`: what the agent was told."""

from __future__ import annotations

import argparse
import os
import sys

from agentgate_engine.cli.output import put, put_json, record_json, say, writing
from agentgate_engine.errors import StoreError, UsageError
from agentgate_engine.store.layout import resolve_root
from agentgate_engine.store.run_evidence import RunEvidence
from agentgate_engine.store.store_view import open_view
from agentgate_engine.views.safe_text import sanitize


def feedback(asked: argparse.Namespace) -> int:
    """Print the feedback that followed the iteration named, else the newest there is. Byte for byte as it was sent;
    to a terminal only what is text.

    Raises:
        UsageError: no such run, or none was sent.
        StoreError: it cannot be read.
    """
    view = open_view(resolve_root(asked.home, os.environ)[0])
    run_id, iteration = view.find(asked.id)
    evidence = view.follow(run_id).read()
    number = iteration if iteration is not None else max(evidence.feedbacks, default=None)
    record = evidence.feedbacks.get(number) if number is not None else None
    if number is None or record is None:
        raise _nothing(evidence, iteration)
    if asked.json:
        put_json(record_json(record))
        return 0
    say(f"-- sent after {run_id}/{number}, {record.bytes} bytes --")
    if record.lines_dropped:
        say(f"-- {record.lines_dropped} lines did not fit and were left out --")
    if not sys.stdout.isatty():
        with writing():
            sys.stdout.flush()
            sys.stdout.buffer.write(record.text.encode())
        return 0
    for line in record.text.split("\n"):
        put(sanitize(line))
    return 0


def _nothing(evidence: RunEvidence, iteration: int | None) -> UsageError | StoreError:
    """Why there is none: it cannot be read, it was not sent, or not there."""
    run, name = evidence.run, f"feedback-{iteration}.json"
    for file, fault in evidence.unreadable:
        if file == name or (iteration is None and file.startswith("feedback-")):
            return StoreError(f"the feedback of {run.id} cannot be read: {fault}")
    if iteration is None:
        return UsageError(f"{run.id} has sent no feedback; it is {run.state.value}, in iteration {run.iteration}")
    sent = ", ".join(f"{run.id}/{number}" for number in sorted(evidence.feedbacks))
    return UsageError(f"no feedback followed {run.id}/{iteration}" + (f", only {sent}" if sent else "; none was sent"))
