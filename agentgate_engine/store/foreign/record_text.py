"""The log that a value inside of a record is: `agent-2.json#stdout`, `verification-1.json#L1.2`."""

from __future__ import annotations

import os
import re
from pathlib import Path

from agentgate_engine.errors import StoreError
from agentgate_engine.models.verification import Level
from agentgate_engine.store.foreign.agents import transcript_of
from agentgate_engine.store.foreign.records import read_fields
from agentgate_engine.store.foreign.verifications import check_text
from agentgate_engine.store.masking import Masker

_NAME = re.compile(
    r"((?:agent|verification)-[1-9][0-9]{0,5}\.json)#(?:(stdout|stderr|transcript|logs)|(L[0-3])\.([1-9][0-9]{0,5}))\Z"
)


def record_text(path: Path) -> bytes | None:
    """What the log at `path` holds, or None when that is no name of a value in a record.

    Streams are as the agent wrote them; the transcript is masked.

    Raises:
        FileNotFoundError: the record is not there.
        StoreError: it cannot be read.
    """
    match = _NAME.match(path.name)
    if match is None:
        return None
    file, key, level, number = match.groups()
    try:
        fields = read_fields(path.with_name(file))
    except StoreError as fault:
        raise StoreError(f"cannot read {path}: {fault}") from fault
    if level is not None:
        text = check_text(fields, Level(level), int(number)) or ""
    elif key == "transcript":
        return b"".join(transcript_of(fields, Masker.from_environment(os.environ).mask))
    else:
        text = fields.text(key) or ""
    return text.encode()
