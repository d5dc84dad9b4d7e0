"""Words of the original's command line that mean something else here, or nothing: what to type instead."""

from __future__ import annotations

from collections.abc import Sequence


def _each(options: str, hint: str) -> dict[str, str]:
    return dict.fromkeys(options.split(), hint)


_COMMANDS: dict[tuple[str, ...], str] = {
    ("auth",): "the GitHub token comes from AGENTGATE_GITHUB_TOKEN, GH_TOKEN, GITHUB_TOKEN or `gh auth login`;"
    " `agentgate doctor` says which",
    ("queue", "cancel"): "`agentgate cancel ID` ends one order, `agentgate cancel --all-queued` every one that waits",
    ("queue", "kill"): "`agentgate cancel ID` ends a run; its process tree is gone within 5 seconds",
    ("queue", "purge"): "`agentgate purge --state STATE`, or `agentgate cancel --all-queued` for what waits",
    ("metrics", "run"): "`agentgate metrics ID`",
}
_SUBMIT = {
    "--github-new": "make the repository with `gh repo create`, then give --fresh --github OWNER/NAME",
    "--public": "make the repository with `gh repo create --public`, then give --fresh --github OWNER/NAME",
    "--network": "an agent's network is never cut here: leave it out",
}
_SERVE = {
    **_each(
        "-p --port -H --host --cors-origin --api-key",
        "there is no server: consoles and commands read the store",
    ),
    **_each(
        "--stale-check --no-stale-check --stale-check-interval --stale-threshold",
        "a dead engine is known by its lock, at once, and the next one goes on with its runs: leave it out",
    ),
    "--auto-process": "an engine always works the queue: leave it out",
    "--stagger-delay": "`agentgate serve --stagger S`, in seconds",
    "--poll-interval": "an engine hears of an order when it is submitted: leave it out",
    "--max-running-time": "`agentgate submit --max-time S` bounds a run",
}
_OPTIONS: dict[str, dict[str, str]] = {
    **dict.fromkeys(("submit", "run", "exec"), _SUBMIT),
    "serve": _SERVE,
    "cancel": _each("-f --force", "a cancel never asks, and always ends the whole process tree: leave it out"),
    "metrics": _each("-d -i --detailed --iterations", "`agentgate show ID` has the iterations"),
}


def moved(arguments: Sequence[str]) -> str | None:
    """What to type instead of arguments that were not understood, where that is known."""
    words = [argument for argument in arguments if not argument.startswith("-")]
    for length in (2, 1):
        if found := _COMMANDS.get(tuple(words[:length])):
            return found
    options = _OPTIONS.get(words[0], {}) if words else {}
    for argument in arguments:
        name = argument.partition("=")[0]
        if name in options:
            return f"{name}: {options[name]}"
    return None
