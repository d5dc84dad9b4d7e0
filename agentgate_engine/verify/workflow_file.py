"""A file of `.github/workflows`, read leniently: keys that say nothing about commands are left alone.

Every value keeps its line. What GitHub itself would refuse (no `on`, jobs that are no mapping, a key twice) is a fault.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import yaml

from agentgate_engine.verify.yaml_value import YamlValue, read_document

Section = dict[str, YamlValue]
"""The entries of a mapping, by key."""

_MATRIX_KEY = re.compile(r"\$\{\{\s*matrix\.([\w-]+)\s*\}\}\Z")


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a job. `origin` is the line of its command, or of its beginning."""

    keys: Section
    origin: str

    def text(self, key: str) -> str:
        """The text under `key`, or nothing."""
        return text_of(self.keys.get(key))


@dataclass(frozen=True, slots=True)
class Job:
    """One job."""

    id: str
    keys: Section
    origin: str
    steps: tuple[Step, ...]

    @property
    def name(self) -> str:
        """What people call it: its name, or its id where the name is made up at run time."""
        name = text_of(self.keys.get("name"))
        return name if name and "${{" not in name else self.id

    def runners(self) -> tuple[str, ...]:
        """The labels under `runs-on`; for one that the matrix gives, all its values. Expressions stay as they are."""
        value = self.keys.get("runs-on")
        if value is None:
            return ()
        if isinstance(value.node, yaml.MappingNode):
            value = section(value).get("labels", value)
        labels = texts_of(value)
        found = _MATRIX_KEY.match(labels[0]) if len(labels) == 1 else None
        return (self.matrix_values(found[1]) or labels) if found else labels

    def matrix_values(self, key: str) -> tuple[str, ...]:
        """Every value that the matrix writes out for `key`."""
        matrix = section(section(self.keys.get("strategy")).get("matrix"), lenient=True)
        found = list(texts_of(matrix.get(key)))
        include = matrix.get("include")
        if include is not None and isinstance(include.node, yaml.SequenceNode):
            found += [text_of(section(each, lenient=True).get(key)) for each in include.items()]
        return tuple(value for value in found if value)

    @property
    def has_matrix(self) -> bool:
        return "matrix" in section(self.keys.get("strategy"))


@dataclass(frozen=True, slots=True)
class Workflow:
    """One file."""

    file: str
    keys: Section
    jobs: tuple[Job, ...]

    @property
    def name(self) -> str:
        return text_of(self.keys.get("name"))


def read_workflow(raw: bytes, file: str) -> Workflow:
    """The workflow in `raw`.

    Raises:
        UsageError: it is no workflow, `file:line: key: what is wrong`.
    """
    root = read_document(raw, file)
    keys = section(root)
    if "on" not in keys:
        raise root.fault("has no `on`, so it is no workflow that GitHub would run")
    if "jobs" not in keys:
        raise root.fault("has no jobs")
    jobs = tuple(_job(name, value) for name, value in section(keys["jobs"]).items())
    return Workflow(file, keys, jobs)


def triggers(workflow: Workflow) -> dict[str, Section]:
    """The events that start the workflow, each with its filters."""
    value = workflow.keys["on"]
    if isinstance(value.node, yaml.MappingNode):
        return {name: section(filters, lenient=True) for name, filters in section(value).items()}
    return {name: {} for name in texts_of(value)}


def section(value: YamlValue | None, *, lenient: bool = False) -> Section:
    """The entries of a mapping; none where there is no value. `lenient` takes anything else for an empty mapping.

    Raises:
        UsageError: a key stands twice, or it is no mapping and not `lenient`.
    """
    if value is None or value.is_empty:
        return {}
    if not isinstance(value.node, yaml.MappingNode):
        if lenient:
            return {}
        raise value.fault(f"must be a mapping of keys to values, not {value.shown}")
    found: Section = {}
    pairs: list[tuple[yaml.Node, yaml.Node]] = value.node.value
    for key_node, node in pairs:
        name = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else "?"
        line = key_node.start_mark.line + 1 if key_node.start_mark else value.line
        entry = YamlValue(value.file, f"{value.key}.{name}" if value.key else name, line, node)
        if name in found:
            raise entry.fault(f"stands twice; the first is on line {found[name].line}")
        found[name] = entry
    return found


def text_of(value: YamlValue | None) -> str:
    """A scalar as it is written, stripped; nothing for anything else."""
    if value is None or not isinstance(value.node, yaml.ScalarNode) or value.node.tag.endswith(":null"):
        return ""
    return str(value.node.value).strip()


def texts_of(value: YamlValue | None) -> tuple[str, ...]:
    """The scalars of a list, or the one scalar."""
    if value is None:
        return ()
    if isinstance(value.node, yaml.SequenceNode):
        return tuple(text for each in value.items() if (text := text_of(each)))
    text = text_of(value)
    return (text,) if text else ()


def is_false(value: YamlValue | None) -> bool:
    """Whether a flag is absent or says false in so many letters; an expression may be true."""
    return text_of(value).lower() in ("", "false")


def _job(name: str, value: YamlValue) -> Job:
    keys = section(value)
    return Job(name, keys, value.origin, tuple(_steps(keys.get("steps"))))


def _steps(value: YamlValue | None) -> Iterator[Step]:
    for item in value.items() if value is not None else ():
        keys = section(item)
        yield Step(keys, (keys.get("run") or keys.get("uses") or item).origin)
