"""`agentgate why`: the cause of a failure on one page."""

from __future__ import annotations

import argparse

from agentgate_engine.cli.output import put, put_json
from agentgate_engine.cli.reading import read_asked
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
    if asked.json:
        error = evidence.run.build_error
        document = error.model_dump(mode="json", by_alias=True) if error else None
        put_json({"why": view, "buildError": document})
        return 0
    put_why(view)
    if evidence.run.build_error is not None:
        _put_tails(evidence.run.build_error.stdout, evidence.run.build_error.stderr, bool(view.window.lines))
    return 0


def put_why(view: WhyView) -> None:
    """The view as text."""
    place = f"{view.run_id}/{view.iteration}" if view.iteration else view.run_id
    put(f"{place}  {view.title}")
    put(f"{view.shown.word}  {view.headline}" + (f"  [{view.error_type}]" if view.error_type else ""))
    if view.message and not any(view.message in line for fact in view.facts for line in fact.lines):
        put(f"      {view.message}")
    put("  ".join(f"{name} {shown.ascii} {words}".rstrip() for name, shown, words in view.levels))
    put("")
    for fact in view.facts:
        for at, line in enumerate(fact.lines):
            put(f"{fact.number} {fact.key:<8} {line}" if at == 0 else f"           {line}")
    if view.window.lines:
        put("")
        put(f"-- {view.window.name} --")
        for at, line in enumerate(view.window.lines, view.window.first):
            number = at if view.window.numbered else ""
            put(f"{'>' if at == view.window.marked else ' '}{number:>6} {line}")
    if view.files:
        put("")
        for what, path in view.files:
            put(f"{what:<14} {path}")


def _put_tails(stdout: str, stderr: str, shown_before: bool) -> None:
    from agentgate_engine.views.safe_text import sanitize_block

    for name, text in (("stdout", stdout), ("stderr", stderr)):
        if text.strip() and not shown_before:
            put(f"\n-- end of {name} --")
            put(sanitize_block(text))
