"""The file that `agentgate profile create` writes: what was asked for, and every other setting as a comment."""

from __future__ import annotations

import json
from collections.abc import Mapping

from agentgate_engine.models.profile import PROFILE_VERSION
from agentgate_engine.profiles.profile_keys import KEYS, SECTIONS

_HEAD = """\
# A profile of AgentGate. Take the "# " from a line, and from that of its section, to set it. What is not set comes from
# the profile that this one extends, else it is the default. What is in force:
#   agentgate profile show {name} --resolved
"""
_COLUMN = 46


def profile_text(name: str, *, extends: str | None, description: str | None, settings: Mapping[str, str]) -> str:
    """The text of a new profile. `settings` holds YAML by dotted key for the lines that are not comments."""
    lines = [_HEAD.format(name=name) + f'version: "{PROFILE_VERSION}"', "", "metadata:", f"  name: {json.dumps(name)}"]
    lines.append(f"  extends: {json.dumps(extends)}" if extends else "  # extends: another-profile")
    words = json.dumps(description, ensure_ascii=False) if description else None
    lines.append(f"  description: {words}" if words else "  # description: what it is for")
    for section in SECTIONS:
        keys = [key for key in KEYS if key.section == section]
        said = any(key.path in settings for key in keys)
        lines += ["", f"{section}:" if said else f"# {section}:"]
        for key in keys:
            value = settings.get(key.path)
            text = f"{key.name}: {key.example if value is None else value}"
            text = f"  {text}" if value is not None else f"  # {text}" if said else f"#   {text}"
            lines.append(f"{text:<{_COLUMN}}  # {key.help}")
    return "\n".join(lines) + "\n"
