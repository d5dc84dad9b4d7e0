"""How the result of a run went back to the operator's repository."""

from __future__ import annotations

from typing import Literal

from agentgate_engine.models.record import Record


class DeliveryRecord(Record):
    """`delivery.json`. Written as `intended` before anything is touched, so that a crash is told from a success."""

    run_id: str
    mode: Literal["branch"] = "branch"
    state: Literal["intended", "delivered", "failed"]
    branch: str
    commit: str
    target: str
    error: str | None = None
    next_step: str | None = None
    updated_at: str
