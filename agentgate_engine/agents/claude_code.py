"""`claude-code`: Claude Code, headless (agents.md 2).

The prompt goes in on stdin, from a regular file: claude takes it from there word for word (seen with 2.1.197), so it is
in no process list, may be longer than an argument can be, and cannot be taken for an option.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agentgate_engine.agents.claude_stream import ClaudeStreamParser
from agentgate_engine.agents.driver import AgentCall, AgentCommand, TranscriptParser
from agentgate_engine.models.work_order import AgentRequest, PermissionMode

PROGRAM_VARIABLE = "AGENTGATE_CLAUDE"

PASS_ENV = (
    "ANTHROPIC_*",
    "API_TIMEOUT_MS",
    "BASH_DEFAULT_TIMEOUT_MS",
    "BASH_MAX_OUTPUT_LENGTH",
    "BASH_MAX_TIMEOUT_MS",
    "CLAUDE_CODE_API_KEY_HELPER_TTL_MS",
    "CLAUDE_CODE_CLIENT_CERT",
    "CLAUDE_CODE_CLIENT_KEY",
    "CLAUDE_CODE_CLIENT_KEY_PASSPHRASE",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
    "CLAUDE_CODE_EXTRA_BODY",
    "CLAUDE_CODE_MAX_OUTPUT_TOKENS",
    "CLAUDE_CODE_MAX_RETRIES",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "CLAUDE_CODE_SKIP_BEDROCK_AUTH",
    "CLAUDE_CODE_SKIP_VERTEX_AUTH",
    "CLAUDE_CODE_SUBAGENT_MODEL",
    "CLAUDE_CODE_USE_BEDROCK",
    "CLAUDE_CODE_USE_FOUNDRY",
    "CLAUDE_CODE_USE_VERTEX",
    "CLAUDE_CONFIG_DIR",
    "CLOUD_ML_REGION",
    "DISABLE_AUTOUPDATER",
    "DISABLE_ERROR_REPORTING",
    "DISABLE_PROMPT_CACHING",
    "DISABLE_TELEMETRY",
    "MAX_THINKING_TOKENS",
)
"""Names (or a prefix and `*`) that claude gets from the operator's environment.

Not CLAUDE_* as a whole: a claude around AgentGate marks its children with CLAUDECODE and CLAUDE_CODE_ENTRYPOINT, and
another claude must not believe that it is one of them. Cloud credentials (AWS_*, GOOGLE_*) go only where the order's
`pass_env` names them, because every command that the agent runs can read them.
"""

QUIET = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_ERROR_REPORTING": "1",
    "DISABLE_TELEMETRY": "1",
    "CLAUDE_CODE_MAX_RETRIES": "2",
}
"""Unless the operator says otherwise. Claude's own ten retries take three minutes, even for a wrong key; the engine's
are visible and cheaper to wait for."""

_PERMISSION: dict[PermissionMode, tuple[str, ...]] = {
    "default": (),
    "accept-edits": ("--permission-mode", "acceptEdits"),
    "bypass": ("--dangerously-skip-permissions",),
}
_SESSION_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


@dataclass(slots=True)
class ClaudeCodeDriver:
    """`environment` is the engine's own, where the program is looked for; `euid` says whether it runs as root.

    Claude refuses to skip permissions as root unless IS_SANDBOX=1 says that this is a throw-away machine. The operator
    who asks for `bypass` as root has decided just that, so it is set then, and only then. The stop sequence leaves a
    cancel within its five seconds.
    """

    name = "claude-code"
    resumes = True
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    euid: Callable[[], int] = os.geteuid

    def problem(self, request: AgentRequest, environment: Mapping[str, str]) -> str | None:
        named = environment.get(PROGRAM_VARIABLE)
        if _program(environment) is None:
            if named:
                return (
                    f"{PROGRAM_VARIABLE} is {named}, which is not a program that can be run: "
                    "correct it, or unset it to use `claude` from PATH."
                )
            return (
                "Claude Code is not installed (no `claude` on PATH): run `npm install -g @anthropic-ai/claude-code`, "
                f"or set {PROGRAM_VARIABLE} to the path of the program."
            )
        if request.model is not None and (not request.model.strip() or request.model.startswith("-")):
            return f"{request.model!r} is not the name of a model: give one such as `sonnet`, or none."
        return None

    def command(self, call: AgentCall) -> AgentCommand:
        request = call.request
        argv = [_program(self.environment) or "claude", "-p", "--output-format", "stream-json", "--verbose"]
        argv += _PERMISSION[request.permission_mode]
        if call.session_id is not None and _SESSION_ID.fullmatch(call.session_id):
            argv += ["--resume", call.session_id]
        if request.model is not None:
            argv += ["--model", request.model]
        environment = dict(QUIET)
        if request.permission_mode == "bypass" and self.euid() == 0:
            environment["IS_SANDBOX"] = "1"
        return AgentCommand(
            argv=argv,
            environment=environment,
            pass_env=PASS_ENV,
            stdin=call.prompt,
            stop_sequence=(("SIGINT", 2.5), ("SIGTERM", 1.0)),
        )

    def parser(self, call: AgentCall) -> TranscriptParser:
        return ClaudeStreamParser(str(call.workspace))


def _program(environment: Mapping[str, str]) -> str | None:
    """The absolute path of claude, so that nothing in a workspace can stand in for it; None when there is none."""
    named = environment.get(PROGRAM_VARIABLE)
    if named:
        return named if Path(named).is_absolute() and shutil.which(named) else None
    directories = [part for part in environment.get("PATH", os.defpath).split(os.pathsep) if part.startswith("/")]
    return shutil.which("claude", path=os.pathsep.join(directories)) if directories else None
