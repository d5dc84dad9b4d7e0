"""The file patterns of a gate plan.

| Pattern | Stands for |
|---|---|
| `*` | any characters of one name, a leading dot included |
| `?`, `[ab]`, `[a-z]`, `[!ab]` | one character of a name |
| `{a,b}` | either of them |
| `**` as a whole name | any number of directories, none included |
| a trailing `/**` or `/` | everything beneath that directory |
| no wildcard at all | that file, or everything beneath that directory |

A pattern begins at the top of the repository: `*.pem` looks there only, `**/*.pem` everywhere. Case counts. A name that
is spelled exactly like the pattern matches, so that `app/[id]/page.tsx` means that very file too.
Matching costs at most names times pattern parts: no pattern can make it explode.
"""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass

MAX_ALTERNATIVES = 64

_WILDCARD = re.compile(r"[*?\[{]")
_SPLIT_CLASS = re.compile(r"\[[^\]]*/")
_EXTENDED = re.compile(r"[!@+*?]\(")
_BRACES = re.compile(r"\{([^{}]*,[^{}]*)\}")

Part = str | re.Pattern[str] | None
"""One name of a pattern: spelled out, a regular expression, or `None` for `**`."""


@dataclass(frozen=True, slots=True)
class Glob:
    """A translated pattern."""

    pattern: str
    alternatives: tuple[tuple[Part, ...], ...]
    directory: str | None

    def matches(self, path: str) -> bool:
        """Whether `path` (relative, `/`-separated, a file) is meant."""
        if path == self.pattern or (self.directory is not None and path.startswith(self.directory)):
            return True
        names = path.split("/")
        return any(_match(names, parts) for parts in self.alternatives)


def translate(pattern: str) -> Glob:
    """`pattern` ready for matching. It must have no `pattern_fault`."""
    plain = pattern.removeprefix("./")
    directory = None if _WILDCARD.search(plain) else plain.rstrip("/") + "/"
    if plain.endswith("/"):
        plain += "**"
    return Glob(plain, tuple(_parts(each) for each in _alternatives(plain)), directory)


def pattern_fault(pattern: str) -> str | None:
    """What is wrong with a pattern, or `None`. What we cannot honour is refused: it would silently match nothing."""
    if pattern.startswith("/"):
        return "must be relative to the repository; remove the leading /"
    if "\\" in pattern:
        return "must not hold a backslash; separate with / and write [*] for a literal *"
    if pattern.startswith("!"):
        return "must not begin with !; negated patterns are not supported"
    if _EXTENDED.search(pattern):
        return "must not use extended patterns such as !(a) or @(a|b); write {a,b}"
    if _SPLIT_CLASS.search(pattern):
        return "must not hold a / between [ and ]"
    names = pattern.removeprefix("./").rstrip("/").split("/")
    if any(name in ("", ".", "..") for name in names):
        return "must not hold empty names, . or .."
    if len(_alternatives(pattern)) > MAX_ALTERNATIVES:
        return f"stands for more than {MAX_ALTERNATIVES} alternatives"
    return None


def _alternatives(pattern: str) -> list[str]:
    """`{a,b}` written out, innermost first; stops just above the limit."""
    pending, done = [pattern], list[str]()
    while pending and len(done) + len(pending) <= MAX_ALTERNATIVES:
        current = pending.pop()
        braces = _BRACES.search(current)
        if braces is None:
            done.append(current)
            continue
        pending += [current[: braces.start()] + each + current[braces.end() :] for each in braces[1].split(",")]
    return done + pending


def _parts(pattern: str) -> tuple[Part, ...]:
    parts: list[Part] = []
    for name in pattern.split("/"):
        if name == "**":
            if not parts or parts[-1] is not None:
                parts.append(None)
        elif _WILDCARD.search(name):
            parts.append(re.compile(fnmatch.translate(name.replace("[^", "[!"))))
        else:
            parts.append(name)
    if parts[-1] is None:
        parts.append(re.compile(r".+\Z", re.DOTALL))
    return tuple(parts)


def _match(names: list[str], parts: tuple[Part, ...]) -> bool:
    """The usual wildcard walk, with whole names for characters: back up to the last `**` only."""
    at = part = 0
    resume: tuple[int, int] | None = None
    while at < len(names):
        if part < len(parts) and parts[part] is None:
            resume = (part, at)
            part += 1
        elif part < len(parts) and _fits(names[at], parts[part]):
            at += 1
            part += 1
        elif resume is not None:
            resume = (resume[0], resume[1] + 1)
            part, at = resume[0] + 1, resume[1]
        else:
            return False
    return part == len(parts)


def _fits(name: str, part: Part) -> bool:
    return name == part if isinstance(part, str) else part is not None and part.match(name) is not None
