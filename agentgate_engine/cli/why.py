"""`agentgate why`: the cause of a failure on one page."""

from __future__ import annotations

import argparse
import shutil
import sys

from agentgate_engine.cli.output import put, put_json
from agentgate_engine.cli.place import standing
from agentgate_engine.cli.reading import read_asked
from agentgate_engine.cli.why_page import Screen, why_page
from agentgate_engine.models.build_error import BuildError, exit_status_of
from agentgate_engine.store.layout import StoreLayout
from agentgate_engine.store.log_window import read_last_lines, read_log_lines
from agentgate_engine.views.why import WhyView, why_view
from agentgate_engine.views.why_facts import LogReaders

READERS = LogReaders(read_log_lines, read_last_lines)


def why(asked: argparse.Namespace) -> int:
    """Print why a run (or one iteration of it) failed, or what it is doing.

    Raises:
        UsageError: no such run.
        StoreError: it cannot be read.
    """
    evidence, iteration = read_asked(asked)
    view = why_view(evidence, iteration, READERS)
    stands = standing(StoreLayout(evidence.layout.directory.parent.parent), evidence.run)
    if asked.json:
        error = evidence.run.build_error
        document = error.model_dump(mode="json", by_alias=True) if error else None
        place = stands.place.as_json() if stands.place else None
        put_json({"why": view, "buildError": document, "status": _status(error) if error else None, "place": place})
        return 0
    put_why(view)
    for what, words in stands.lines:
        put(f"  {what:<9} {words}")
    return 0


def _status(error: BuildError) -> int:
    """The number of an error, shaped like an HTTP status, for scripts; of the code of the queue where it names one."""
    code = error.context.get("code")
    return exit_status_of(code if isinstance(code, str) else error.type)


def put_why(view: WhyView) -> None:
    """The view as text; on a terminal on one screen of it."""
    screen = Screen(*shutil.get_terminal_size()) if sys.stdout.isatty() else None
    for line in why_page(view, screen):
        put(line)
