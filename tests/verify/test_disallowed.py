"""Commands that a plan may not hold."""

from __future__ import annotations

import pytest

from agentgate_engine.models.gate_plan import DEFAULT_DISALLOWED
from agentgate_engine.verify.disallowed import disallowed_in


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("rm -rf /", "rm -rf /"),
        ("true; rm  -rf\t/ --no-preserve-root", "rm -rf /"),
        ("rm -rf /*", "rm -rf /"),
        ('sh -c "rm -rf /"', "rm -rf /"),
        ("rm -rf /tmp/x", None),
        ("rm -rf ./build", None),
        ("farm -rf /", None),
        ("sudo rm -rf build", "sudo rm -rf"),
        ("pseudo rm -rf build", None),
        ("echo", None),
    ],
)
def test_words_are_found_whole_and_however_they_are_spaced(command: str, found: str | None) -> None:
    """upstream.md 2.2: the default list is `rm -rf /` and `sudo rm -rf`."""
    assert disallowed_in(command, DEFAULT_DISALLOWED) == found
