"""Who works on which directory, as it stands on the disk."""

from __future__ import annotations

from agentgate_engine.models.record import Record


class Lease(Record):
    """`leases/{hash of the path}.json`: one run has one real path to itself.

    There is no expiry: on one machine a run that is not over holds what it leased, whatever the clock says, and one
    that is over holds nothing (durability.md 0.2). `fence` is the claim that it was last taken under.
    """

    path: str
    run_id: str
    fence: int = 0
    acquired_at: str


class InPlace(Record):
    """`workspaces/{runId}/place.json`: the run works in the operator's own checkout and not in a clone.

    `tree` is the real path of the checkout, `git_dir` its own repository, which stays the operator's.
    """

    tree: str
    git_dir: str
