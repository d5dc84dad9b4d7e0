"""The child of `apart`: one question as JSON on stdin, one answer as JSON on stdout. Imports nothing of ours."""

from __future__ import annotations

import json
import re
import resource
import sys
from typing import Any

CPU_SECONDS = 30
MEMORY_BYTES = 2 << 30
MOST = 20


def main() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    question: dict[str, Any] = json.load(sys.stdin.buffer)
    answer = _regex(question) if question["task"] == "regex" else _schema(question)
    json.dump(answer, sys.stdout)


def _regex(question: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"found": re.search(question["pattern"], question["text"]) is not None}
    except (re.error, RecursionError) as fault:
        return {"fault": f"is not a regular expression: {fault}"}


def _schema(question: dict[str, Any]) -> dict[str, Any]:
    from jsonschema import Draft202012Validator, SchemaError
    from jsonschema.validators import validator_for  # pyright: ignore[reportUnknownVariableType]
    from jsonschema_specifications import REGISTRY  # pyright: ignore[reportMissingTypeStubs]
    from referencing.exceptions import Unresolvable

    schema: Any = question["schema"]
    if type(schema) not in (dict, bool):
        return {"fault": "is not a valid JSON Schema: it must be an object, true or false"}
    kind: Any = validator_for(schema, default=Draft202012Validator)
    try:
        kind.check_schema(schema)
        validator = kind(schema, registry=REGISTRY)
        found: list[dict[str, str]] = []
        for error in validator.iter_errors(question["document"]):
            found.append(
                {"path": _path(error.absolute_path), "message": error.message[:300], "expected": _wanted(error)}
            )
            if len(found) == MOST:
                break
        return {"violations": found}
    except SchemaError as fault:
        return {"fault": f"is not a valid JSON Schema: {fault.message[:300]}"}
    except Unresolvable as fault:
        return {"fault": f"refers to {fault.ref!r}, which is not in the schema; other documents are never fetched"}
    except re.error as fault:
        return {"fault": f"holds a pattern that is not a regular expression: {fault}"}
    except RecursionError:
        return {"fault": "refers to itself without end, or is nested too deep"}


def _path(steps: Any) -> str:
    path = ""
    for step in steps:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else str(step)
    return path


def _wanted(error: Any) -> str:
    return f"{error.validator} {json.dumps(error.validator_value)}"[:200]


if __name__ == "__main__":
    main()
