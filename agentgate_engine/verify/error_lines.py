"""Which lines of an output speak of an error. Standard library only: the console asks this for every line it draws."""

from __future__ import annotations

import re

_CONTROL = re.compile(
    r"\x1b\[[0-9;:?]*[ -/]*[@-~]|\x1b[ -/]+[0-~]"
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-Z\\-_]|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)

_ERROR = re.compile(
    r"""
    ^E\ {2,}\S                                            # pytest
    | ^\s*(?:FAILED|FAIL|ERROR)\b
    | ^\s*(?:✗|✖|×|●|not\ ok\b|---\ FAIL:|npm\ ERR!|npm\ error\b)
    | ^(?:\S+\ )?Traceback\ \(most\ recent\ call\ last\)
    | ^\s*(?:[A-Za-z_][\w.]*)?(?:Error|Exception|Failure)\b\s*(?::|$)
    | (?<![\w./-])(?i:error|errors|fatal|panic|panicked)(?:\[\w+\])?(?=[:\s!)\]]|$)
    | (?<![\w./-])(?i:failed|failure|failures|failing)(?=[:\s!)\],.]|$)
    | (?i:command\ not\ found|no\ such\ file\ or\ directory|directory\ not\ found|does\ not\ exist$)
    | (?i:permission\ denied|cannot\ find\ module)
    | (?i:segmentation\ fault|core\ dumped|undefined\ reference|unhandled\ exception|out\ of\ memory|killed$)
    """,
    re.VERBOSE,
)
_HARMLESS = re.compile(
    r"""
    (?<!\d)(?:0|no)\ (?:errors?|failed|failures?|failing)\b
    | \b(?:errors?|failed|failures?|fail)\s*[:=]\s*0\b
    | (?:\bPASSED\b|\.\.\.\ ok$|^\s*(?:✓|✔|ok\b|---\ PASS:))
    """,
    re.VERBOSE | re.IGNORECASE,
)
_COUNTED = re.compile(r"(?<![\d.])[1-9]\d*\ (?:errors?|failed|failures?|failing)\b", re.IGNORECASE)


def plain(text: str) -> str:
    """`text` without terminal control sequences and control characters (tabs stay)."""
    return _CONTROL.sub("", text)


def is_error_line(text: str) -> bool:
    """Whether an operator who jumps from error to error wants to stop at this line.

    `0 errors` and a passing test about errors are no stops; `3 passed, 1 failed, 0 errors` is one.
    """
    text = plain(text[:2000])
    if _COUNTED.search(text):
        return True
    return _ERROR.search(text) is not None and _HARMLESS.search(text) is None
