"""Annotations for a CI service: GitHub's `::error file=...::`, and `##vso[task.logissue ...]` of Azure Pipelines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote

from agentgate_engine.verify.finding import Finding, Parsed
from agentgate_engine.verify.output_window import OutputLine
from agentgate_engine.verify.tree_paths import TreePaths

_GITHUB = re.compile(r"^\s*::(?P<word>error|warning) (?P<keys>[^:]*(?::(?!:)[^:]*)*)::(?P<message>\S.*)$")
_AZURE = re.compile(r"^##vso\[task\.logissue (?P<keys>[^\]]*)\](?P<message>\S.*)$")
_PLACE = re.compile(r"^[^\s:]+:\d+:\d+: ")
_NAMES = {"sourcepath": "file", "linenumber": "line", "columnnumber": "col", "column": "col"}


def parse_annotations(lines: Sequence[OutputLine], tree: TreePaths) -> Parsed:
    """Weak findings: most tools print them besides a report that says more."""
    parsed = Parsed()
    for line in lines:
        github = _GITHUB.match(line.text)
        found = github or _AZURE.match(line.text)
        if found is None:
            continue
        keys: dict[str, str] = {}
        for pair in found["keys"].split("," if github else ";"):
            name, _, value = pair.partition("=")
            keys[_NAMES.get(name.strip(), name.strip())] = value
        error = (github["word"] if github else keys.get("type")) == "error"
        message = _PLACE.sub("", unquote(found["message"]).partition("\n")[0])
        path = tree.relative(unquote(keys.get("file", ""))) if keys.get("file") else None
        parsed.findings.append(
            Finding(
                "error" if error else "warning",
                f"{keys['code']} {message}" if keys.get("code") else message,
                line.number,
                path,
                _number(keys.get("line")),
                _number(keys.get("col")),
                strength="weak" if error else "warning",
            )
        )
        parsed.claimed.add(line.number)
    return parsed


def _number(value: str | None) -> int | None:
    return int(value) if value and value.isascii() and value.isdigit() and len(value) < 10 else None
