"""A YAML document as values that know where they stand, so that every fault names file, line and key.

Only the node tree is composed; no object is ever constructed from a tag. Size, depth and aliases are limited before
that, because the file comes from a repository and may be hostile. Merge keys are refused: they hide where a value
comes from.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import yaml
from pydantic import JsonValue

from agentgate_engine.errors import UsageError
from agentgate_engine.verify.documents import DocumentFault, value_of

MAX_BYTES = 256 * 1024
MAX_DEPTH = 32
MAX_ALIASES = 32

_TAG = "tag:yaml.org,2002:"
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,8})\Z")
_DECIMAL = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,9})?\Z")
_BEGINNINGS = (yaml.MappingStartEvent, yaml.SequenceStartEvent)
_ENDS = (yaml.MappingEndEvent, yaml.SequenceEndEvent)


@dataclass(frozen=True, slots=True)
class YamlValue:
    """One value of the document. `key` is its dotted path (`tests[1].timeout`), `line` counts from 1."""

    file: str
    key: str
    line: int
    node: yaml.Node

    def fault(self, what: str) -> UsageError:
        """The one sentence an operator gets: `file:line: key: what`."""
        return UsageError(f"{self.file}:{self.line}: {self.key + ': ' if self.key else ''}{what}")

    @property
    def origin(self) -> str:
        return f"{self.file}:{self.line}"

    @property
    def is_text(self) -> bool:
        return self.node.tag == _TAG + "str"

    @property
    def is_mapping(self) -> bool:
        return isinstance(self.node, yaml.MappingNode)

    @property
    def is_list(self) -> bool:
        return isinstance(self.node, yaml.SequenceNode)

    @property
    def is_boolean(self) -> bool:
        return self.node.tag == _TAG + "bool"

    @property
    def is_empty(self) -> bool:
        """A list or mapping without entries, or nothing at all."""
        return not self.node.value if isinstance(self.node, yaml.CollectionNode) else self.node.tag == _TAG + "null"

    def mapping(self, known: Sequence[str]) -> dict[str, YamlValue]:
        """The entries of a mapping, in the order of the file.

        Raises:
            UsageError: it is no mapping, a key is unknown, stands twice, or is no plain text.
        """
        if not isinstance(self.node, yaml.MappingNode) or self.node.tag != _TAG + "map":
            raise self.fault(f"must be a mapping of keys to values, not {self.shown}")
        found: dict[str, YamlValue] = {}
        pairs: list[tuple[yaml.Node, yaml.Node]] = self.node.value
        for key_node, value_node in pairs:
            line = _line(key_node)
            name = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else "?"
            at = YamlValue(self.file, f"{self.key}.{name}" if self.key else name, line, value_node)
            if key_node.tag == _TAG + "merge":
                raise YamlValue(self.file, self.key, line, key_node).fault(
                    "merge keys (<<) are not supported; write the keys out"
                )
            if name in found:
                raise at.fault(f"stands twice; the first is on line {found[name].line}")
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                help_ = f"did you mean {near[0]}?" if near else f"known keys are {', '.join(known)}"
                raise YamlValue(self.file, self.key, line, key_node).fault(f"unknown key {_quoted(name)}; {help_}")
            found[name] = at
        return found

    def items(self) -> list[YamlValue]:
        """The entries of a list."""
        if not isinstance(self.node, yaml.SequenceNode) or self.node.tag != _TAG + "seq":
            raise self.fault(f"must be a list, not {self.shown}; write [] for none, or remove the key")
        nodes: list[yaml.Node] = self.node.value
        return [YamlValue(self.file, f"{self.key}[{i}]", _line(node), node) for i, node in enumerate(nodes)]

    def text(self, what: str = "text") -> str:
        """A text that is not blank, stripped."""
        if not self.is_text:
            extra = "; put it in quotes" if isinstance(self.node, yaml.ScalarNode) and self.node.value else ""
            raise self.fault(f"must be {what}, not {self.shown}{extra}")
        content = str(self.node.value).strip()
        if not content:
            raise self.fault(f"must be {what}, not empty")
        return content

    def verbatim(self, what: str) -> str:
        """A text that is not empty, with its spaces."""
        self.text(what)
        return str(self.node.value)

    def seconds(self) -> float:
        """A number of seconds above 0."""
        return self.amount("seconds")

    def amount(self, unit: str) -> float:
        """A number of some unit above 0."""
        if self.node.tag in (_TAG + "int", _TAG + "float") and _DECIMAL.match(str(self.node.value)):
            number = float(self.node.value)
            if number > 0:
                return number
        raise self.fault(f"must be a number of {unit} above 0, not {self.shown}")

    def integer(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`."""
        if self.node.tag == _TAG + "int" and _INTEGER.match(str(self.node.value)):
            number = int(self.node.value)
            if low <= number <= high:
                return number
        raise self.fault(f"must be a whole number from {low} to {high}, not {self.shown}")

    def boolean(self) -> bool:
        """`true` or `false`, in one of the spellings of YAML 1.1."""
        if self.node.tag != _TAG + "bool":
            raise self.fault(f"must be true or false, not {self.shown}")
        return str(self.node.value).lower() in ("true", "yes", "on")

    def choice(self, known: Sequence[str]) -> str:
        """One of the words `known`."""
        word = self.text("one of " + ", ".join(known))
        if word not in known:
            near = difflib.get_close_matches(word, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise self.fault(f"must be one of {', '.join(known)}, not {self.shown}{hint}")
        return word

    def json(self) -> JsonValue:
        """Whatever stands here, as JSON would hold it."""
        try:
            return value_of(self.node)
        except DocumentFault as fault:
            raise self.fault(str(fault)) from fault

    @property
    def shown(self) -> str:
        """The value as a message shows it, clipped and without control characters."""
        if isinstance(self.node, yaml.MappingNode):
            return "a mapping"
        if isinstance(self.node, yaml.SequenceNode):
            return "a list"
        if self.node.tag == _TAG + "null":
            return "nothing"
        return _quoted(str(self.node.value)) if self.is_text else json.dumps(str(self.node.value)[:60])[1:-1]


def read_document(raw: bytes, file: str) -> YamlValue:
    """The root of the one YAML document in `raw`.

    Raises:
        UsageError: it is not UTF-8, no YAML, more than one document, empty, or beyond the limits above.
    """
    if len(raw) > MAX_BYTES:
        raise UsageError(f"{file}: is {len(raw)} bytes long; more than {MAX_BYTES} are not read")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = raw.count(b"\n", 0, fault.start) + 1
        raise UsageError(f"{file}:{line}: is not UTF-8 text") from fault
    try:
        _within_limits(_events(text), file)
        node = yaml.SafeLoader(text).get_single_node()
    except yaml.MarkedYAMLError as fault:
        mark = fault.problem_mark or fault.context_mark
        line = mark.line + 1 if mark else 1
        raise UsageError(f"{file}:{line}: is not valid YAML: {fault.problem or fault.context}") from fault
    except yaml.reader.ReaderError as fault:
        line = text.count("\n", 0, fault.position) + 1
        raise UsageError(f"{file}:{line}: is not valid YAML: it holds a control character") from fault
    if node is None:
        raise UsageError(f"{file}:1: is empty; a plan needs at least a name and tests")
    return YamlValue(file, "", _line(node), node)


def _events(text: str) -> Iterator[yaml.Event]:
    yield from yaml.parse(text, Loader=yaml.SafeLoader)  # pyright: ignore[reportUnknownMemberType]


def _within_limits(events: Iterable[yaml.Event], file: str) -> None:
    """Refuse deep nesting (the composer recurses) and floods of aliases (each use is a copy in the plan)."""
    depth = aliases = 0
    for event in events:
        if isinstance(event, _BEGINNINGS):
            depth += 1
        elif isinstance(event, _ENDS):
            depth -= 1
        elif isinstance(event, yaml.AliasEvent):
            aliases += 1
        line = event.start_mark.line + 1 if event.start_mark else 1
        if depth > MAX_DEPTH:
            raise UsageError(f"{file}:{line}: is nested deeper than {MAX_DEPTH} levels")
        if aliases > MAX_ALIASES:
            raise UsageError(f"{file}:{line}: uses more than {MAX_ALIASES} aliases (*name); write the values out")


def _line(node: yaml.Node) -> int:
    return node.start_mark.line + 1 if node.start_mark else 1


def _quoted(text: str) -> str:
    return json.dumps(text if len(text) <= 60 else text[:57] + "...", ensure_ascii=False)
