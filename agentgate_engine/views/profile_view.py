"""Settings as people read them: each with its value and where it came from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from agentgate_engine.models.work_order import ResolvedProfile
from agentgate_engine.views.safe_text import SafeText, sanitize


@dataclass(frozen=True, slots=True)
class SettingLine:
    """One setting. `set_here` is false for a default, which lists may draw dim."""

    key: SafeText
    value: SafeText
    origin: SafeText
    set_here: bool


def setting_lines(record: ResolvedProfile) -> tuple[SettingLine, ...]:
    """Every setting of a run, by section."""
    return lines_of(record.settings, record.origins)


def lines_of(settings: Mapping[str, JsonValue], origins: Mapping[str, str]) -> tuple[SettingLine, ...]:
    """The settings, those of one section together, else in their order."""
    sections = list(dict.fromkeys(path.partition(".")[0] for path in settings))
    paths = sorted(settings, key=lambda path: sections.index(path.partition(".")[0]))
    return tuple(
        SettingLine(
            sanitize(path),
            sanitize(value_text(settings[path])),
            sanitize(origins.get(path, "")),
            not origins.get(path, "").startswith("default"),
        )
        for path in paths
    )


def value_text(value: JsonValue) -> str:
    """A value on one line: `-` for none, lists with commas."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(value_text(item) for item in value) or "(none)"
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, str):
        flat = value.replace("\n", " ")
        return flat or '""'
    return f"{value:g}" if isinstance(value, float) else str(value)
