"""Publishing a verified result later, by hand: after a delivery that failed, or one that was not asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import JsonValue

from agentgate_engine.clock import Clock, to_stamp
from agentgate_engine.delivery.delivery_request import DeliveryRequest
from agentgate_engine.delivery.github_delivery import GitHubDelivery
from agentgate_engine.delivery.pull_request_text import PullRequestFacts
from agentgate_engine.delivery.remote import git_host_of
from agentgate_engine.delivery.token import find_token
from agentgate_engine.error_builder import error_of_system
from agentgate_engine.errors import GitHubError, UsageError
from agentgate_engine.event_bus import Emission, Evidence
from agentgate_engine.models.delivery import DeliveryRecord, GitHubSummary
from agentgate_engine.models.events import DeliveryComplete, DeliveryStarted, Payload
from agentgate_engine.models.git_ops import GITHUB_RETRY, GitHubMode, GitMode, GitOps, checked_git_ops
from agentgate_engine.models.ids import RunId, order_of
from agentgate_engine.models.retry import RetryAttempt
from agentgate_engine.models.run import Run
from agentgate_engine.models.run_state import RunResult
from agentgate_engine.models.verification import PersistedVerificationReport
from agentgate_engine.models.work_order import WorkOrder
from agentgate_engine.phases.run_facts import published_before, pull_request_facts, with_outcome
from agentgate_engine.profiles.profile_keys import KEYS
from agentgate_engine.profiles.resolve import resolve_profile
from agentgate_engine.result_persister import ResultPersister
from agentgate_engine.retry_executor import Failed, RetryExecutor
from agentgate_engine.store.index import Index
from agentgate_engine.store.masking import Masker
from agentgate_engine.store.store import Store
from agentgate_engine.workspace.workspace import Workspace

T = TypeVar("T")
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _Retries:
    """Calls again what GitHub may do better the next time; says so, masked."""

    clock: Clock
    say: Say
    mask: Callable[[str], str]

    async def __call__(self, operation: str, call: Callable[[], Awaitable[T]]) -> tuple[T, int]:
        failure: GitHubError | None = None

        async def counted(_: int) -> T | Failed:
            nonlocal failure
            try:
                return await call()
            except GitHubError as fault:
                failure = fault
                now = to_stamp(self.clock.now())
                return Failed(error_of_system(fault, phase="delivery", failed_at=now), fault.retry_after_s)

        async def announce(attempt: RetryAttempt) -> None:
            self.say(self.mask(f"{operation}: {attempt.error}; again in {(attempt.next_retry_ms or 0) / 1000:g} s"))

        executor = RetryExecutor(
            GITHUB_RETRY,
            clock=self.clock,
            sleep=asyncio.sleep,
            is_retryable=lambda error: None if error.retryable else False,
            on_retry=announce,
        )
        retried = await executor.run(counted)
        if isinstance(retried.outcome, Failed):
            assert failure is not None, "only GitHub's errors count here"
            raise failure
        return retried.outcome, retried.retried_count


def deliver(
    store: Store,
    run_id: RunId,
    settings: Mapping[str, JsonValue],
    environment: Mapping[str, str],
    clock: Clock,
    say: Say,
) -> DeliveryRecord:
    """Push the run's branch, or open its pull request: as the order says, but for `settings`, by the dotted keys of a
    profile. Twice is no error.

    Raises:
        UsageError: the result was not verified, or nothing says how to deliver it.
        GitHubError: it failed; `delivery.json` says how far it came.
        LockHeld: an engine has the run.
        StoreError: the run cannot be read or written.
    """
    run, order = store.read_run(run_id), store.read_order(order_of(run_id))
    commit = _verified_commit(run)
    asked = {"github_mode": GitHubMode.FAIL_FAST, "wait_for_ci": False}
    ops = checked_git_ops(_with_settings(order.git_ops, settings).model_copy(update=asked))
    if ops.mode is GitMode.LOCAL:
        raise UsageError(f"{run_id} was to be delivered here; say how to publish it: --deliver push, pr or fork")
    index = Index.open_writable(store.layout)
    try:
        persister = ResultPersister.open(store, index, clock, run_id, fence=run.fence, wait_s=2)
        try:
            return asyncio.run(_deliver(persister, order, ops, commit, environment, clock, say))
        finally:
            persister.close()
    finally:
        index.close()


async def _deliver(
    persister: ResultPersister,
    order: WorkOrder,
    ops: GitOps,
    commit: str,
    environment: Mapping[str, str],
    clock: Clock,
    say: Say,
) -> DeliveryRecord:
    token = find_token(environment, git_host_of(ops.api_url))
    masker = Masker.from_environment(environment)
    mask = (token.added_to(masker) if token is not None else masker).mask
    run, file, source = persister.run, persister.layout.delivery, order.workspace_source
    earlier = persister.store.read_if_whole(DeliveryRecord, file)
    record = DeliveryRecord(
        run_id=run.id,
        mode=ops.mode.value,
        state="intended",
        branch=run.branch,
        commit=commit,
        target=source.path,
        ci=earlier.ci if earlier is not None and earlier.commit == commit else None,
        updated_at=to_stamp(clock.now()),
    )

    async def told(payload: Payload, *evidence: Evidence) -> None:
        await persister.persist(Emission(payload, run.iteration, evidence))

    before = published_before(persister.events, source.path)
    await told(DeliveryStarted(mode=ops.mode.value, branch=run.branch, commit=commit), Evidence(file, record))
    request = DeliveryRequest(
        ops=ops,
        workspace=Workspace.at(persister.store.layout.workspaces / run.id, run.id),
        source=Path(source.path),
        commit=commit,
        base_branch=source.base_branch,
        facts=_facts(persister, order, clock),
        replaces=before.pushed,
        again=before.opened,
    )
    outcome = (await GitHubDelivery(request, token, _Retries(clock, say, mask), told, mask).deliver()).masked(mask)
    record = with_outcome(record, outcome).model_copy(update={"updated_at": to_stamp(clock.now())})
    record = _with_earlier(record, earlier)
    ended = DeliveryComplete(file=file.name, branch=None, error=record.error, pr_url=outcome.summary.pr_url)
    await told(ended, Evidence(file, record))
    if outcome.fatal is not None:
        raise outcome.fatal
    return record


def _with_settings(ops: GitOps, settings: Mapping[str, JsonValue]) -> GitOps:
    given = resolve_profile(None, settings, Path()).profile.git_ops
    fields = {key.path: key.target.partition(".")[2] for key in KEYS if key.target and key.section == "gitOps"}
    return ops.model_copy(update={fields[path]: getattr(given, fields[path]) for path in settings if path in fields})


def _verified_commit(run: Run) -> str:
    if not run.state.terminal:
        raise UsageError(f"{run.id} has not ended; it delivers by itself when it has passed")
    if run.result not in (RunResult.PASSED, RunResult.FAILED_GITHUB) or run.snapshot_after_sha is None:
        raise UsageError(
            f"{run.id} ended {run.result}: only a verified result is published; `agentgate take {run.id}`"
            " brings its work here as a branch"
        )
    return run.snapshot_after_sha


def _facts(persister: ResultPersister, order: WorkOrder, clock: Clock) -> PullRequestFacts:
    report = persister.store.read_if_whole(
        PersistedVerificationReport, persister.layout.verification(persister.run.iteration)
    )
    return pull_request_facts(persister.run, order, report, clock.now())


def _with_earlier(record: DeliveryRecord, earlier: DeliveryRecord | None) -> DeliveryRecord:
    """The record with what an earlier delivery of the same commit did: a push stays done when a pull request fails."""
    if earlier is None or earlier.commit != record.commit or earlier.github is None or record.github is None:
        return record
    repeated = {each.operation for each in record.github.operations if each.success}
    kept = (each for each in earlier.github.operations if each.success and not each.skipped)
    done = [each for each in kept if each.operation not in repeated]
    if not done:
        return record
    opened = record.github.pr_url or earlier.github.pr_url
    summary = GitHubSummary.of(record.github.mode, record.branch, [*done, *record.github.operations], opened)
    return record.model_copy(
        update={
            "github": summary,
            "remote_url": record.remote_url or earlier.remote_url,
            "repository": record.repository or earlier.repository,
            "pull_request": record.pull_request or earlier.pull_request,
        }
    )
