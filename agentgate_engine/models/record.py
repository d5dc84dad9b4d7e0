"""The base of everything written to disk."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from agentgate_engine.errors import CorruptRecord


class Record(BaseModel):
    """An immutable value with camelCase names on disk.

    Readers tolerate keys they do not know (a newer minor version may have written them); writers never invent any.
    Times are UTC ISO-8601 with milliseconds, durations integer milliseconds, sizes bytes, cost USD.
    """

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore")

    def to_json(self) -> bytes:
        """One indented JSON document, as stored in a file of its own."""
        return self.model_dump_json(by_alias=True, indent=2).encode() + b"\n"

    def to_line(self) -> bytes:
        """One JSON line, as appended to a log."""
        return self.model_dump_json(by_alias=True).encode() + b"\n"

    @classmethod
    def from_json(cls, raw: bytes, where: str) -> Self:
        """Parse what `to_json` or `to_line` wrote. `where` names the file in the error.

        Raises:
            CorruptRecord: the bytes are not JSON, or not this record; the message names the first offending key.
        """
        try:
            return cls.model_validate_json(raw)
        except ValidationError as fault:
            first = fault.errors(include_url=False)[0]
            key = ".".join(str(part) for part in first["loc"]) or "the document"
            raise CorruptRecord(f"{where} is not a readable {cls.__name__}: {key}: {first['msg']}") from fault
