"""Which agents there are."""

from __future__ import annotations

from agentgate_engine.agents.claude_code import ClaudeCodeDriver
from agentgate_engine.agents.command import CommandDriver
from agentgate_engine.agents.driver import AgentDriver
from agentgate_engine.agents.environment import agent_environment
from agentgate_engine.agents.scripted import ScriptedDriver
from agentgate_engine.errors import UsageError

__all__ = ["DRIVERS", "agent_environment", "driver_for"]

_ALL: tuple[AgentDriver, ...] = (ClaudeCodeDriver(), CommandDriver(), ScriptedDriver())

DRIVERS: dict[str, AgentDriver] = {driver.name: driver for driver in _ALL}


def driver_for(name: str) -> AgentDriver:
    """The driver of that name.

    Raises:
        UsageError: there is none; the message lists those there are.
    """
    try:
        return DRIVERS[name]
    except KeyError:
        raise UsageError(f"There is no agent {name!r}: the known ones are {', '.join(DRIVERS)}.") from None
