"""GitHub's own OpenAPI description, cut down to the operations of a delivery, and what can be checked with it.

    python3 tests/tools/github_description.py [CACHE]     fetches it with npm, unless the cache has it; prints its path

npm's `@octokit/openapi` carries the description (MIT). It is large, so only what is needed stays in the cache.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

Json = dict[str, Any]

VERSION = "23.0.2"
CUT = 1
"""Counts the changes of what is kept, so that an older cut in a cache is not taken for this one."""

OPERATIONS = (
    "get /user",
    "get /repos/{owner}/{repo}",
    "get /repos/{owner}/{repo}/branches/{branch}",
    "get /repos/{owner}/{repo}/pulls",
    "post /repos/{owner}/{repo}/pulls",
    "patch /repos/{owner}/{repo}/pulls/{pull_number}",
    "post /repos/{owner}/{repo}/pulls/{pull_number}/requested_reviewers",
    "post /repos/{owner}/{repo}/issues/{issue_number}/labels",
    "get /repos/{owner}/{repo}/issues/{issue_number}/comments",
    "post /repos/{owner}/{repo}/issues/{issue_number}/comments",
    "post /repos/{owner}/{repo}/forks",
    "get /repos/{owner}/{repo}/commits/{ref}/check-runs",
    "get /repos/{owner}/{repo}/commits/{ref}/status",
    "get /repos/{owner}/{repo}/check-runs/{check_run_id}/annotations",
    "get /repos/{owner}/{repo}/actions/runs",
)
_WORDS = ("description", "example", "examples", "title", "externalDocs", "discriminator", "deprecated", "readOnly")


def cache_directory() -> Path:
    """Where downloads of tests stay, outside the tree."""
    named = os.environ.get("AGENTGATE_CI_CACHE")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "agentgate-ci"


def fetched(cache: Path) -> Path:
    """The description in the cache, fetched first where it is missing. Several processes may ask at once.

    Raises:
        OSError, subprocess.SubprocessError: it could not be fetched.
    """
    cut = cache / f"github-openapi-{VERSION}-{CUT}.json"
    if cut.exists():
        return cut
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "github-openapi.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not cut.exists():
            fresh = cut.with_suffix(".new")
            fresh.write_text(json.dumps(cut_down(_download())))
            fresh.replace(cut)
    return cut


def _download() -> Json:
    with tempfile.TemporaryDirectory() as directory:
        pack = ["npm", "pack", f"@octokit/openapi@{VERSION}", "--silent", "--pack-destination", directory]
        subprocess.run(pack, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=300)
        (package,) = Path(directory).glob("*.tgz")
        with tarfile.open(package) as archive:
            member = archive.extractfile("package/generated/api.github.com.json")
            assert member is not None
            return json.load(member)


def cut_down(whole: Json) -> Json:
    """Only our operations, with their parameters in place, and the schemas that they lead to; as JSON Schema."""
    components = whole["components"]
    operations: Json = {}
    for name in OPERATIONS:
        method, path = name.split()
        stated = whole["paths"][path][method]
        given = [_resolved(each, components) for each in stated.get("parameters", [])]
        operations[name] = {
            "parameters": [
                {"name": each["name"], "in": each["in"], "required": each.get("required", False)}
                | {"schema": _schema(each["schema"])}
                for each in given
            ],
            "request": _content(stated.get("requestBody")),
            "responses": {
                status: _content(_resolved(answer, components)) for status, answer in stated["responses"].items()
            },
        }
    schemas: Json = {}
    pending = _references(operations)
    while pending:
        name = pending.pop()
        if name not in schemas:
            schemas[name] = _schema(components["schemas"][name])
            pending |= _references(schemas[name])
    return {"version": VERSION, "operations": operations, "components": {"schemas": schemas}}


def _resolved(part: Json, components: Json) -> Json:
    while "$ref" in part:
        _, _, kind, name = part["$ref"].split("/")
        part = components[kind][name]
    return part


def _content(part: Json | None) -> Json | None:
    """The schema of a JSON body, with whether it is required; None where there is no body."""
    for kind, content in (part or {}).get("content", {}).items():
        if kind.endswith("json") and "schema" in content:
            return _schema(content["schema"])
    return None


def _schema(schema: Json) -> Json:
    """OpenAPI 3.0 as JSON Schema: `nullable` becomes a type, and words for people go."""
    made: Json = {}
    for key, value in schema.items():
        if key in _WORDS or key.startswith("x-") or key == "nullable":
            continue
        if key in ("properties", "patternProperties"):
            made[key] = {name: _schema(each) for name, each in value.items()}
        elif key in ("items", "not") or (key == "additionalProperties" and isinstance(value, dict)):
            made[key] = _schema(value)
        elif key in ("allOf", "anyOf", "oneOf"):
            made[key] = [_schema(each) for each in value]
        else:
            made[key] = value
    if not schema.get("nullable"):
        return made
    if "enum" in made and None not in made["enum"]:
        made["enum"] = [*made["enum"], None]
    if isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
        return made
    return {"anyOf": [made, {"type": "null"}]}


def _references(part: object) -> set[str]:
    if isinstance(part, list):
        return {name for each in part for name in _references(each)}
    if not isinstance(part, dict):
        return set()
    own = {part["$ref"].rpartition("/")[2]} if isinstance(part.get("$ref"), str) else set()
    return own | {name for each in part.values() for name in _references(each)}


class Description:
    """What GitHub says of its own interface."""

    def __init__(self, path: Path) -> None:
        self._document: Json = json.loads(path.read_text())

    def knows(self, method: str, path: str) -> bool:
        return f"{method.lower()} {path}" in self._document["operations"]

    def mistakes_of_request(self, method: str, path: str, query: dict[str, str], body: object) -> list[str]:
        """What is wrong with a request to the path template `path`; what GitHub does not state is wrong too."""
        operation = self._operation(method, path)
        stated = {each["name"]: each for each in operation["parameters"] if each["in"] == "query"}
        found = [f"unknown parameter {name}" for name in query if name not in stated]
        for name, each in stated.items():
            if name not in query:
                found += [f"parameter {name} is missing"] if each["required"] else []
            else:
                found += self._mistakes(_as_stated(query[name], each["schema"]), each["schema"], f"parameter {name}")
        schema = operation["request"]
        if schema is None:
            return found + (["a body where none is stated"] if body is not None else [])
        if body is None:
            return [*found, "the body is missing"]
        return found + self._mistakes(body, schema, "body") + self._unknown_keys(body, schema)

    def mistakes_of_response(self, method: str, path: str, status: int, body: object) -> list[str]:
        """What is wrong with an answer. Faults that GitHub states for no operation (429, 5xx) are not looked at."""
        responses = self._operation(method, path)["responses"]
        if str(status) not in responses:
            return [] if status in (401, 403, 404, 429) or status >= 500 else [f"status {status} is not stated"]
        schema = responses[str(status)]
        return [] if schema is None else self._mistakes(body, schema, f"answer {status}")

    def filled(self, method: str, path: str, status: int, values: object) -> object:
        """`values` with everything beside them that GitHub always sends."""
        schema = self._operation(method, path)["responses"].get(str(status))
        return values if schema is None else self._fill(schema, values)

    def _operation(self, method: str, path: str) -> Json:
        return self._document["operations"][f"{method.lower()} {path}"]

    def _mistakes(self, value: object, schema: Json, where: str) -> list[str]:
        import jsonschema

        rooted = {"allOf": [schema], "components": self._document["components"]}
        checker = jsonschema.Draft4Validator(rooted)
        return [f"{where}: {each.json_path}: {each.message[:300]}" for each in checker.iter_errors(value)]

    def _unknown_keys(self, body: object, schema: Json) -> list[str]:
        variants = [self._plain(each) for each in schema.get("oneOf") or schema.get("anyOf") or [schema]]
        stated = {name for each in variants for name in each.get("properties", {})}
        return [f"body: unknown key {key}" for key in body if key not in stated] if isinstance(body, dict) else []

    def _plain(self, schema: Json) -> Json:
        """A schema with references followed, parts of `allOf` joined, and the first of alternatives taken."""
        while "$ref" in schema:
            schema = self._document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        for key in ("anyOf", "oneOf"):
            if key in schema and "properties" not in schema:
                return self._plain(next(each for each in schema[key] if each.get("type") != "null"))
        if "allOf" in schema:
            parts = [self._plain(each) for each in schema["allOf"]]
            properties = {name: each for part in parts for name, each in part.get("properties", {}).items()}
            required = [name for part in parts for name in part.get("required", [])]
            return {"type": "object", "properties": properties, "required": required}
        return schema

    def _fill(self, schema: Json, values: object) -> object:
        plain = self._plain(schema)
        if isinstance(values, list) and "items" in plain:
            return [self._fill(plain["items"], each) for each in values]
        if not isinstance(values, dict):
            return values
        stated = plain.get("properties", {})
        made = {name: self._smallest(stated[name]) for name in plain.get("required", []) if name in stated}
        return made | {
            name: self._fill(stated[name], each) if name in stated else each for name, each in values.items()
        }

    def _smallest(self, schema: Json) -> object:
        """The least that fits a schema; null where it may be."""
        if any(each.get("type") == "null" for each in schema.get("anyOf", [])):
            return None
        plain = self._plain(schema)
        kinds = plain.get("type", "object")
        if "enum" in plain:
            return plain["enum"][0]
        if isinstance(kinds, list):
            return None
        match kinds:
            case "array":
                return [self._smallest(plain["items"])] * plain.get("minItems", 0)
            case "string":
                return {"uri": "https://example.org/", "date-time": "2026-01-01T00:00:00Z"}.get(
                    plain.get("format", ""), "x" * max(1, plain.get("minLength", 1))
                )
            case "integer" | "number":
                return plain.get("minimum", 1)
            case "boolean":
                return False
            case _:
                return self._fill(plain, {})


def _as_stated(value: str, schema: Json) -> object:
    """A value of a query as the type that the description gives it."""
    if schema.get("type") == "integer" and value.isdecimal():
        return int(value)
    if schema.get("type") == "boolean" and value in ("true", "false"):
        return value == "true"
    return value


if __name__ == "__main__":
    print(fetched(Path(sys.argv[1]) if len(sys.argv) > 1 else cache_directory()))
