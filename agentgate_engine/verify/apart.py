"""Judging by regular expressions and JSON Schemas in a process of its own, with a time limit.

What is matched comes from an agent, and a pattern that backtracks, or a schema that fans out, could hold up the whole
engine: no thread can be ended. The child is one file of its own and ends itself by its CPU limit should we be killed.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from pydantic import JsonValue

LIMIT_S = 20.0

_CHILD = Path(__file__).with_name("apart_child.py")


class ApartFault(Exception):
    """Why nothing could be judged: one phrase."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A place in a document that a schema does not allow; `path` is as in `field_path`, empty for the whole."""

    path: str
    message: str
    expected: str


def matches(pattern: str, text: str) -> bool:
    """Whether `pattern` is found anywhere in `text` (Python's syntax, `^` and `$` are those of the whole text).

    Raises:
        ApartFault: it took too long, or the pattern is none.
    """
    return bool(_ask({"task": "regex", "pattern": pattern, "text": text}).get("found"))


def violations(schema: JsonValue, document: JsonValue) -> list[Violation]:
    """What JSON Schema says against `document`, the first twenty. References out of the schema are not followed.

    Raises:
        ApartFault: the schema is none, refers elsewhere, or judging took too long.
    """
    answer = _ask({"task": "schema", "schema": schema, "document": document})
    found = cast("list[dict[str, str]]", answer.get("violations", []))
    return [Violation(each["path"], each["message"], each["expected"]) for each in found]


def _ask(question: dict[str, JsonValue]) -> dict[str, JsonValue]:
    try:
        done = subprocess.run(
            [sys.executable, "-I", str(_CHILD)],
            input=json.dumps(question).encode(),
            capture_output=True,
            timeout=LIMIT_S,
            check=False,
            env={},
            start_new_session=True,
        )
    except subprocess.TimeoutExpired:
        raise ApartFault(f"took longer than {LIMIT_S:g} s and was stopped") from None
    except OSError as fault:
        raise ApartFault(f"could not be judged: {fault.strerror}") from fault
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise ApartFault(f"could not be judged: {said or 'it needed more time or memory than it may have'}")
    answer = cast("dict[str, JsonValue]", json.loads(done.stdout))
    if "fault" in answer:
        raise ApartFault(str(answer["fault"]))
    return answer
