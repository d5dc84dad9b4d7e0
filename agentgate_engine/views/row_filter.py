"""The filter of tables: `word`, `!word`, `field:value`, `/regex/`, `"two words"`, all of them together (tui.md 3.6)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from agentgate_engine.errors import UsageError

Fields = Mapping[str, str]

_TERMS = re.compile(r"""!?/(?:[^/\\]|\\.)+/(?=\s|$)|!?(?:[a-z]+:)?"[^"]*"(?=\s|$)|\S+""")
"""A regular expression between slashes and words in quotes are one term, whatever blanks they hold."""


@dataclass(frozen=True, slots=True)
class RowFilter:
    """A parsed filter. It matches a row, given as named texts, when every term does."""

    text: str
    terms: tuple[Callable[[Fields], bool], ...]

    def matches(self, fields: Fields) -> bool:
        return all(term(fields) for term in self.terms)


def parse_filter(text: str, known: tuple[str, ...]) -> RowFilter:
    """`text` as a filter over rows that have the fields `known`.

    A word is a case-insensitive substring of any field, case-sensitive when it has an upper-case letter.

    Raises:
        UsageError: an unknown field or a broken regular expression; says which.
    """
    return RowFilter(text, tuple(_term(word, known) for word in _TERMS.findall(text)))


def _term(word: str, known: tuple[str, ...]) -> Callable[[Fields], bool]:
    if len(word) > 1 and word.startswith("!"):
        inner = _term(word[1:], known)
        return lambda fields: not inner(fields)
    if len(word) > 2 and word.startswith("/") and word.endswith("/"):
        try:
            pattern = re.compile(word[1:-1])
        except re.error as fault:
            raise UsageError(f"{word} is not a regular expression: {fault}") from None
        return lambda fields: any(pattern.search(value) for value in fields.values())
    name, colon, wanted = word.partition(":")
    if colon and name.isalpha():
        if name not in known:
            raise UsageError(f"there is no field {name!r} to filter by; there are {', '.join(known)}")
        value = _unquoted(wanted)
        return lambda fields: _contains(fields.get(name, ""), value)
    word = _unquoted(word)
    return lambda fields: any(_contains(value, word) for value in fields.values())


def _unquoted(word: str) -> str:
    return word[1:-1] if len(word) > 1 and word[0] == word[-1] == '"' else word


def _contains(text: str, wanted: str) -> bool:
    return wanted in text if wanted != wanted.lower() else wanted in text.lower()
