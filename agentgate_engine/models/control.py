"""Wishes of an operator, kept before they are acted on.

What a wish carries stands in a class of its own; `ControlEntry.wish()` gives it back typed. A line of a kind that this
version does not know is no error of the log: readers pass it over, so that a newer version may write more.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, JsonValue

from agentgate_engine.models.record import Record

Action = Literal[
    "cancel",
    "priority",
    "hold",
    "release",
    "pause",
    "resume",
    "capacity",
    "requeue",
    "drain",
    "stop",
    "pin",
    "unpin",
    "note",
]

MAX_CAPACITY = 100_000


class Wish(Record):
    """The `data` of one kind of wish."""

    action: ClassVar[Action]


class CancelWish(Wish):
    """End a run."""

    action = "cancel"
    reason: str = ""


class PriorityWish(Wish):
    """Give a waiting run another priority."""

    action = "priority"
    priority: int = Field(ge=-1000, le=1000)


class HoldWish(Wish):
    """Do not start a waiting run until it is released."""

    action = "hold"
    reason: str = ""


class ReleaseWish(Wish):
    """Let a held run start again."""

    action = "release"


class PauseWish(Wish):
    """Start nothing new until the queue is resumed."""

    action = "pause"
    reason: str = ""


class ResumeWish(Wish):
    """Start again."""

    action = "resume"


class CapacityWish(Wish):
    """How many orders may wait; the next one is refused."""

    action = "capacity"
    capacity: int = Field(ge=1, le=MAX_CAPACITY)


class RequeueWish(Wish):
    """Work an order once more: `new_run` is the run that this makes."""

    action = "requeue"
    new_run: str


class DrainWish(Wish):
    """`engine` finishes what it works, takes nothing new, then ends."""

    action = "drain"
    engine: str


class StopWish(Wish):
    """`engine` ends now; its agents go on for the next one. `force` is for one that does not answer."""

    action = "stop"
    engine: str
    force: bool = False


class PinWish(Wish):
    """Keep a run, whatever the retention rules say."""

    action = "pin"
    reason: str = ""


class UnpinWish(Wish):
    """Let the retention rules have a run again."""

    action = "unpin"


class NoteWish(Wish):
    """Something to remember about a run."""

    action = "note"
    text: str


WISHES: dict[str, type[Wish]] = {kind.action: kind for kind in Wish.__subclasses__()}


class ControlEntry(Record):
    """A line of `control.jsonl`. `by` is who asked (user@host); a wish about the whole queue names no run."""

    seq: int
    t: str
    action: Action
    run_id: str | None = None
    by: str = ""
    data: dict[str, JsonValue] = {}

    def wish(self) -> Wish:
        """What is wished, typed.

        Raises:
            pydantic.ValidationError: the data does not fit the action.
        """
        return WISHES[self.action].model_validate(self.data)
