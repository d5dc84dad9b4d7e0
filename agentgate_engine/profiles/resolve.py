"""`resolve_profile`: defaults, then ancestors, then the profile, then the command line; typed, with every origin."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from pydantic import JsonValue, ValidationError

from agentgate_engine.errors import UsageError
from agentgate_engine.models.profile import HarnessProfile
from agentgate_engine.models.work_order import ResolvedProfile
from agentgate_engine.profiles.consequences import settle
from agentgate_engine.profiles.inheritance import load_chain, merge
from agentgate_engine.profiles.profile_file import Setting, policy_settings
from agentgate_engine.profiles.profile_folder import BUILT_IN, ProfileFolder
from agentgate_engine.profiles.profile_keys import KEYS, PARAMS, POLICY
from agentgate_engine.profiles.value_readers import SKIPPABLE_KINDS
from agentgate_engine.verify.yaml_value import YamlValue, read_document

COMMAND_LINE = "command line"
_SKIP = "verification.skipLevels"
_SWITCHES = ("gitOps.autoPush", "gitOps.createPR")


@dataclass(frozen=True, slots=True)
class ResolvedHarness:
    """What is in force. `settings` and `origins` are by dotted key; `chain` holds the profiles, the root first, and is
    empty for the built-in settings; `hash` is the first 16 hex digits of the settings' SHA-256."""

    name: str
    chain: tuple[str, ...]
    profile: HarnessProfile
    settings: dict[str, JsonValue]
    origins: dict[str, str]
    notes: tuple[str, ...]
    hash: str

    @property
    def record(self) -> ResolvedProfile:
        """As it is kept with the run, in `profile.json`."""
        return ResolvedProfile(
            name=self.name,
            chain=list(self.chain),
            settings=self.settings,
            origins=self.origins,
            hash=self.hash,
            notes=list(self.notes),
        )


def resolve_profile(
    name: str | None, overrides: Mapping[str, JsonValue], directory: Path | ProfileFolder
) -> ResolvedHarness:
    """The settings of the profile `name` (None or `default`: the built-in ones), under `overrides` by dotted key.

    Raises:
        UsageError: the profile, one that it extends or an override cannot be used; names file, line and key.
    """
    folder = directory if isinstance(directory, ProfileFolder) else ProfileFolder(directory)
    chain = load_chain(folder, name) if name is not None and name != BUILT_IN else []
    explicit = merge([*(one.settings for one in chain), _overridden(overrides)])
    settled = settle(explicit, DEFAULTS)
    values = {path: _same_number(value) for path, value in settled.values.items()}
    shown = {path: value for path, value in values.items() if path not in _SWITCHES or path in explicit}
    digest = hashlib.sha256(json.dumps(shown, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:16]
    return ResolvedHarness(
        name=name or BUILT_IN,
        chain=tuple(one.name for one in chain),
        profile=_typed(values, explicit),
        settings=shown,
        origins={path: settled.origins[path] for path in shown},
        notes=settled.notes,
        hash=digest,
    )


def _overridden(overrides: Mapping[str, JsonValue]) -> dict[str, Setting]:
    """What the command line sets, read as a file's values are: the same words, ranges and faults."""
    readers = {key.path: key.read for key in KEYS}
    found: dict[str, Setting] = {}
    for path, value in overrides.items():
        if path not in readers:
            raise UsageError(f"{path} is no setting that the command line can give")
        given = read_document(json.dumps(value).encode(), COMMAND_LINE)
        try:
            said = readers[path](YamlValue(COMMAND_LINE, path, 1, given.node))
        except UsageError as fault:
            raise UsageError(str(fault).replace(f"{COMMAND_LINE}:1: ", f"{COMMAND_LINE}: ")) from fault
        found[path] = Setting(said, COMMAND_LINE, f"{COMMAND_LINE}: {path}")
    policy = found.pop(POLICY, None)
    return {**(dict(policy_settings(policy)) if policy else {}), **found}


def _typed(values: Mapping[str, JsonValue], explicit: Mapping[str, Setting]) -> HarnessProfile:
    """The settings as one typed value. Readers have judged each; the model guards against one that was forgotten."""
    document: dict[str, JsonValue] = {}
    for key in KEYS:
        if key.target is not None:
            _put(document, key.target, values[key.path])
    skipped = cast("list[JsonValue]", values[_SKIP])
    _put(document, "verification.skip_levels", [entry for entry in skipped if entry not in SKIPPABLE_KINDS])
    _put(document, "verification.skip_kinds", [entry for entry in skipped if entry in SKIPPABLE_KINDS])
    _put(document, "execution_limits.max_iterations", values["loopStrategy.maxIterations"])
    for path in [path for path in values if path.startswith(f"{PARAMS}.")]:
        _put(document, f"loop_strategy.params{path.removeprefix(PARAMS)}", values[path])
    try:
        return HarnessProfile.model_validate(document)
    except ValidationError as fault:
        first = fault.errors(include_url=False)[0]
        target = ".".join(str(part) for part in first["loc"])
        path = next((key.path for key in KEYS if key.target and target.startswith(key.target)), target)
        where = explicit[path].place if path in explicit else path
        raise UsageError(f"{where}: {first['msg']}") from fault


def _same_number(value: JsonValue) -> JsonValue:
    """600.0 and 600 are one setting, and have one hash."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _put(document: dict[str, JsonValue], target: str, value: JsonValue) -> None:
    *sections, name = target.split(".")
    place = document
    for section in sections:
        place = cast("dict[str, JsonValue]", place.setdefault(section, {}))
    place[name] = value


def _defaults() -> dict[str, JsonValue]:
    """The default of every key, from the model itself."""
    model = cast("dict[str, JsonValue]", HarnessProfile().model_dump(mode="json"))
    found: dict[str, JsonValue] = {}
    for key in KEYS:
        if key.target is not None:
            value: JsonValue = model
            for part in key.target.split("."):
                value = cast("dict[str, JsonValue]", value)[part]
            found[key.path] = value
    return {**found, _SKIP: [], **dict.fromkeys(_SWITCHES, False)}


DEFAULTS = _defaults()
