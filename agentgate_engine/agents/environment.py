"""The environment of an agent: an allow-list, because whatever the agent has, every command that it runs has too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from agentgate_engine.agents.driver import AgentCommand
from agentgate_engine.models.work_order import AgentRequest

ALLOWED = (
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LANGUAGE",
    "LC_*",
    "TZ",
    "TMPDIR",
    "XDG_*",
    "SSL_CERT_*",
    "NODE_EXTRA_CA_CERTS",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
)

PLAIN_OUTPUT = {"TERM": "dumb", "NO_COLOR": "1"}
"""No agent here has a terminal. `dumb` keeps programs from drawing, and NO_COLOR those that colour without asking; what
the agent reads back and what stands in the transcript is then the same plain text. The real claude behaves alike with
and without both; CI is not set, because it changes what tests do."""


def agent_environment(base: Mapping[str, str], command: AgentCommand, request: AgentRequest) -> dict[str, str]:
    """The whole environment of an agent's process.

    `base` is the operator's; of it passes what is allowed for all, for this driver, and by this order. A value that the
    operator gave wins over a default of the driver's. Names that start with AGENTGATE_ are ours and always win.
    """
    passed = {
        name: value for name, value in base.items() if _named(name, (*ALLOWED, *command.pass_env, *request.pass_env))
    }
    ours = {name: value for name, value in command.environment.items() if name.startswith("AGENTGATE_")}
    return {**PLAIN_OUTPUT, **command.environment, **passed, **ours}


def _named(name: str, patterns: Iterable[str]) -> bool:
    """Whether one of the names, or of the prefixes that end with `*`, means this variable."""
    return any(
        name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern for pattern in patterns if pattern
    )
