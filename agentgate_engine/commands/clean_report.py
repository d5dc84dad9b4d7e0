"""What a clean did, or would do: each thing with its size, and what stays although the rules would let it go."""

from __future__ import annotations

from dataclasses import dataclass, field

from agentgate_engine.store.footprint import Footprint

KINDS = ("runs", "workspaces", "undelivered", "logs", "mirrors", "quarantine", "leftovers")


@dataclass(frozen=True, slots=True)
class CleanItem:
    """Something that goes. `name` is a run, a mirror or an entry of quarantine or trash; `size` the bytes freed."""

    kind: str
    name: str
    reason: str
    size: int


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """Something that would go but for `why`. `size` is what it holds."""

    name: str
    why: str
    size: int = 0


@dataclass(frozen=True, slots=True)
class CleanReport:
    """What went, or would go. `undelivered` are runs whose work was never delivered; `left` what could not be touched;
    `faults` what could not be deleted, and stays in the trash for the next clean."""

    dry_run: bool
    items: tuple[CleanItem, ...]
    freed: dict[str, int]
    undelivered: tuple[LeftAlone, ...]
    left: tuple[LeftAlone, ...]
    faults: tuple[str, ...]

    @property
    def total(self) -> int:
        return sum(self.freed.values())


@dataclass
class Tally:
    """What went so far, in order, each with its share: a file with several names is freed with the last of them."""

    items: list[tuple[str, str, str, Footprint]] = field(default_factory=list[tuple[str, str, str, Footprint]])
    left: list[LeftAlone] = field(default_factory=list[LeftAlone])
    faults: list[str] = field(default_factory=list[str])

    def add(self, kind: str, name: str, reason: str, size: Footprint) -> None:
        self.items.append((kind, name, reason, size))

    def priced(self) -> tuple[CleanItem, ...]:
        found: list[CleanItem] = []
        so_far = Footprint()
        for kind, name, reason, size in self.items:
            after = so_far + size
            found.append(CleanItem(kind, name, reason, after.freed - so_far.freed))
            so_far = after
        return tuple(found)

    def report(self, *, dry_run: bool, undelivered: list[LeftAlone]) -> CleanReport:
        """All of it. A kind of which nothing went is not in `freed`."""
        items = self.priced()
        kinds = [kind for kind in KINDS if any(item.kind == kind for item in items)]
        freed = {kind: sum(item.size for item in items if item.kind == kind) for kind in kinds}
        return CleanReport(dry_run, items, freed, tuple(undelivered), tuple(self.left), tuple(self.faults))
