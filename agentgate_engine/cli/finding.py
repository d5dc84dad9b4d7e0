"""One thing that `agentgate doctor` looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """`next_step` is set where something should be done."""

    what: str
    state: Literal["ok", "note", "problem"]
    detail: str
    next_step: str | None = None
