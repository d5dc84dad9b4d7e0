"""How one value of a profile is read: its type and range, with a fault that names file, line and key."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import cast, get_args

import yaml
from pydantic import JsonValue

from agentgate_engine.models.build_error import BuildErrorType
from agentgate_engine.models.verification import Level
from agentgate_engine.models.work_order import SkippableKind
from agentgate_engine.verify.yaml_value import YamlValue

Reader = Callable[[YamlValue], JsonValue]

MAX_TEXT = 1000
_TAG = "tag:yaml.org,2002:"
_DECIMAL = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,9})?\Z")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\*?\Z")
_CREDENTIALS = re.compile(r"://[^/@\s]*:[^/@\s]*@")
_LEVEL_WORDS = {"contracts": "L0", "commands": "L1", "blackbox": "L2", "sanity": "L3"}
SKIPPABLE = ("lint", "typecheck", "test", *_LEVEL_WORDS, *(level.value for level in Level))


def is_nothing(value: YamlValue) -> bool:
    """Whether it is YAML's null, which takes back what an ancestor set."""
    return value.node.tag == _TAG + "null"


def optional(read: Reader) -> Reader:
    """As `read`, with nothing (`null`, `~`) allowed."""
    return lambda value: None if is_nothing(value) else read(value)


def boolean(value: YamlValue) -> JsonValue:
    return value.boolean()


def integer(low: int, high: int) -> Reader:
    return lambda value: value.integer(low, high)


def number(low: float, high: float, *, above: bool = False) -> Reader:
    """A number from `low` (or just above it) to `high`."""

    def read(value: YamlValue) -> JsonValue:
        if value.node.tag in (_TAG + "int", _TAG + "float") and _DECIMAL.match(str(value.node.value)):
            found = float(value.node.value)
            if low <= found <= high and not (above and found == low):
                return int(found) if found.is_integer() else found
        bounds = f"above {low:g} and up to {high:g}" if above else f"from {low:g} to {high:g}"
        raise value.fault(f"must be a number {bounds}, not {value.shown}")

    return read


def text(value: YamlValue) -> JsonValue:
    """One line of text."""
    found = value.text()
    if len(found) > MAX_TEXT or not found.isprintable():
        raise value.fault(f"must be one line of at most {MAX_TEXT} characters")
    return found


def long_text(value: YamlValue) -> JsonValue:
    """Text of several lines."""
    return value.text()


def texts(value: YamlValue) -> JsonValue:
    """A list of texts, each once."""
    found: list[JsonValue] = []
    for item in value.items():
        entry = text(item)
        if entry in found:
            raise item.fault(f"{item.shown} stands twice")
        found.append(entry)
    return found


def choice(allowed: Sequence[str], aliases: Mapping[str, str] | None = None) -> Reader:
    """One of some words; `aliases` maps other words for them."""
    other = aliases or {}

    def read(value: YamlValue) -> JsonValue:
        word = value.text(f"one of {', '.join(allowed)}")
        if word in allowed:
            return word
        if word in other:
            return other[word]
        near = difflib.get_close_matches(word, [*allowed, *other], n=1)
        raise value.fault(f"must be one of {', '.join(allowed)}, not {value.shown}{_hint(near)}")

    return read


def variables(value: YamlValue) -> JsonValue:
    """Names of environment variables, NAME or PREFIX*."""
    found = cast("list[str]", texts(value))
    for item, name in zip(value.items(), found, strict=True):
        if not _VARIABLE.match(name):
            raise item.fault(f"must be the name of a variable, NAME or PREFIX*, not {item.shown}")
    return cast("JsonValue", found)


def remote(value: YamlValue) -> JsonValue:
    """A remote's name or its URL, which must not hold a password: profiles are shared."""
    found = cast("str", text(value))
    if found.startswith("-"):
        raise value.fault("must be the name of a remote or a URL")
    if _CREDENTIALS.search(found):
        raise value.fault("must not hold a password; git asks its credential helper, and GitHub's token is a variable")
    return found


def reference(value: YamlValue) -> JsonValue:
    """The name of a branch."""
    found = cast("str", text(value))
    if found.startswith(("-", "/")) or ".." in found or any(sign in found for sign in " ~^:?*[\\"):
        raise value.fault(f"must be the name of a branch, not {value.shown}")
    return found


def repository(value: YamlValue) -> JsonValue:
    """`owner/name`."""
    found = cast("str", text(value))
    if not re.fullmatch(r"[A-Za-z0-9._-]+/[A-Za-z0-9._-]+", found):
        raise value.fault(f"must be owner/name, not {value.shown}")
    return found


def web_address(value: YamlValue) -> JsonValue:
    found = cast("str", text(value))
    if not found.startswith(("https://", "http://")) or _CREDENTIALS.search(found):
        raise value.fault(f"must be an http(s) address without a password, not {value.shown}")
    return found


def path_beside(value: YamlValue) -> JsonValue:
    """A path; a relative one starts at the folder of the profile."""
    return str((Path(value.file).parent / Path(cast("str", text(value))).expanduser()).absolute())


def skipped(value: YamlValue) -> JsonValue:
    """Levels (by sign or by word) and kinds of commands, as `L0` to `L3`, `lint`, `typecheck` and `test`, each once."""
    found: list[JsonValue] = []
    for item in value.items():
        word = item.text(f"one of {', '.join(SKIPPABLE)}")
        if word not in SKIPPABLE:
            near = difflib.get_close_matches(word, SKIPPABLE, n=1)
            raise item.fault(f"must be one of {', '.join(SKIPPABLE)}, not {item.shown}{_hint(near)}")
        entry = _LEVEL_WORDS.get(word, word)
        if entry not in found:
            found.append(entry)
    return found


def error_types(value: YamlValue) -> JsonValue:
    """Types of errors that are tried again."""
    names = [kind.value for kind in BuildErrorType]
    read = choice(names)
    return list(dict.fromkeys(cast("str", read(item)) for item in value.items()))


def plain(value: YamlValue) -> JsonValue:
    """Any plain value, for what a custom strategy is given."""
    node = value.node
    if isinstance(node, yaml.SequenceNode):
        return [plain(item) for item in value.items()]
    if isinstance(node, yaml.MappingNode):
        return {name: plain(entry) for name, entry in value.mapping(names_of(value)).items()}
    if is_nothing(value):
        return None
    if node.tag == _TAG + "bool":
        return value.boolean()
    if node.tag in (_TAG + "int", _TAG + "float"):
        return number(-999_999_999, 999_999_999)(value)
    if value.is_text:
        return str(node.value)
    raise value.fault(f"must be a plain value, not {value.shown}; put it in quotes")


def names_of(value: YamlValue) -> list[str]:
    """The plain keys of a mapping, before anything about them is checked; none when it is no mapping."""
    if not isinstance(value.node, yaml.MappingNode):
        return []
    pairs = cast("list[tuple[yaml.Node, yaml.Node]]", value.node.value)
    return [str(key.value) for key, _ in pairs if isinstance(key, yaml.ScalarNode)]


def line_of(value: YamlValue, name: str) -> int:
    """The line of a key of a mapping."""
    if isinstance(value.node, yaml.MappingNode):
        for key, _ in cast("list[tuple[yaml.Node, yaml.Node]]", value.node.value):
            if isinstance(key, yaml.ScalarNode) and key.value == name and key.start_mark:
                return key.start_mark.line + 1
    return value.line


SKIPPABLE_KINDS: tuple[str, ...] = get_args(SkippableKind)


def _hint(near: Sequence[str]) -> str:
    return f"; did you mean {near[0]}?" if near else ""
