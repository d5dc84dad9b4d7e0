"""What the commands about one run have in common: the store, and the evidence of a run."""

from __future__ import annotations

import argparse
import os

from agentgate_engine.cli.asked_run import iteration_of
from agentgate_engine.models.ids import RunId
from agentgate_engine.store.layout import resolve_root
from agentgate_engine.store.run_evidence import RunEvidence
from agentgate_engine.store.run_finder import find_run
from agentgate_engine.store.store import Store
from agentgate_engine.store.store_view import open_view


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


def writable_store(asked: argparse.Namespace) -> Store:
    """The store to change, which must be there.

    Raises:
        StoreError: there is none, or it cannot be written.
    """
    return Store.create_or_open(open_store(asked).layout.root)


def read_asked(asked: argparse.Namespace) -> tuple[RunEvidence, int]:
    """The run that was asked for and the iteration meant: the one named, else the newest.

    Raises:
        UsageError: no such run or iteration.
        StoreError: it cannot be read.
    """
    view = open_view(resolve_root(asked.home, os.environ)[0])
    run_id, iteration = view.find(asked.id)
    evidence = view.follow(run_id).read()
    return evidence, iteration_of(run_id, evidence.run.iteration, iteration)


def run_id_of(store: Store, text: str) -> RunId:
    """The run that an id names.

    Raises:
        UsageError: none does.
    """
    return find_run(store.layout, text)[0]
