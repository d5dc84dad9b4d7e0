"""How the result of a run is, or was, delivered: facts for people, from the order and `delivery.json`."""

from __future__ import annotations

from agentgate_engine.models.delivery import DeliveryRecord
from agentgate_engine.models.git_ops import GitHubMode, GitMode, GitOps
from agentgate_engine.store.run_evidence import RunEvidence

_WISHES = {
    GitMode.PUSH: "pushed to {remote}",
    GitMode.PR: "a pull request, from a branch pushed to {remote}",
    GitMode.FORK: "a pull request from a fork",
}
_FAILS = {
    GitHubMode.FAIL_FAST: "the run fails if that fails",
    GitHubMode.BEST_EFFORT: "a warning if that fails",
    GitHubMode.DISABLED: "disabled: nothing is published",
}


def delivery_facts(evidence: RunEvidence) -> list[tuple[str, str]]:
    """(name, text) pairs, none for a result that only comes back as a branch."""
    order, delivery = evidence.order, evidence.delivery
    facts = _wished(order.git_ops) if order is not None else []
    return facts + (_done(delivery) if delivery is not None else [])


def _wished(ops: GitOps) -> list[tuple[str, str]]:
    if ops.mode is GitMode.LOCAL:
        return []
    ci = "; waits for its checks" if ops.wait_for_ci else ""
    return [("delivery", f"{_WISHES[ops.mode].format(remote=ops.remote)}{ci} ({_FAILS[ops.github_mode]})")]


def _done(delivery: DeliveryRecord) -> list[tuple[str, str]]:
    github, ci = delivery.github, delivery.ci
    facts: list[tuple[str, str]] = []
    done = {each.operation for each in github.operations if each.success and not each.skipped} if github else set[str]()
    if "push" in done and delivery.remote_url is not None:
        facts.append(("published", f"{delivery.branch} pushed to {delivery.remote_url}"))
    if github is not None and github.pr_url is not None:
        facts.append(("pull request", github.pr_url))
    for each in github.operations if github else []:
        if each.error is not None:
            facts.append(("not done", f"{each.operation}: {each.error}"))
    if ci is not None:
        facts.append(("checks", f"{ci.state}: {ci.text}"))
    return facts
