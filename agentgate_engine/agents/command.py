"""`command`: any shell command as the agent. What it prints is the transcript, its exit is the outcome."""

from __future__ import annotations

from collections.abc import Mapping

from agentgate_engine.agents.driver import AgentCall, AgentCommand, TranscriptParser
from agentgate_engine.agents.plain_parser import PlainParser
from agentgate_engine.models.work_order import AgentRequest

PROMPT_FILE = "prompt.txt"
FEEDBACK_FILE = "feedback.txt"


def told(call: AgentCall) -> tuple[dict[str, str], dict[str, str]]:
    """What a program without an interface of its own gets: (environment, files in the scratch directory).

    The prompt comes on stdin as well. AGENTGATE_FEEDBACK_FILE is absent in an iteration that has no feedback.
    """
    environment = {
        "AGENTGATE_ITERATION": str(call.iteration),
        "AGENTGATE_ATTEMPT": str(call.attempt),
        "AGENTGATE_PROMPT_FILE": str(call.scratch / PROMPT_FILE),
    }
    files = {PROMPT_FILE: call.prompt}
    if call.feedback is not None:
        environment["AGENTGATE_FEEDBACK_FILE"] = str(call.scratch / FEEDBACK_FILE)
        files[FEEDBACK_FILE] = call.feedback
    return environment, files


class CommandDriver:
    name = "command"
    resumes = False

    def problem(self, request: AgentRequest, environment: Mapping[str, str]) -> str | None:
        if request.command is None or not request.command.strip():
            return "The agent `command` needs a command line to run: give one with --command."
        if "\0" in request.command:
            return "The command line of the agent holds a NUL character, which no shell accepts: remove it."
        return None

    def command(self, call: AgentCall) -> AgentCommand:
        environment, files = told(call)
        return AgentCommand(
            argv=("/bin/sh", "-c", call.request.command or ""),
            environment=environment,
            stdin=call.prompt,
            files=files,
        )

    def parser(self, call: AgentCall) -> TranscriptParser:
        return PlainParser()
