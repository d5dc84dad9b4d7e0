"""`agentgate plan`: what would judge work that is submitted from here now, or what judges a run."""

from __future__ import annotations

import argparse
from pathlib import Path

from agentgate_engine.cli.output import put, put_json, record_json, say
from agentgate_engine.cli.reading import open_store, run_id_of
from agentgate_engine.errors import StoreError, UsageError
from agentgate_engine.models.gate_plan import GatePlan
from agentgate_engine.views.plan_view import PlanRow, PlanView, plan_view
from agentgate_engine.views.safe_text import cell_width, sanitize

_NAME_CELLS = 24


def plan(asked: argparse.Namespace) -> int:
    """Print the plan with where each value comes from; `--write` makes a verify.yaml of it first.

    Raises:
        UsageError: no such run or repository, no plan to be had, or there is a verify.yaml already.
        StoreError: the run's plan cannot be read.
    """
    if asked.id is not None:
        if asked.write or asked.repo is not None or asked.gate_plan != "auto":
            raise UsageError("the plan of a run is as it was saved; leave out -C, --gate-plan and --write")
        _put(_saved(asked), asked, ())
        return 0
    found, notes, top = _resolved(asked)
    if asked.write:
        notes = (*notes, _write(found, top))
    _put(found, asked, notes)
    return 0


def _saved(asked: argparse.Namespace) -> GatePlan:
    store = open_store(asked)
    file = store.layout.run(run_id_of(store, asked.id)).gate_plan
    found = store.read(GatePlan, file)
    if found is None:
        raise StoreError(f"{file} is missing: the plan of this run is not known any more")
    return found


def _resolved(asked: argparse.Namespace) -> tuple[GatePlan, tuple[str, ...], Path]:
    """(plan, what the operator should know, the top of the repository)."""
    from agentgate_engine.verify.gate_plan import plan_files, resolve_plan
    from agentgate_engine.workspace.source import inspect_source, paths_at, read_file_at

    source = inspect_source(asked.repo or Path())
    top, head = source.top_level, source.head
    found = resolve_plan(
        lambda path: read_file_at(top, head, path), head, paths=lambda: paths_at(top, head), source=asked.gate_plan
    )
    changed = sorted(plan_files(found) & set(source.dirty))
    notes = [
        f"{path} has changes that are not committed: a submit starts from HEAD and does not see them"
        for path in changed
    ]
    return found, tuple(notes), top


def _write(found: GatePlan, top: Path) -> str:
    """Write verify.yaml; returns what to tell.

    Raises:
        UsageError: there is one already, or it cannot be written.
    """
    from agentgate_engine.verify.plan_writer import to_verify_yaml
    from agentgate_engine.verify.verify_yaml import NAMES

    if found.source == "verify.yaml":
        raise UsageError(f"the plan stands in {found.source_file} already; nothing was written")
    for name in NAMES:
        if (top / name).is_symlink() or (top / name).exists():
            raise UsageError(f"there is a {name} already, and it is not overwritten; change it, or move it away first")
    target = top / NAMES[0]
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(to_verify_yaml(found))
    except OSError as fault:
        raise UsageError(f"cannot write {target}: {fault.strerror}") from fault
    return f"wrote {target}: look it over and commit it, for a submit reads it from HEAD"


def _put(found: GatePlan, asked: argparse.Namespace, notes: tuple[str, ...]) -> None:
    view = plan_view(found)
    if asked.json:
        put_json({"plan": record_json(found), "hash": found.hash, "notes": list(notes)})
        return
    put(f"{view.name}  {view.hash}")
    put(f"  from {view.source} at {view.commit[:12]}")
    _put_rows(view)
    for warning in view.warnings:
        put(f"warning: {warning}")
    for note in notes:
        say(sanitize(note))


def _put_rows(view: PlanView) -> None:
    group = ""
    for row in view.rows:
        if row.group != group:
            group = row.group
            put("")
            put(group)
        _put_row(row)


def _put_row(row: PlanRow) -> None:
    """Name, value and origin on one line; a script of several lines goes below its name."""
    if len(row.lines) > 1:
        put(f"  {row.name}  [{row.origin}]")
        for line in row.lines:
            put(f"      {line}".rstrip())
        return
    name = f"{row.name}{' ' * max(0, _NAME_CELLS - cell_width(row.name))}"
    put(f"  {name}  {''.join(row.lines)}  [{row.origin}]")
