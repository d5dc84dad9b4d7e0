"""What the commands about one run have in common: its evidence, the lines of its logs, and following it."""

from __future__ import annotations

import argparse
import os

from agentgate_engine.cli.asked import find_run
from agentgate_engine.errors import UsageError
from agentgate_engine.models.ids import RunId
from agentgate_engine.store.layout import resolve_root
from agentgate_engine.store.run_evidence import RunEvidence, RunEvidenceReader
from agentgate_engine.store.store import Store
from agentgate_engine.views.wording import plural


def open_store(asked: argparse.Namespace) -> Store:
    """The store to read.

    Raises:
        StoreError: there is none that can be read.
    """
    return Store.open(resolve_root(asked.home, os.environ)[0])


def make_store(asked: argparse.Namespace) -> Store:
    """The store to write, made when there is none.

    Raises:
        StoreError: it cannot be made or written.
    """
    return Store.create_or_open(resolve_root(asked.home, os.environ)[0])


def read_asked(asked: argparse.Namespace) -> tuple[RunEvidence, int]:
    """The run that was asked for and the iteration meant: the one named, else the newest.

    Raises:
        UsageError: no such run or iteration.
        StoreError: it cannot be read.
    """
    store = open_store(asked)
    run_id, iteration = find_run(store.layout, asked.id)
    evidence = RunEvidenceReader(store, run_id).read()
    if iteration is not None and not 1 <= iteration <= evidence.run.iteration:
        count = plural(evidence.run.iteration, "iteration")
        raise UsageError(f"run {run_id} has {count}, no iteration {iteration}")
    return evidence, iteration if iteration is not None else evidence.run.iteration


def run_id_of(store: Store, text: str) -> RunId:
    """The run that an id names.

    Raises:
        UsageError: none does.
    """
    return find_run(store.layout, text)[0]
