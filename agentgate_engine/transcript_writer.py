"""Writes `transcript-{n}.jsonl` from what a parser says, and skips what an earlier engine already wrote."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from agentgate_engine.agents.driver import Line
from agentgate_engine.clock import to_stamp
from agentgate_engine.models.transcript import TEXT_LIMIT
from agentgate_engine.store.append_log import AppendLog
from agentgate_engine.store.line_reader import read_lines


@dataclass
class TranscriptWriter:
    """The one writer of a transcript; `first_seq` is where the lines of this attempt begin.

    A parser is deterministic, so a replayed log gives the lines that are there already: the first so many of each
    stream are skipped, and what comes after them is new.
    """

    log: AppendLog
    process: str
    mask: Callable[[str], str]
    next_seq: int
    first_seq: int
    _skip: Counter[str] = field(default_factory=Counter[str])

    @classmethod
    def open(cls, path: Path, process: str, mask: Callable[[str], str]) -> TranscriptWriter:
        """Go on with a transcript for the attempt in process folder `process`."""
        log = AppendLog.open(path)
        written: Counter[str] = Counter()
        lines = read_lines(path)
        for line in lines:
            found = json.loads(line)
            if found["process"] == process:
                written[found["stream"]] += 1
        return cls(log, process, mask, len(lines), len(lines) - written.total(), written)

    def write(self, lines: Iterable[Line]) -> None:
        """Append lines in one write.

        Raises:
            ParkRun: they could not be written.
        """
        encoded: list[bytes] = []
        for line in lines:
            if self._skip[line.stream] > 0:
                self._skip[line.stream] -= 1
                continue
            encoded.append(self._encode(line))
        if encoded:
            self.log.append(b"".join(encoded), sync=False)

    def _encode(self, line: Line) -> bytes:
        text = self.mask(line.text)
        record: dict[str, object] = {
            "seq": self.next_seq,
            "t": to_stamp(line.t),
            "kind": line.kind.value,
            "text": text[:TEXT_LIMIT],
            "stream": line.stream,
            "raw": line.raw,
            "process": self.process,
            "tool": line.tool,
            "isError": line.is_error,
            "cut": line.cut or len(text) > TEXT_LIMIT,
        }
        self.next_seq += 1
        return json.dumps(record, ensure_ascii=False).encode() + b"\n"

    def close(self) -> None:
        self.log.close()


def transcript_tail(path: Path, lines: int = 50) -> str:
    """The text of the last lines of a transcript, as people read them; empty when there is none."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - lines * 3 * TEXT_LIMIT))
            found = file.read().split(b"\n")
    except FileNotFoundError:
        return ""
    texts: list[str] = []
    for line in found[-lines - 1 :]:
        try:
            texts.append(str(json.loads(line)["text"]))
        except (ValueError, KeyError):
            continue
    return "\n".join(texts)
