"""Wishes of an operator, kept before they are acted on."""

from __future__ import annotations

from typing import Literal

from pydantic import JsonValue

from agentgate_engine.models.record import Record


class ControlEntry(Record):
    """A line of `control.jsonl`. `by` is who asked (user@host)."""

    seq: int
    t: str
    action: Literal["cancel"]
    run_id: str
    by: str = ""
    data: dict[str, JsonValue] = {}
