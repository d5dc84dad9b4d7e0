"""Words of servers and checks, made harmless and short before they enter an error or a record."""

from __future__ import annotations

from agentgate_engine.store.masking import Masker
from agentgate_engine.views.safe_text import sanitize, sanitize_block

_SHAPES = Masker()


def one_line(text: str, limit: int) -> str:
    """At most `limit` characters on one line, without control sequences and known shapes of secrets."""
    joined = " ".join(text[: limit * 8].split())
    return _clipped(_SHAPES.mask(sanitize(joined)), limit)


def block(text: str, limit: int) -> str:
    """As `one_line`, lines kept."""
    return _clipped(_SHAPES.mask(sanitize_block(text[: limit * 4])), limit)


def _clipped(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
