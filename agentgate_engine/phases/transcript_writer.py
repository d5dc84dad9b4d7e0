"""Writes `transcript-{n}.jsonl` from what a parser says, and skips what an earlier engine already wrote."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from agentgate_engine.agents.driver import Line
from agentgate_engine.clock import to_stamp
from agentgate_engine.errors import StoreError
from agentgate_engine.models.transcript import TEXT_LIMIT
from agentgate_engine.store.append_log import AppendLog
from agentgate_engine.store.atomic import open_regular
from agentgate_engine.store.line_reader import LineReader

_STDERR = b'"stream": "stderr"'


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
        """Go on with a transcript for the attempt in process folder `process`. It reads all of it: not for a loop.

        A line is not decoded for the two facts wanted of it: inside a text, a quote is always escaped, so a key with
        both its quotes is a key.
        """
        log = AppendLog.open(path)
        try:
            ours = f'"process": {json.dumps(process)}'.encode()
            written: Counter[str] = Counter()
            count = 0
            for line in LineReader(path).read_new():
                count += 1
                if ours in line:
                    written["stderr" if _STDERR in line else "stdout"] += 1
        except BaseException:
            log.close()
            raise
        return cls(log, process, mask, count, count - written.total(), written)

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
            "raw": line.raw,
            "process": self.process,
        }
        # A default that is spelt out in every short line makes the transcript several times as long as the log.
        if line.stream != "stdout":
            record["stream"] = line.stream
        if line.tool is not None:
            record["tool"] = line.tool
        if line.is_error:
            record["isError"] = True
        if line.cut or len(text) > TEXT_LIMIT:
            record["cut"] = True
        self.next_seq += 1
        return json.dumps(record, ensure_ascii=False).encode() + b"\n"

    def close(self) -> None:
        self.log.close()


def transcript_tail(path: Path, lines: int = 50) -> str:
    """The text of the last lines of a transcript, as people read them; empty when there is none."""
    try:
        with os.fdopen(open_regular(path), "rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - lines * 3 * TEXT_LIMIT))
            found = file.read().split(b"\n")
    except (FileNotFoundError, StoreError):
        return ""
    texts: list[str] = []
    for line in found[-lines - 1 :]:
        try:
            texts.append(str(json.loads(line)["text"]))
        except (ValueError, KeyError):
            continue
    return "\n".join(texts)
