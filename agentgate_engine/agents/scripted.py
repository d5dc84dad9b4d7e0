"""`scripted`: a real process that plays a YAML script. The demo and the tests use it in the place of a model."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from agentgate_engine.agents.command import told
from agentgate_engine.agents.driver import AgentCall, AgentCommand, TranscriptParser
from agentgate_engine.agents.line_protocol import LineProtocolParser
from agentgate_engine.agents.script import ScriptError, read_script
from agentgate_engine.models.work_order import AgentRequest

_PLAYER = Path(__file__).resolve().with_name("scripted_player.py")


class ScriptedDriver:
    name = "scripted"
    resumes = False

    def problem(self, request: AgentRequest, environment: Mapping[str, str]) -> str | None:
        if not request.script:
            return "The agent `scripted` needs a script to play: name one with --script."
        try:
            read_script(request.script)
        except ScriptError as fault:
            return str(fault)
        return None

    def command(self, call: AgentCall) -> AgentCommand:
        """`-I`: the player sees the interpreter's packages, and nothing that the workspace or PYTHONPATH could add."""
        environment, files = told(call)
        return AgentCommand(
            argv=(sys.executable, "-I", str(_PLAYER), call.request.script or ""),
            environment=environment,
            stdin=call.prompt,
            files=files,
        )

    def parser(self, call: AgentCall) -> TranscriptParser:
        return LineProtocolParser(str(call.workspace))
