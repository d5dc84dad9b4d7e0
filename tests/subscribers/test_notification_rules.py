"""The operator's notification rules: what the file may say, and how it is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentgate_engine.errors import UsageError
from agentgate_engine.models.event_type import EventType
from agentgate_engine.subscribers.notification_rules import bell_events, load_rules, notification_file, parse_rules

GOOD = b"""\
# when something goes wrong
- on: [run:failed, run:canceled]
  command: notify-send AgentGate "$AGENTGATE_TITLE"
- on: run:complete
  bell: true
- on: [run:failed]
  command: |
    echo one
    echo two
  bell: yes
"""


def test_rules_are_read_with_their_place() -> None:
    rules = parse_rules(GOOD, "n.yaml")
    assert [(sorted(rule.on), rule.command, rule.bell, rule.origin) for rule in rules] == [
        (["run:canceled", "run:failed"], 'notify-send AgentGate "$AGENTGATE_TITLE"', False, "n.yaml:2"),
        (["run:complete"], None, True, "n.yaml:4"),
        (["run:failed"], "echo one\necho two", True, "n.yaml:6"),
    ]
    assert bell_events(rules) == {EventType.RUN_COMPLETE, EventType.RUN_FAILED}
    assert bell_events(()) == frozenset()


@pytest.mark.parametrize("raw", [b"", b"\n\n", b"# nothing yet\n  # really\n", b"[]\n"])
def test_a_file_without_rules_holds_none(raw: bytes) -> None:
    assert parse_rules(raw, "n.yaml") == ()


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"on: run:failed\n", "n.yaml:1: must be a list, not a mapping"),
        (b"- run:failed\n", 'n.yaml:1: [0]: must be a mapping of keys to values, not "run:failed"'),
        (b"- on: run:failed\n", "n.yaml:1: [0]: does nothing; add a `command`, or `bell: true`"),
        (b"- on: run:failed\n  bell: false\n", "n.yaml:1: [0]: does nothing"),
        (b"- bell: true\n", "n.yaml:1: [0]: says no event; add `on`"),
        (b"- on: []\n  bell: true\n", "n.yaml:1: [0].on: names no event"),
        (b"- on:\n  bell: true\n", "n.yaml:1: [0].on: must be a list, not nothing"),
        (b"\n- on: run:fialed\n  command: x\n", 'n.yaml:2: [0].on: "run:fialed" is no event; did you mean run:failed?'),
        (b"- on: [run:failed, 7]\n  command: x\n", "n.yaml:1: [0].on[1]: must be the name of an event, not 7"),
        (b"- on: zzz\n  command: x\n", 'n.yaml:1: [0].on: "zzz" is no event; known are run:started, run:resumed'),
        (b"- on: agent:message\n  command: x\n", "n.yaml:1: [0].on: agent:message comes too often; a command can be"),
        (b"- on: run:queued\n  command: x\n", "n.yaml:1: [0].on: run:queued is told by submit alone; a command can"),
        (b"- on: agent:failed\n  bell: true\n", "n.yaml:1: [0].on: the bell can ring for run:started, run:complete"),
        (
            b"- on: run:failed\n  command: ''\n",
            "n.yaml:2: [0].command: must be a shell command, not empty",
        ),
        (b"- on: run:failed\n  command: [a]\n", "n.yaml:2: [0].command: must be a shell command, not a list"),
        (b"- on: run:failed\n  command: x\n  bell: 2\n", "n.yaml:3: [0].bell: must be true or false"),
        (b"- on: run:failed\n  comand: x\n", 'n.yaml:2: [0]: unknown key "comand"; did you mean command?'),
        pytest.param(
            b"- on: run:failed\n  command: " + b"x" * 4001,
            "n.yaml:2: [0].command: must be a command of at most 4000",
            id="4001 characters",
        ),
        pytest.param(b"- {on: run:failed, bell: true}\n" * 51, "n.yaml:51: [50]: is one rule too many", id="51 rules"),
        (b"- [\n", "n.yaml:2: is not valid YAML"),
        (b"\xff", "n.yaml:1: is not UTF-8 text"),
    ],
)
def test_what_is_not_understood_is_refused_by_file_line_and_key(raw: bytes, message: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_rules(raw, "n.yaml")
    assert str(refused.value).startswith(message)


def test_where_the_file_stands(tmp_path: Path) -> None:
    assert notification_file({"XDG_CONFIG_HOME": str(tmp_path)}) == tmp_path / "agentgate" / "notifications.yaml"
    assert notification_file({}) == Path.home() / ".config" / "agentgate" / "notifications.yaml"


def test_no_file_is_no_rules_and_one_that_cannot_be_read_stops(tmp_path: Path) -> None:
    environment = {"XDG_CONFIG_HOME": str(tmp_path)}
    assert load_rules(environment) == ()
    file = notification_file(environment)
    file.mkdir(parents=True)
    with pytest.raises(UsageError, match=r"notifications\.yaml: cannot be read: Is a directory"):
        load_rules(environment)
    file.rmdir()
    file.write_bytes(GOOD)
    assert len(load_rules(environment)) == 3
    file.write_bytes(b"- on: x\n")
    with pytest.raises(UsageError, match=rf"{file}:1: "):
        load_rules(environment)
