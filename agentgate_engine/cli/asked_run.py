"""The run that a command is about, as `run.json` tells it. For commands that print a file of it as it stands: they need
no records, and so no pydantic."""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import dataclass
from typing import cast

from agentgate_engine.errors import StoreError, UsageError
from agentgate_engine.store.atomic import read_regular
from agentgate_engine.store.foreign.recognise import recognise
from agentgate_engine.store.layout import RunLayout, resolve_root
from agentgate_engine.store.root import open_root
from agentgate_engine.store.run_finder import find_run


@dataclass(frozen=True, slots=True)
class AskedRun:
    """A run and the iteration that is meant: the one named, else the newest; 0 before the first."""

    id: str
    iteration: int
    state: str
    now: str
    layout: RunLayout
    foreign: bool = False


def asked_run(asked: argparse.Namespace) -> AskedRun:
    """The run that was asked for.

    Raises:
        UsageError: no such run or iteration.
        StoreError: it cannot be read.
    """
    root = resolve_root(asked.home, os.environ)[0]
    if recognise(root) is not None:
        return _from_evidence(asked)
    store = open_root(root)
    run_id, iteration = find_run(store, asked.id)
    layout = store.run(run_id)
    try:
        found = cast("dict[str, object]", json.loads(read_regular(layout.summary)))
        count, state, now = found["iteration"], str(found["state"]), str(found["now"])
    except (OSError, StoreError, ValueError, KeyError, TypeError):
        return _from_evidence(asked)  # its events may tell
    if not isinstance(count, int):
        return _from_evidence(asked)
    return AskedRun(run_id, iteration_of(run_id, count, iteration), state, now, layout)


def iteration_of(run_id: str, count: int, iteration: int | None) -> int:
    """The iteration that is meant, of `count` that there are.

    Raises:
        UsageError: there is none of that number.
    """
    if iteration is not None and not 1 <= iteration <= count:
        raise UsageError(f"run {run_id} has {count} iteration{'' if count == 1 else 's'}, no iteration {iteration}")
    return iteration if iteration is not None else count


def _from_evidence(asked: argparse.Namespace) -> AskedRun:
    from agentgate_engine.cli.reading import read_asked

    found, iteration = read_asked(asked)
    run = found.run
    return AskedRun(run.id, iteration, run.state.value, run.now, found.layout, foreign=found.origin is not None)
