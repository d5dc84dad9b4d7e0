"""When the console rings the terminal's bell: by the operator's notification rules, for what its list of runs shows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from agentgate_engine.views.queue_view import QueueView

_EVENTS = {"succeeded": "run:complete", "failed": "run:failed", "canceled": "run:canceled", "queued": "run:queued"}


@dataclass
class Bell:
    """Compares each list of runs with the one before. `events` are the names of events to ring for.

    A run that was not there before does not ring: the first lists of a large store come in parts.
    """

    events: Collection[str] = ()
    _before: Mapping[str, str] = field(default_factory=dict[str, str])

    def rings_for(self, view: QueueView) -> bool:
        """Whether something happened since the last list that the operator wants to hear."""
        before, now = self._before, {line.run_id: _EVENTS.get(line.state, "run:started") for line in view.lines}
        self._before = now
        return any(event in self.events and before.get(run, event) != event for run, event in now.items())


def read_bell_events(environment: Mapping[str, str]) -> Collection[str]:
    """The events that the operator's rules ring for. Not for the event loop: it reads a file.

    Raises:
        UsageError: the rules are not understood; names file, line and key.
    """
    from agentgate_engine.subscribers.notification_rules import bell_events, load_rules

    return bell_events(load_rules(environment))
