"""How many tests a runner says have failed. It counts what a report cut short no longer names."""

from __future__ import annotations

import re
from collections.abc import Iterable

from agentgate_engine.verify.output_window import OutputLine

_LAST_LINES = 400
_PYTEST = re.compile(r"^=*\s?(?=.* in \d[\d.]*s\b)(?=.*\b\d+ (?:failed|errors?|passed)\b)")
_PYTEST_COUNTS = re.compile(r"\b(\d{1,7}) (?:failed|errors?)\b")
_UNITTEST = re.compile(r"^FAILED \((?P<counts>[^)]*)\)$")
_UNITTEST_COUNTS = re.compile(r"\b(?:failures|errors)=(\d{1,7})")
_CARGO = re.compile(r"^test result: .* (\d{1,7}) failed;")
_ONE = (
    re.compile(r"^ *Tests:? +(?:\d+ (?:skipped|todo|passed) ?[,|] +)*(?P<count>\d{1,7}) failed\b"),  # jest, vitest
    re.compile(r"^ +(?P<count>\d{1,7}) failing$"),  # mocha
    re.compile(r"^(?:#|ℹ) fail (?P<count>\d{1,7})$"),  # node --test
)


def failed_count(lines: Iterable[OutputLine]) -> int | None:
    """The failing tests of a stream by the runner's own count, summed over its parts; `None` when it says nothing."""
    counts: list[int] = []
    for line in list(lines)[-_LAST_LINES:]:
        text = line.text[:300]
        if _PYTEST.match(text):
            counts.append(sum(int(each) for each in _PYTEST_COUNTS.findall(text)))
        elif unittest := _UNITTEST.match(text):
            counts.append(sum(int(each) for each in _UNITTEST_COUNTS.findall(unittest["counts"])))
        elif cargo := _CARGO.match(text):
            counts.append(int(cargo[1]))
        elif one := next((found for pattern in _ONE if (found := pattern.match(text))), None):
            counts.append(int(one["count"]))
    return sum(counts) if counts else None
