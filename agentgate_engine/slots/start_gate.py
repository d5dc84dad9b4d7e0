"""Whether an engine may start something new now, and why not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from agentgate_engine.clock import Clock, to_stamp
from agentgate_engine.models.queue import StartWait
from agentgate_engine.slots.headroom import Floor, Headroom

MEASURED_S = 1.0
"""How long a measurement of memory and disk holds."""


@dataclass
class StartGate:
    """`stagger_s` is the least time between two starts, in seconds; what already began is never held up."""

    floor: Floor
    stagger_s: float
    probe: Callable[[], Headroom]
    clock: Clock
    _measured: tuple[float, StartWait | None] | None = field(default=None, repr=False)
    _last: float | None = field(default=None, repr=False)

    def closed(self) -> StartWait | None:
        """Why nothing new may start, or None. Too little memory or disk comes first: it may not end by itself."""
        now = self.clock.monotonic()
        if self._measured is None or now - self._measured[0] >= MEASURED_S:
            self._measured = (now, self.floor.shortage(self.probe()))
        if self._measured[1] is not None:
            return self._measured[1]
        left = 0.0 if self._last is None else self._last + self.stagger_s - now
        if left <= 0:
            return None
        return StartWait("stagger", f"starts are {self.stagger_s:g} s apart", to_stamp(self.clock.now() + left))

    def started(self) -> None:
        """Something new was started: what is free must be measured anew."""
        self._last = self.clock.monotonic()
        self._measured = None
