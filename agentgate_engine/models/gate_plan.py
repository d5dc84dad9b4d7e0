"""The gate plan: what will judge a run, each value with where it came from."""

from __future__ import annotations

import hashlib
import json
from typing import Literal

from pydantic import JsonValue

from agentgate_engine.models.record import Record

DEFAULT_FORBIDDEN = ["**/.env", "**/.env.*", "**/secrets/**", "**/*.pem", "**/*.key"]
DEFAULT_DISALLOWED = ["rm -rf /", "sudo rm -rf"]
DEFAULT_MAX_DISK_MB = 100.0

DocumentFormat = Literal["json", "yaml"]
RuleName = Literal["has_field", "field_type", "matches_regex", "json_schema"]
FieldType = Literal["string", "number", "integer", "boolean", "object", "array", "null"]
NamingRule = Literal["kebab-case", "snake_case", "camelCase", "PascalCase"]
AssertionName = Literal["exit_code", "contains", "matches_regex", "json_equals", "json_schema", "equals_file"]
SanityName = Literal["debug-artifacts", "large-files", "common-mistakes", "clean-state", "test-coverage"]

_DECISIVE = {"setup", "contracts", "tests", "blackbox", "sanity", "max_runtime", "max_disk_mb", "check_retries"}

ALL_SANITY: list[SanityName] = ["debug-artifacts", "large-files", "common-mistakes", "clean-state", "test-coverage"]
"""Every check of L3, in the order they run. All of them run unless a plan says otherwise."""


class PlannedCommand(Record):
    """A command of the plan, run by `/bin/sh -c` in the clean room. `timeout` in seconds."""

    name: str
    command: str
    timeout: float = 120
    expected_exit: int = 0
    origin: str = "default"


class JsonSchema(Record):
    """A JSON Schema: written out in the plan, or the path of a JSON or YAML file at the base commit."""

    path: str | None = None
    inline: JsonValue = None

    @property
    def named(self) -> str:
        return self.path or "the schema in the plan"


class SchemaRule(Record):
    """One demand on a document. `field` is a path such as `scripts.test` or `steps[0].name`; empty is the whole."""

    type: RuleName
    field: str = ""
    expected_type: FieldType | None = None
    pattern: str | None = None
    json_schema: JsonSchema | None = None
    origin: str = "default"


class SchemaContract(Record):
    """What the JSON or YAML document in `file` must look like."""

    file: str
    format: DocumentFormat
    rules: list[SchemaRule] = []
    origin: str = "default"


class NamingContract(Record):
    """How the files that `pattern` means must be named."""

    pattern: str
    rule: NamingRule
    origin: str = "default"


class Contracts(Record):
    """`forbidden_patterns` judge the whole tree, `forbidden_new_patterns` only files that the base has not."""

    required_files: list[str] = []
    forbidden_patterns: list[str] = []
    forbidden_new_patterns: list[str] = []
    required_schemas: list[SchemaContract] = []
    naming_conventions: list[NamingContract] = []


class Assertion(Record):
    """One demand on the end and the stdout of a blackbox command. Which of the values counts is up to `type`."""

    type: AssertionName
    expected: JsonValue = None
    value: str | None = None
    pattern: str | None = None
    file: str | None = None
    json_schema: JsonSchema | None = None
    origin: str = "default"


class PlannedBlackbox(PlannedCommand):
    """A command that gets `fixture` (a file at the base commit) on stdin and whose output is judged by `assertions`.

    `expected_exit` is 0 unless an `exit_code` assertion says otherwise.
    """

    fixture: str | None = None
    assertions: list[Assertion] = []


class GatePlan(Record):
    """`gate-plan.json`. `origins` maps each key to the file and line, or to `default`. `max_runtime` in seconds.

    `sanity` names the checks of L3 that run; `max_disk_mb` is what one changed file may weigh. `check_retries` is how
    often a failed command of L1 or L2 is run again.
    """

    source: str
    source_file: str | None = None
    source_commit: str
    name: str
    setup: list[PlannedCommand] = []
    contracts: Contracts = Contracts()
    tests: list[PlannedCommand] = []
    blackbox: list[PlannedBlackbox] = []
    sanity: list[SanityName] = ALL_SANITY
    max_runtime: float = 600
    max_disk_mb: float = DEFAULT_MAX_DISK_MB
    disallowed_commands: list[str] = DEFAULT_DISALLOWED
    check_retries: int = 0
    origins: dict[str, str] = {}
    warnings: list[str] = []

    @property
    def hash(self) -> str:
        """SHA-256 (first 16 hex digits) of all that decides a verdict; names of origin do not."""
        origin = {"__all__": {"origin": True}}
        verdict = self.model_dump(
            mode="json",
            include=_DECISIVE,
            exclude={
                "setup": origin,
                "tests": origin,
                "blackbox": {"__all__": {"origin": True, "assertions": origin}},
                "contracts": {
                    "required_schemas": {"__all__": {"origin": True, "rules": origin}},
                    "naming_conventions": origin,
                },
            },
        )
        return hashlib.sha256(json.dumps(verdict, sort_keys=True).encode()).hexdigest()[:16]
