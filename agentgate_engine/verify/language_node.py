"""The checks that a package.json shows: its own scripts, after an install by the package manager of its lockfile."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import cast

from agentgate_engine.errors import UsageError
from agentgate_engine.verify.derived import CHECK_TIMEOUT, LINT_TIMEOUT, Derived

NODE_FILE = "package.json"

_SCRIPTS = (
    (("lint",), LINT_TIMEOUT),
    (("typecheck", "type-check", "check-types", "tsc"), LINT_TIMEOUT),
    (("test",), CHECK_TIMEOUT),
    (("build",), CHECK_TIMEOUT),
)
_PLACEHOLDER = re.compile(r"no test specified")
_LOCKFILES = (
    ("package-lock.json", "npm", "npm ci"),
    ("npm-shrinkwrap.json", "npm", "npm ci"),
    ("pnpm-lock.yaml", "pnpm", "pnpm install --frozen-lockfile"),
    ("yarn.lock", "yarn", "yarn install --frozen-lockfile"),
    ("bun.lock", "bun", "bun install --frozen-lockfile"),
    ("bun.lockb", "bun", "bun install --frozen-lockfile"),
)


def node_defaults(read: Callable[[str], bytes | None], paths: Sequence[str], found: Derived) -> None:
    """Add what the package.json at the top shows.

    Raises:
        UsageError: it is no JSON object.
    """
    raw = read(NODE_FILE) if NODE_FILE in paths else None
    if raw is None:
        return
    package = _parse(raw)
    scripts = {name: text for name, text in _mapping(package.get("scripts")).items() if isinstance(text, str)}
    asked = [
        (name, timeout)
        for names, timeout in _SCRIPTS
        if (name := next((each for each in names if each in scripts), None)) and not _PLACEHOLDER.search(scripts[name])
    ]
    if not asked:
        return
    found.files.append(NODE_FILE)
    manager, install, origin = _manager(package, raw, paths)
    if origin or any(_mapping(package.get(key)) for key in ("dependencies", "devDependencies", "workspaces")):
        found.add_setup(install, install, origin or _line(raw, "dependencies", "devDependencies"))
    for name, timeout in asked:
        found.add_test(name, f"{manager} run {name}", _line(raw, name, after="scripts"), timeout)


def _manager(package: dict[str, object], raw: bytes, paths: Sequence[str]) -> tuple[str, str, str | None]:
    """(program, install command, the file and line that say so)."""
    for lockfile, manager, install in _LOCKFILES:
        if lockfile in paths:
            modern = manager == "yarn" and (".yarnrc.yml" in paths or _named_manager(package) == ("yarn", True))
            return manager, "yarn install --immutable" if modern else install, f"{lockfile}:1"
    named, _ = _named_manager(package)
    if named in ("pnpm", "yarn", "bun"):
        return named, f"{named} install", _line(raw, "packageManager")
    return "npm", "npm install", None


def _named_manager(package: dict[str, object]) -> tuple[str, bool]:
    """What `packageManager` names, and whether its major version is above 1."""
    name, _, version = str(package.get("packageManager") or "").partition("@")
    return name, not version.startswith(("0.", "1."))


def _parse(raw: bytes) -> dict[str, object]:
    try:
        document: object = json.loads(raw.decode("utf-8-sig"))
    except json.JSONDecodeError as fault:
        raise UsageError(f"{NODE_FILE}:{fault.lineno}: is not valid JSON: {fault.msg}") from fault
    except (UnicodeDecodeError, RecursionError) as fault:
        raise UsageError(f"{NODE_FILE}:1: is not valid JSON") from fault
    if not isinstance(document, dict):
        raise UsageError(f"{NODE_FILE}:1: must be an object")
    return cast("dict[str, object]", document)


def _mapping(value: object) -> dict[str, object]:
    """An object; a list counts as one with its places for keys, anything else as empty."""
    if isinstance(value, list):
        return {str(place): each for place, each in enumerate(cast("list[object]", value))}
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def _line(raw: bytes, *keys: str, after: str | None = None) -> str:
    """`package.json:LINE` of the first of `keys`; of the part behind `after`, when it is given."""
    text = raw.decode("utf-8-sig", "replace")
    begin = max(text.find(f'"{after}"'), 0) if after else 0
    for key in keys:
        found = re.compile(rf'"{re.escape(key)}"\s*:').search(text, begin)
        if found:
            return f"{NODE_FILE}:{text.count(chr(10), 0, found.start()) + 1}"
    return f"{NODE_FILE}:1"
