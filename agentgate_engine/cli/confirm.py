"""Asking before something is destroyed."""

from __future__ import annotations

import sys

from agentgate_engine.errors import UsageError


def confirmed(question: str, *, yes: bool) -> bool:
    """Whether the operator agrees: by `-y`, or by an answer typed at a terminal.

    Raises:
        UsageError: nobody is there to ask.
    """
    if yes:
        return True
    if not sys.stdin.isatty():
        raise UsageError(f"{question} Say so with -y: there is no terminal to ask at")
    return ask(f"{question} [y/N] ").lower() in ("y", "yes")


def ask(prompt: str) -> str:
    """What is typed after `prompt`, which goes to stderr; empty at the end of the input."""
    print(prompt, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip()
