"""Linters whose findings stand below the name of their file, or in a spelling of their own."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agentgate_engine.verify.finding import Finding, Parsed
from agentgate_engine.verify.output_window import OutputLine
from agentgate_engine.verify.tree_paths import TreePaths

# eslint, stylelint, biome in their grouped reports, ruff --output-format grouped
_ENTRY = re.compile(r"^ +(?P<line>\d+):(?P<column>\d+) +(?:(?P<word>error|warning|✖|⚠) +)?(?P<message>\S.*)$")
_COMPACT = re.compile(
    r"^(?P<path>[^\s:][^:]*): line (?P<line>\d+), col (?P<column>\d+), "
    r"(?P<word>Error|Warning|Info) - (?P<message>\S.*)$"
)
_OOPS = "Oops! Something went wrong! :("
_IMPORTED_FROM = re.compile(r"imported from (?P<path>\S+)$")
_RUFF_FAILED = "ruff failed"
_CAUSE = re.compile(r"^ +Cause: (?P<message>\S.*)$")
_RUFF_FILE = re.compile(r"^Failed to parse `?(?P<path>[^`]+?)`?$")
_RUFF_PLACE = re.compile(r"^TOML parse error at line (?P<line>\d+), column (?P<column>\d+)$")


def parse_linters(lines: Sequence[OutputLine], tree: TreePaths) -> Parsed:
    """Errors with their places; warnings as such, for a linter that was told to fail on them."""
    parsed = Parsed()
    file: str | None = None
    for i, line in enumerate(lines):
        text = line.text
        if compact := _COMPACT.match(text):
            path = tree.relative(compact["path"])
            if path:
                parsed.findings.append(_entry(compact, path, line.number, compact["word"] == "Error"))
                parsed.claimed.add(line.number)
        elif file and (entry := _ENTRY.match(text)):
            parsed.findings.append(_entry(entry, file, line.number, entry["word"] not in ("warning", "⚠")))
            parsed.claimed.add(line.number)
        elif text and not text[0].isspace():
            file = tree.known(text.rstrip().removesuffix(":"))
            if text == _OOPS:
                _eslint_stopped(lines[i + 1 : i + 30], tree, parsed)
            elif text == _RUFF_FAILED:
                _ruff_stopped(line, lines[i + 1 : i + 30], tree, parsed)
    return parsed


def _entry(entry: re.Match[str], file: str, number: int, error: bool) -> Finding:
    """A column of its own for the rule is kept, set off by two blanks, as mypy does it."""
    message = entry["message"].rstrip()
    said, _, rule = message.rpartition("  ")
    if said and " " not in rule:
        message = f"{said.rstrip()}  [{rule}]"
    return Finding(
        "build_error" if error else "warning",
        message,
        number,
        file,
        int(entry["line"]),
        int(entry["column"]),
        strength="strong" if error else "warning",
    )


def _eslint_stopped(lines: Sequence[OutputLine], tree: TreePaths, parsed: Parsed) -> None:
    """ESLint could not work at all: what it says stands below its version."""
    said = next((line for line in lines if line.text.strip() and not line.text.startswith("ESLint: ")), None)
    if said:
        named = _IMPORTED_FROM.search(said.text[-300:])
        file = tree.known(named["path"]) if named else None
        parsed.findings.append(Finding("error", said.text.strip(), said.number, file))
        parsed.claimed.add(said.number)


def _ruff_stopped(first: OutputLine, lines: Sequence[OutputLine], tree: TreePaths, parsed: Parsed) -> None:
    causes = [cause["message"] for line in lines if (cause := _CAUSE.match(line.text))]
    files = [tree.relative(found["path"]) for cause in causes if (found := _RUFF_FILE.match(cause))]
    place = next((found for cause in causes if (found := _RUFF_PLACE.match(cause))), None)
    detail = next((line.text for line in lines if line.text.startswith(("invalid ", "unknown ", "missing "))), None)
    message = ": ".join([first.text, *causes[-1:], *([detail] if detail else [])])
    at = (int(place["line"]), int(place["column"])) if place else (None, None)
    parsed.findings.append(Finding("error", message, first.number, files[-1] if files else None, *at))
