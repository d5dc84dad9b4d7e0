"""SARIF 2.1, the interchange format of static analysis: results with their places."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote

from agentgate_engine.verify.finding import Finding
from agentgate_engine.verify.json_values import at, mapping, number, sequence, text
from agentgate_engine.verify.tree_paths import TreePaths

MAX_RESULTS = 1000


def sarif_findings(document: object, tree: TreePaths) -> Iterator[Finding]:
    """Results of level error, and warnings as such. What passed, was suppressed or is gone is none.

    A result without a level has that of its rule, else it is a warning (SARIF 2.1.0, 3.27.10).
    """
    left = MAX_RESULTS
    for run in sequence(at(document, "runs")):
        levels = _levels(run)
        for result in sequence(at(run, "results")):
            if left and (found := _finding(result, levels, tree)):
                left -= 1
                yield found


def _levels(run: object) -> dict[str, str]:
    """The level that each rule has by default."""
    rules = sequence(at(run, "tool", "driver", "rules"))
    return {text(at(rule, "id")): text(at(rule, "defaultConfiguration", "level")) for rule in rules}


def _finding(result: object, levels: dict[str, str], tree: TreePaths) -> Finding | None:
    if text(at(result, "kind")) not in ("", "fail") or sequence(at(result, "suppressions")):
        return None
    rule = text(at(result, "ruleId")) or text(at(result, "rule", "id"))
    level = text(at(result, "level")) or levels.get(rule) or "warning"
    message = text(at(result, "message", "text")) or text(at(result, "message", "markdown"))
    if level not in ("error", "warning") or at(result, "baselineState") == "absent" or not (message or rule):
        return None
    place = at(next(iter(sequence(at(result, "locations"))), None), "physicalLocation")
    path = unquote(text(at(place, "artifactLocation", "uri")))
    region = mapping(at(place, "region"))
    return Finding(
        "build_error" if level == "error" else "warning",
        f"{message}  [{rule}]" if rule and message else message or rule,
        1,
        tree.relative(path) if path else None,
        number(region.get("startLine")),
        number(region.get("startColumn")),
        strength="strong" if level == "error" else "warning",
    )
