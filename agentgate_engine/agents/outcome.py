"""How a call ended: the rules that every driver shares (DESIGN 6, agents.md 1.2).

An exit code of 0 is not success and neither is a final event; what counts first is whether AgentGate itself ended the
process, then what the agent said of its result, then the exit.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass

from agentgate_engine.models.agent_result import AgentOutcome
from agentgate_engine.models.process import EndedBy, ProcessExit

_TIMEOUT_EXIT = 124
_KILL_HINT = (
    "SIGKILL, which AgentGate did not send. That is often the kernel out of memory: see `dmesg`, "
    "and give the machine more memory or the engine fewer slots"
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """An outcome and the sentence that says why."""

    outcome: AgentOutcome
    reason: str


_BY_US: dict[EndedBy, Verdict] = {
    "deadline": Verdict(AgentOutcome.TIMEOUT, "The agent ran into its time limit and was stopped."),
    "stop": Verdict(AgentOutcome.CANCELED, "The agent was stopped because the run was canceled."),
    "output_cap": Verdict(AgentOutcome.LIMIT_REACHED, "The agent printed more than the output limit and was stopped."),
    "engine_lost": Verdict(AgentOutcome.INCOMPLETE, "The agent was stopped because its engine had gone away."),
}


def not_by_itself(end: ProcessExit | None) -> Verdict | None:
    """The verdict when the process did not start or did not end by itself; then nothing that it printed counts."""
    if end is None:
        return Verdict(AgentOutcome.INCOMPLETE, "The agent's process was lost; how it ended is not known.")
    if end.start_error is not None:
        return Verdict(AgentOutcome.CRASH, f"The agent could not be started: {end.start_error.message}.")
    return _BY_US[end.ended_by] if end.ended_by is not None else None


def by_exit(end: ProcessExit | None) -> Verdict:
    """The verdict on a process that says nothing but its exit: for a plain command, a nonzero exit is a crash."""
    ours = not_by_itself(end)
    if ours is not None or end is None:
        return ours or Verdict(AgentOutcome.INCOMPLETE, "How the agent ended is not known.")
    name = end.signal or _signal_of(end.exit_code)
    match end.exit_code:
        case None if name is None:
            return Verdict(AgentOutcome.INCOMPLETE, "The agent ended without an exit code.")
        case 0:
            return Verdict(AgentOutcome.SUCCESS, "The agent exited with 0.")
        case int(code) if code == _TIMEOUT_EXIT:
            return Verdict(AgentOutcome.TIMEOUT, "The agent exited with 124: a time limit of its own ran out.")
        case 126:
            return Verdict(AgentOutcome.CRASH, "The agent exited with 126: the command is not executable.")
        case 127:
            return Verdict(AgentOutcome.CRASH, "The agent exited with 127: the command was not found.")
        case _ if name == "SIGKILL":
            return Verdict(AgentOutcome.CRASH, f"The agent was ended by {_KILL_HINT}.")
        case _ if name is not None:
            return Verdict(AgentOutcome.CRASH, f"The agent was ended by {name}, which AgentGate did not send.")
        case code:
            return Verdict(AgentOutcome.CRASH, f"The agent exited with {code}.")


def by_result(end: ProcessExit | None, result: Verdict | None, last_words: str = "") -> Verdict:
    """The verdict on an agent that reports its result as an event. `result` is None when that event never came.

    A reported success stands even when the process exited badly afterwards: the work is verified anyway. `last_words`
    (the end of stderr) explains an end without a result.
    """
    ours = not_by_itself(end)
    if ours is not None:
        return ours
    bare = by_exit(end)
    if result is not None:
        if result.outcome is AgentOutcome.SUCCESS and bare.outcome is not AgentOutcome.SUCCESS:
            return Verdict(result.outcome, f"{result.reason} Afterwards: {bare.reason}")
        return result
    said = f" It said: {last_words}" if last_words else ""
    if bare.outcome is AgentOutcome.SUCCESS:
        reason = f"The agent exited with 0 but never reported a result; its output may be cut short.{said}"
        return Verdict(AgentOutcome.INCOMPLETE, reason)
    return Verdict(bare.outcome, f"{bare.reason} It reported no result.{said}")


def _signal_of(exit_code: int | None) -> str | None:
    """A shell reports the death of its child by signal n as 128 + n."""
    if exit_code is None or exit_code <= 128:
        return None
    try:
        return signal.Signals(exit_code - 128).name
    except ValueError:
        return None
