"""The gate plan: what will judge a run, each value with where it came from."""

from __future__ import annotations

import hashlib
import json

from agentgate_engine.models.record import Record

DEFAULT_FORBIDDEN = ["**/.env", "**/.env.*", "**/secrets/**", "**/*.pem", "**/*.key"]


class PlannedCommand(Record):
    """A command of the plan, run by `/bin/sh -c` in the clean room. `timeout` in seconds."""

    name: str
    command: str
    timeout: float = 120
    expected_exit: int = 0
    origin: str = "default"


class Contracts(Record):
    """`forbidden_patterns` judge the whole tree, `forbidden_new_patterns` only files that the base has not."""

    required_files: list[str] = []
    forbidden_patterns: list[str] = []
    forbidden_new_patterns: list[str] = []


class GatePlan(Record):
    """`gate-plan.json`. `origins` maps each key to the file and line, or to `default`. `max_runtime` in seconds."""

    source: str
    source_file: str | None = None
    source_commit: str
    name: str
    setup: list[PlannedCommand] = []
    contracts: Contracts = Contracts()
    tests: list[PlannedCommand] = []
    max_runtime: float = 600
    origins: dict[str, str] = {}
    warnings: list[str] = []

    @property
    def hash(self) -> str:
        """SHA-256 (first 16 hex digits) of all that decides a verdict; names of origin do not."""
        verdict = self.model_dump(
            mode="json",
            include={"setup", "contracts", "tests", "max_runtime"},
            exclude={"setup": {"__all__": {"origin"}}, "tests": {"__all__": {"origin"}}},
        )
        return hashlib.sha256(json.dumps(verdict, sort_keys=True).encode()).hexdigest()[:16]
