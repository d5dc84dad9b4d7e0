"""What a line of a transcript is. A file of its own: whoever draws lines needs no records."""

from __future__ import annotations

from enum import StrEnum


class LineKind(StrEnum):
    MESSAGE = "message"
    THINKING = "thinking"
    TOOL_CALL = "tool_call"
    TOOL_OUTPUT = "tool_output"
    NOTICE = "notice"
    OUTPUT = "output"
    ERROR_OUTPUT = "error_output"
