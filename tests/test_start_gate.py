"""When an engine starts something new."""

from __future__ import annotations

from dataclasses import dataclass

from agentgate_engine.slots.headroom import Floor, Headroom
from agentgate_engine.slots.start_gate import MEASURED_S, StartGate


@dataclass
class Machine:
    """A clock that stands still, and memory that can run out."""

    seconds: float = 1000.0
    memory_mb: int = 8000
    asked: int = 0

    def now(self) -> float:
        return self.seconds

    def monotonic(self) -> float:
        return self.seconds

    def probe(self) -> Headroom:
        self.asked += 1
        return Headroom(self.memory_mb, 8000)


def gate(machine: Machine, *, stagger_s: float = 0.0) -> StartGate:
    return StartGate(Floor(2048, 1024), stagger_s, machine.probe, machine)  # pyright: ignore[reportArgumentType]


def test_nothing_starts_below_the_floor_until_there_is_room_again() -> None:
    """upstream.md L8: below the floor nothing starts and the reason is shown."""
    machine = Machine(memory_mb=812)
    door = gate(machine)
    wait = door.closed()
    assert wait is not None
    assert (wait.words, wait.until) == ("memory: 812 MB free, 2048 MB needed", None)
    machine.memory_mb = 4000
    assert door.closed() == wait, "it is not measured at every look"
    assert machine.asked == 1
    machine.seconds += MEASURED_S
    assert door.closed() is None


def test_a_start_makes_it_measure_again_at_once() -> None:
    machine = Machine()
    door = gate(machine)
    assert door.closed() is None
    machine.memory_mb = 100
    door.started()
    assert door.closed() is not None


def test_starts_are_apart_and_the_wait_says_until_when() -> None:
    machine = Machine()
    door = gate(machine, stagger_s=30)
    assert door.closed() is None
    door.started()
    machine.seconds += 10
    wait = door.closed()
    assert wait is not None
    assert (wait.kind, wait.until) == ("stagger", "1970-01-01T00:17:10.000Z")
    machine.seconds += 20
    assert door.closed() is None
