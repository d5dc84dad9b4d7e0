"""Names of orders, runs and iterations, and the check that every name from outside passes before it meets a path."""

from __future__ import annotations

import os
import re
from typing import NewType

from agentgate_engine.errors import UsageError

OrderId = NewType("OrderId", str)
RunId = NewType("RunId", str)

_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_ORDER = re.compile(r"[a-z2-7]{8}\Z")
_RUN = re.compile(r"([a-z2-7]{8})\.([1-9][0-9]{0,5})\Z")
_ASKED = re.compile(r"([a-z2-7]{1,8})(?:\.([1-9][0-9]{0,5}))?(?:/([1-9][0-9]{0,5}))?\Z")


def new_order_id() -> OrderId:
    """8 random lower-case base32 characters (40 bits): shell-safe, never begins with a dash."""
    import secrets  # with the hash functions of OpenSSL: dear for those who only read

    return OrderId("".join(secrets.choice(_ALPHABET) for _ in range(8)))


def new_engine_id() -> str:
    """A name for an engine; also the name of its lock, its record and its log."""
    return f"e-{os.urandom(4).hex()}"


def first_run_of(order: OrderId) -> RunId:
    """The run that a submission makes. A requeue makes `.2`, and so on."""
    return RunId(f"{order}.1")


def order_of(run: RunId) -> OrderId:
    """The order that a run works on."""
    return OrderId(run.partition(".")[0])


def is_order_id(text: str) -> bool:
    """Whether `text` is a whole order id."""
    return _ORDER.match(text) is not None


def is_run_id(text: str) -> bool:
    """Whether `text` is a whole run id, hence also a safe file name."""
    return _RUN.match(text) is not None


def parse_run_id(text: str) -> RunId:
    """`text` as a run id.

    Raises:
        UsageError: it is none.
    """
    if not is_run_id(text):
        raise UsageError(f"{text!r} is not a run id (they look like abcd2345.1)")
    return RunId(text)


def split_asked(text: str) -> tuple[str, int | None, int | None]:
    """What an operator typed, `prefix[.k][/n]`, as (order prefix, run number or None, iteration or None).

    Raises:
        UsageError: it cannot be an id of ours.
    """
    match = _ASKED.match(text.strip().removeprefix("agentgate://").lower())
    if match is None:
        raise UsageError(
            f"{text!r} is not an id; give an order (abcd2345), a run (abcd2345.1) or an iteration (abcd2345.1/2)"
        )
    prefix, run, iteration = match.groups()
    return prefix, int(run) if run else None, int(iteration) if iteration else None
