"""How keys are named to people: `esc` and not `escape`, `[` and not `left_square_bracket`."""

from __future__ import annotations

from collections.abc import Sequence

_NAMES = {
    "escape": "esc",
    "question_mark": "?",
    "slash": "/",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "pageup": "pgup",
    "pagedown": "pgdn",
}


def shown_key(key: str) -> str:
    """One key as it stands in the footer and in the help."""
    if key.startswith("ctrl+"):
        return "^" + key.removeprefix("ctrl+")
    return _NAMES.get(key, key)


def shown_keys(keys: Sequence[str]) -> str:
    """All keys of an action: `q esc`; a row of digits as `1-9`."""
    if len(keys) > 3 and all(key.isdigit() for key in keys):
        return f"{keys[0]}-{keys[-1]}"
    return " ".join(shown_key(key) for key in keys)
