"""An `agentgate` that dies of SIGKILL at one event: `mortal_engine.py before|after TYPE ITERATION COMMAND...`.

`before`: the files that the event names are written, the event is not. `after`: the event is written, `run.json` and
the index do not know it. ITERATION 0 means any.
"""

from __future__ import annotations

import os
import signal
import sys

from agentgate_engine.cli.main import run_command
from agentgate_engine.models.events import Event
from agentgate_engine.store.event_log import EventLog


def main() -> int:
    moment, kind, iteration = sys.argv[1], sys.argv[2], int(sys.argv[3])
    append = EventLog.append

    def append_and_die(log: EventLog, event: Event, *, sync: bool) -> None:
        here = event.type.value == kind and (not iteration or event.iteration == iteration)
        if here and moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        append(log, event, sync=sync)
        if here:
            os.kill(os.getpid(), signal.SIGKILL)

    EventLog.append = append_and_die
    return run_command(sys.argv[4:])


if __name__ == "__main__":
    sys.exit(main())
