"""The root of a store: whether it is one, of which format, and making one. Cheap to import, for list commands."""

from __future__ import annotations

import os
from pathlib import Path

from agentgate_engine.errors import StoreError
from agentgate_engine.store.atomic import make_directory, read_regular, replace_file
from agentgate_engine.store.foreign.recognise import recognise
from agentgate_engine.store.layout import StoreLayout

STORE_FORMAT = 1


def open_root(root: Path) -> StoreLayout:
    """The layout of an existing store.

    Raises:
        StoreError: there is none, or it is foreign, unreadable or of a newer format; says what to do.
    """
    layout = StoreLayout(root)
    try:
        found = read_regular(layout.version, 64).decode(errors="replace").strip()
    except (FileNotFoundError, NotADirectoryError):
        _refuse_others(root)
        raise StoreError(
            f"there is no store at {root}; submit an order to make one, or name another place with --home"
        ) from None
    except OSError as fault:
        raise StoreError(f"the store at {root} cannot be read: {fault.strerror}") from fault
    if not found.isdigit():
        raise StoreError(f"{layout.version} does not hold a format number but {found!r}")
    if int(found) > STORE_FORMAT:
        raise StoreError(
            f"the store at {root} has format {found}; this AgentGate reads up to {STORE_FORMAT}: use a newer AgentGate"
        )
    return layout


def make_root(root: Path) -> StoreLayout:
    """The layout of the store at `root`, made when there is nothing. `VERSION` is written last.

    Raises:
        StoreError: foreign, of a newer format, or not writable; says what to do.
    """
    layout = StoreLayout(root)
    if not os.path.lexists(layout.version):
        _refuse_others(root)
        try:
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            for directory in (layout.engines, layout.work_orders, layout.runs, layout.workspaces, layout.quarantine):
                make_directory(directory)
            replace_file(layout.version, f"{STORE_FORMAT}\n".encode())
        except OSError as fault:
            raise StoreError(
                f"cannot make a store at {root}: {fault.strerror}; choose another place with --home or AGENTGATE_HOME"
            ) from fault
    open_root(root)
    if not os.access(root, os.W_OK | os.X_OK):
        raise StoreError(f"the store at {root} is not writable for you; check its owner, or use --home")
    return layout


def refuse_foreign(root: Path) -> None:
    """Stop what would write into a store of the original AgentGate.

    Raises:
        StoreError: `root` is one; says which, and how to look at it.
    """
    if (kind := recognise(root)) is not None:
        raise StoreError(kind.refusal(root))


def _refuse_others(root: Path) -> None:
    """A directory that holds something else is never written into."""
    try:
        names = {entry.name for entry in os.scandir(root)}
    except FileNotFoundError:
        return
    except NotADirectoryError:
        raise StoreError(f"{root} is not a directory; choose another place with --home") from None
    except OSError as fault:
        raise StoreError(f"the store at {root} cannot be read: {fault.strerror}") from fault
    refuse_foreign(root)
    ours = {"engines", "work-orders", "runs", "workspaces", "quarantine"}
    if names - ours == set():
        return  # nothing yet, or a making of ours that was cut short
    if {"index.db", "control.jsonl", "engines"} & names and {"runs", "work-orders"} & names:
        raise StoreError(
            f"{root} is a store of this AgentGate that lost its VERSION file; put the line {STORE_FORMAT} into"
            f" {root / 'VERSION'}, then run `agentgate doctor`"
        )
    raise StoreError(f"{root} is not empty and not a store; choose an empty or new directory with --home")
