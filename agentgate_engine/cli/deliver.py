"""`agentgate deliver`: publish a verified result later, or again."""

from __future__ import annotations

import argparse
import os

from agentgate_engine.cli.order_options import named_as_given, settings_of
from agentgate_engine.cli.output import put, put_json, record_json, say
from agentgate_engine.cli.reading import make_store, run_id_of
from agentgate_engine.clock import Clock
from agentgate_engine.commands.deliver import deliver as deliver_run
from agentgate_engine.errors import UsageError
from agentgate_engine.views.safe_text import sanitize


def deliver(asked: argparse.Namespace) -> int:
    """Push the branch of a run that passed, or open its pull request, as the order says or as asked here.

    Raises:
        UsageError: no such run, its result was not verified, or nothing says how to deliver it.
        GitHubError: it failed, and says what to do.
        StoreError: the run cannot be read or written.
    """
    store = make_store(asked)
    run_id = run_id_of(store, asked.id)
    try:
        record = deliver_run(
            store, run_id, settings_of(asked), os.environ, Clock(), lambda text: say(sanitize(f"note: {text}"))
        )
    except UsageError as fault:
        raise UsageError(named_as_given(str(fault))) from fault
    if asked.json:
        put_json(record_json(record))
        return 0
    for warning in record.warnings:
        say(sanitize(f"warning: {warning}"))
    opened = record.github.pr_url if record.github else None
    put(sanitize(opened or f"{record.branch} is at {record.remote_url}"))
    return 0
