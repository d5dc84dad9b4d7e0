"""Secrets are masked in everything but the raw logs, which stay 0600 (DESIGN 9)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

_SECRET_NAME = re.compile(r"(?i)((?<!mon)key(?!board)|token|secret|passw(or)?d|passphrase|credential|auth(?!or(?!i)))")
_SHAPES = re.compile(
    r"sk-ant-[A-Za-z0-9_-]{8,}|sk-[A-Za-z0-9_-]{20,}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}"
    r"|glpat-[A-Za-z0-9_-]{16,}|AKIA[0-9A-Z]{16}|AIza[0-9A-Za-z_-]{30,}|xox[abprs]-[A-Za-z0-9-]{10,}"
    r"|eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"
)
_URL_PASSWORD = re.compile(r"""(?<=://)([^/\s:@"'\\]{1,64}):([^/\s@"'\\]{1,256})@""")
MIN_VALUE = 8
"""Shorter values are not masked: they would blot out ordinary words."""


def looks_secret(name: str) -> bool:
    """Whether a variable of this name holds something that should not be shown."""
    return _SECRET_NAME.search(name) is not None


def mask_within(value: JsonValue, mask: Callable[[str], str]) -> JsonValue:
    """A document with every text in it masked, however deep; its shape, its keys and its numbers stay."""
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, list):
        return [mask_within(item, mask) for item in value]
    if isinstance(value, dict):
        return {key: mask_within(item, mask) for key, item in value.items()}
    return value


@dataclass(frozen=True, slots=True)
class Masker:
    """Replaces secrets by `[masked:NAME]`, and lone surrogates, which no UTF-8 file can hold, by U+FFFD."""

    values: tuple[tuple[str, str], ...] = ()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Masker:
        """Masks the values of secret-looking variables, and known shapes."""
        found = [(v, n) for n, v in environment.items() if looks_secret(n) and len(v) >= MIN_VALUE and "/" not in v[:1]]
        return cls(tuple(sorted(found, key=lambda pair: -len(pair[0]))))

    def mask(self, text: str) -> str:
        """`text` with nothing secret in it, as far as can be told."""
        for value, name in self.values:
            if value in text:
                text = text.replace(value, f"[masked:{name}]")
        text = _SHAPES.sub("[masked]", text)
        if "://" in text:
            text = _URL_PASSWORD.sub(r"\1:[masked]@", text)
        return text if text.isascii() else text.encode("utf-8", "replace").decode()
