"""Pins and notes of a run, as lines."""

from __future__ import annotations

from collections.abc import Sequence

from agentgate_engine.store.annotations import Annotations, Note, Pin
from agentgate_engine.views.safe_text import SafeText, sanitize


def annotation_lines(said: Annotations, run: str) -> tuple[SafeText, ...]:
    """What operators said about a run, the pin first."""
    held = said.pins.get(run)
    return (*((pin_line(held),) if held else ()), *note_lines(said.notes.get(run, [])))


def pin_line(held: Pin) -> SafeText:
    """Who keeps a run, and why."""
    return sanitize(f"pinned by {held.by}, {held.t[:16]}" + (f": {held.reason}" if held.reason else ""))


def note_lines(notes: Sequence[Note]) -> tuple[SafeText, ...]:
    """The notes, oldest first; one of several lines keeps them."""
    return tuple(
        sanitize(line) for note in notes for line in f"note by {note.by}, {note.t[:16]}: {note.text}".split("\n")
    )
