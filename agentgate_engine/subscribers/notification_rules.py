"""The operator's notification rules: a small YAML file, read whole or refused by file, line and key.

`$XDG_CONFIG_HOME/agentgate/notifications.yaml` (else `~/.config/agentgate/notifications.yaml`) is a list of rules:

    - on: [run:failed, run:canceled]                      # one event, or a list
      command: notify-send AgentGate "$AGENTGATE_TITLE: $AGENTGATE_RESULT"
    - on: run:complete
      bell: true                                          # the console rings the terminal's bell
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from agentgate_engine.errors import UsageError
from agentgate_engine.models.event_type import EventType
from agentgate_engine.models.events import PAYLOADS
from agentgate_engine.verify.yaml_value import MAX_BYTES, YamlValue, read_document

MOST_RULES = 50
MOST_COMMAND_CHARS = 4000

BELL_EVENTS = frozenset({EventType.RUN_STARTED, EventType.RUN_COMPLETE, EventType.RUN_FAILED, EventType.RUN_CANCELED})
"""What a bell can be rung for: what the console sees in its list of runs."""

COMMAND_EVENTS = frozenset(kind for kind, payload in PAYLOADS.items() if payload.synced) - {EventType.RUN_QUEUED}
"""What a command can be run for: the changes of state that an engine tells. Tool calls and checks come too often, and
`run:queued` is told by `submit`, before an engine has the run."""


@dataclass(frozen=True, slots=True)
class NotificationRule:
    """At one of these events: run the shell command, ring the bell, or both. `origin` is `file:line`."""

    on: frozenset[EventType]
    command: str | None
    bell: bool
    origin: str


def notification_file(environment: Mapping[str, str]) -> Path:
    """Where the operator's rules stand, whether they exist or not."""
    base = environment.get("XDG_CONFIG_HOME")
    config = Path(base).expanduser().absolute() if base else Path("~/.config").expanduser()
    return config / "agentgate" / "notifications.yaml"


def load_rules(environment: Mapping[str, str]) -> tuple[NotificationRule, ...]:
    """The operator's rules; none when there is no file.

    Raises:
        UsageError: the file cannot be read, or a rule is not understood; names file, line and key.
    """
    file = notification_file(environment)
    try:
        with file.open("rb") as opened:
            raw = opened.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return ()
    except OSError as fault:
        raise UsageError(f"{file}: cannot be read: {fault.strerror}; mend it or move it away") from fault
    return parse_rules(raw, str(file))


def parse_rules(raw: bytes, file: str) -> tuple[NotificationRule, ...]:
    """The rules in a document; one without content holds none.

    Raises:
        UsageError: a rule is not understood; names file, line and key.
    """
    if all(not line.strip() or line.lstrip().startswith(b"#") for line in raw.splitlines()):
        return ()
    rules = read_document(raw, file).items()
    if len(rules) > MOST_RULES:
        raise rules[MOST_RULES].fault(f"is one rule too many; at most {MOST_RULES} are kept")
    return tuple(_rule(each) for each in rules)


def bell_events(rules: Iterable[NotificationRule]) -> frozenset[EventType]:
    """The events that the console rings for."""
    return frozenset(event for rule in rules if rule.bell for event in rule.on)


def _rule(value: YamlValue) -> NotificationRule:
    entries = value.mapping(("on", "command", "bell"))
    if "on" not in entries:
        raise value.fault("says no event; add `on`, with run:failed for example")
    bell = entries["bell"].boolean() if "bell" in entries else False
    command = _command(entries["command"]) if "command" in entries else None
    if command is None and not bell:
        raise value.fault("does nothing; add a `command`, or `bell: true`")
    on = entries["on"]
    names = [on] if on.is_text else on.items()
    if not names:
        raise on.fault("names no event; add run:failed for example")
    return NotificationRule(frozenset(_event(name, command, bell) for name in names), command, bell, value.origin)


def _command(value: YamlValue) -> str:
    command = value.text("a shell command")
    if "\0" in command or len(command) > MOST_COMMAND_CHARS:
        raise value.fault(f"must be a command of at most {MOST_COMMAND_CHARS} characters; put a longer one in a script")
    return command


def _event(value: YamlValue, command: str | None, bell: bool) -> EventType:
    name = value.text("the name of an event")
    try:
        event = EventType(name)
    except ValueError:
        near = difflib.get_close_matches(name, EventType, n=1)
        help_ = f"did you mean {near[0]}?" if near else f"known are {_listed(COMMAND_EVENTS)}"
        raise value.fault(f"{value.shown} is no event; {help_}") from None
    if command is not None and event not in COMMAND_EVENTS:
        why = "is told by submit alone" if event is EventType.RUN_QUEUED else "comes too often"
        raise value.fault(f"{event} {why}; a command can be run for {_listed(COMMAND_EVENTS)}")
    if bell and event not in BELL_EVENTS:
        raise value.fault(f"the bell can ring for {_listed(BELL_EVENTS)}, not for {event}")
    return event


def _listed(events: Iterable[EventType]) -> str:
    return ", ".join(event for event in EventType if event in frozenset(events))
