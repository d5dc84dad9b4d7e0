"""The transcript: what people read of an agent's work. One record is one line of text on a screen."""

from __future__ import annotations

from typing import Literal

from agentgate_engine.models.line_kind import LineKind
from agentgate_engine.models.record import Record

TEXT_LIMIT = 4096
"""Characters of a line kept in the transcript; `raw` says where the whole of it stands."""


class TranscriptLine(Record):
    """A line of `transcript-{n}.jsonl`.

    `text` holds no newline and at most `TEXT_LIMIT` characters (`cut` when there was more). `raw` is [offset, length]
    in bytes of the raw log of `stream` in process folder `process` that this line came from. `seq` counts from 0.
    """

    seq: int
    t: str
    kind: LineKind
    text: str
    stream: Literal["stdout", "stderr"] = "stdout"
    raw: tuple[int, int]
    process: str
    tool: str | None = None
    is_error: bool = False
    cut: bool = False
