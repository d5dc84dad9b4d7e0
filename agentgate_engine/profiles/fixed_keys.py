"""Keys of the original that are no setting here. A value that says what happens anyway is fine; others are refused."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import JsonValue


@dataclass(frozen=True, slots=True)
class Fixed:
    """A key that is not configurable here. `allowed` are the values that say what happens anyway; `instead` what to do
    for any other."""

    path: str
    allowed: tuple[JsonValue, ...]
    instead: str


_NOT_TAKEN = "agents here are unmodified command lines: set it in the agent's own configuration"

FIXED: tuple[Fixed, ...] = (
    Fixed(
        "loopStrategy.completionDetection",
        (["verification_pass"],),
        "a loop ends when the checks pass, and else as loopStrategy.mode says; remove it and choose a mode",
    ),
    Fixed(
        "loopStrategy.progressTracking",
        ("verification_levels",),
        "progress is measured on the outcomes of checks; remove it",
    ),
    Fixed(
        "loopStrategy.convergenceThreshold",
        (),
        "write similarityThreshold, the share of words that outputs have in common (0.95 by default)",
    ),
    Fixed("agentDriver.maxTokens", (), "use executionLimits.maxIterationTokens, which bounds an iteration"),
    Fixed("agentDriver.temperature", (), _NOT_TAKEN),
    Fixed("agentDriver.systemPrompt", (), "put it into the order's prompt, or into the agent's own configuration"),
    Fixed("agentDriver.tools", (), _NOT_TAKEN),
    Fixed("agentDriver.mcpServers", (), _NOT_TAKEN),
    Fixed(
        "verification.cleanRoom",
        (True,),
        "checks always run in a clean room; pristine says whether it keeps caches between iterations",
    ),
    Fixed(
        "verification.parallelTests",
        (False,),
        "the checks of a run are run one after the other; `agentgate serve --slots` works several runs at once",
    ),
    Fixed(
        "gitOps.branchPrefix",
        ("agentgate/",),
        "a run's branch is always agentgate/RUN, so that it can be found by its run",
    ),
    Fixed(
        "gitOps.autoCommit",
        (True,),
        "every iteration is committed on the run's own branch: that is its snapshot; your branches are not touched",
    ),
    Fixed(
        "executionLimits.maxDiskMb",
        (None,),
        "a workspace's size is not limited; use a quota of the file system, and policy.max_disk_mb of verify.yaml"
        " for the files of a change",
    ),
    Fixed(
        "executionLimits.maxMemoryMb",
        (None,),
        "an agent's memory is not limited; start the engine under a limit, as with"
        " `systemd-run --user --scope -p MemoryMax=2G agentgate serve`",
    ),
    Fixed(
        "executionLimits.maxConcurrentAgents",
        (1,),
        "one agent works a run at a time; `agentgate serve --slots` says how many runs are worked at once",
    ),
)
