"""One profile file: what it says explicitly, each value with its place. Defaults are not filled in here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

from pydantic import JsonValue
from pydantic.alias_generators import to_camel

from agentgate_engine.errors import UsageError
from agentgate_engine.models.profile import PROFILE_VERSION
from agentgate_engine.models.record import Record
from agentgate_engine.models.retry import POLICIES
from agentgate_engine.profiles import value_readers as read
from agentgate_engine.profiles.fixed_keys import Fixed
from agentgate_engine.profiles.profile_keys import PARAMS, POLICY, SECTIONS, Key, Section
from agentgate_engine.verify.yaml_value import YamlValue, read_document

_TOP = ("version", "extends", "metadata", *SECTIONS)
_METADATA = ("name", "description", "extends")


@dataclass(frozen=True, slots=True)
class Setting:
    """A value, and who set it: `origin` as it is shown, `place` as a fault begins (`file:line: key`)."""

    value: JsonValue
    origin: str
    place: str

    def fault(self, what: str) -> UsageError:
        return UsageError(f"{self.place}: {what}")


@dataclass(frozen=True, slots=True)
class ProfileFile:
    """What a file says. `settings` are by dotted key, in the order of the file; `extends` names its parent."""

    name: str
    extends: str | None
    extends_at: str
    description: str
    settings: dict[str, Setting] = field(default_factory=dict[str, Setting])


def parse_profile(name: str, raw: bytes, file: str) -> ProfileFile:
    """The profile `name` from the bytes of its file.

    Raises:
        UsageError: it is no profile; names file, line and key.
    """
    if not any(line.strip() and not line.lstrip().startswith(b"#") for line in raw.splitlines()):
        raise UsageError(f'{file}:1: is empty; a profile needs at least version: "{PROFILE_VERSION}"')
    root = read_document(raw, file)
    top = _mapping(root, _TOP)
    if "version" in top:
        _check_version(top["version"])
    metadata = _mapping(top["metadata"], _METADATA) if "metadata" in top else {}
    if "name" in metadata and metadata["name"].text() != name:
        raise metadata["name"].fault(f"must be {name!r}, the name of the file: a profile goes by that; or remove it")
    extends = _extends(top, metadata)
    return ProfileFile(
        name,
        cast("str", read.text(extends)) if extends is not None else None,
        _place(extends) if extends is not None else "",
        str(metadata["description"].text()) if "description" in metadata else "",
        dict(_settings(name, top)),
    )


def parent_of(name: str, raw: bytes, file: str) -> str | None:
    """The profile that a file extends, whatever else is wrong with it.

    Raises:
        UsageError: not even that can be told.
    """
    root = read_document(raw, file)
    top = root.mapping([*_TOP, *read.names_of(root)])
    metadata = top["metadata"].mapping([*_METADATA, *read.names_of(top["metadata"])]) if "metadata" in top else {}
    found = top.get("extends") or metadata.get("extends")
    return found.text() if found is not None else None


def _extends(top: dict[str, YamlValue], metadata: dict[str, YamlValue]) -> YamlValue | None:
    if "extends" in top and "extends" in metadata:
        where = f"metadata.extends on line {metadata['extends'].line}"
        raise top["extends"].fault(f"stands beside {where}: keep one of them")
    return top.get("extends") or metadata.get("extends")


def _check_version(value: YamlValue) -> None:
    if str(value.node.value) not in (PROFILE_VERSION, "1"):
        raise value.fault(f'must be "{PROFILE_VERSION}", not {value.shown}: this AgentGate reads no other')


def _settings(name: str, top: dict[str, YamlValue]) -> Iterator[tuple[str, Setting]]:
    for section in SECTIONS.values():
        if section.name in top:
            yield from _section(name, section, top[section.name])


def _section(profile: str, section: Section, value: YamlValue) -> Iterator[tuple[str, Setting]]:
    """The settings of a section. A retry policy comes first, so that the keys beside it change it."""
    extra = ("params",) if PARAMS.startswith(f"{section.name}.") else ()
    given = _mapping(value, (*section.keys, *section.fixed, *extra))
    found: dict[str, tuple[str, Setting]] = {}
    for word, entry in given.items():
        if word in section.fixed:
            _check_fixed(section.fixed[word], entry)
        elif word == "params":
            yield from _params(profile, PARAMS, entry)
        else:
            key = section.keys[word]
            if key.path in found:
                raise entry.fault(f"says the same as {found[key.path][0]}: keep one of them")
            found[key.path] = (word, _setting(profile, key, entry))
    if POLICY in found:
        yield from policy_settings(found[POLICY][1])
    yield from ((path, setting) for path, (_, setting) in found.items() if path != POLICY)


def _setting(profile: str, key: Key, value: YamlValue) -> Setting:
    return Setting(key.read(value), _origin(profile, value), _place(value))


def policy_settings(setting: Setting) -> Iterator[tuple[str, Setting]]:
    """What a named policy sets, each value with the policy as its origin."""
    origin = f"{setting.origin}, retry.policy {setting.value}"
    for name, value in as_settings(POLICIES[str(setting.value)]).items():
        yield f"retry.{name}", Setting(value, origin, setting.place)


def _params(profile: str, path: str, value: YamlValue) -> Iterator[tuple[str, Setting]]:
    """What a custom strategy is given: nested mappings as dotted keys, so that they merge as the other keys do."""
    for name, entry in value.mapping(read.names_of(value)).items():
        if "." in name or not name:
            raise entry.fault("the name of a parameter must not hold a dot, nor be empty")
        if read.names_of(entry):
            yield from _params(profile, f"{path}.{name}", entry)
        else:
            yield f"{path}.{name}", Setting(read.plain(entry), _origin(profile, entry), _place(entry))


def _check_fixed(rule: Fixed, value: YamlValue) -> None:
    said = read.plain(value)
    if not any(said == allowed and type(said) is type(allowed) for allowed in rule.allowed):
        raise value.fault(f"is no setting here: {rule.instead}")


def _mapping(value: YamlValue, known: tuple[str, ...]) -> dict[str, YamlValue]:
    """As `YamlValue.mapping`, with the right spelling told for a key in snake_case."""
    for name in read.names_of(value):
        camel = next((word for word in known if word.lower() == to_camel(name).lower()), None)
        if camel is not None and name != camel:
            at = YamlValue(value.file, value.key, read.line_of(value, name), value.node)
            raise at.fault(f'unknown key "{name}"; write {camel}')
    return value.mapping(known)


def _origin(profile: str, value: YamlValue) -> str:
    return f"profile {profile} ({value.file.rpartition('/')[2]}:{value.line})"


def _place(value: YamlValue) -> str:
    return f"{value.origin}: {value.key}"


def as_settings(record: Record) -> dict[str, JsonValue]:
    """A record's fields by their names on disk."""
    return cast("dict[str, JsonValue]", record.model_dump(mode="json", by_alias=True))
