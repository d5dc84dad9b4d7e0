"""How the end of a command reads: one sentence for people, and whether it is the end that the plan expects."""

from __future__ import annotations

from agentgate_engine.models.process import ProcessExit

_OUT_OF_MEMORY = "killed with SIGKILL, and not by AgentGate: the machine may have run out of memory"


def ran_out_of_memory(words: str) -> bool:
    """Whether the sentence of `exit_words` speaks of a kill that nobody here ordered."""
    return _OUT_OF_MEMORY in words


def as_expected(end: ProcessExit | None, expected: int) -> bool:
    """Whether a command ended by itself with the exit code that the plan expects. No evidence is no pass."""
    return end is not None and ended_by_itself(end) and end.exit_code == expected


def ended_by_itself(end: ProcessExit | None) -> bool:
    """Whether a command came to an end of its own, with an exit code."""
    return end is not None and not end.ended_by and not end.start_error and not end.signal


def exit_words(end: ProcessExit | None, expected: int, limit: str) -> str:
    """What became of a command. `limit` names the time limit it ran under."""
    if end is None:
        return "its end was not recorded: the supervisor of the command was lost"
    if end.start_error:
        return f"could not be started: {end.start_error.message}"
    match end.ended_by:
        case "deadline":
            return f"timed out: stopped after {limit}"
        case "output_cap":
            return "stopped: it printed more than the output limit allows"
        case "engine_lost":
            return "stopped: no engine was there to judge it"
        case "stop":
            return "stopped by AgentGate"
        case None:
            pass
    if end.signal == "SIGKILL":
        return _OUT_OF_MEMORY
    if end.signal:
        return f"died of {end.signal}"
    if end.exit_code == 137 and expected != 137:
        return f"exit 137, expected {expected}: a process in it was {_OUT_OF_MEMORY}"
    return f"exit {end.exit_code}" if end.exit_code == expected else f"exit {end.exit_code}, expected {expected}"


def exit_hint(end: ProcessExit | None) -> str | None:
    """Why an end is not the work's doing, where that is certain."""
    if end is None or end.ended_by == "engine_lost":
        return "This says nothing about the work: AgentGate lost sight of the command. Run the verification again."
    if end.start_error:
        return "This says nothing about the work: the command could not be started on this machine."
    return None
