"""Delivering a verified result: the run's branch into the operator's repository, then a push or a pull request.

Doing it again after a crash neither fetches, pushes nor opens anything twice. The intent is on the disk before anything
is touched.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from agentgate_engine.clock import to_stamp
from agentgate_engine.delivery.delivery_request import DeliveryOutcome, DeliveryRequest
from agentgate_engine.delivery.github_delivery import GitHubDelivery
from agentgate_engine.delivery.remote import git_host_of
from agentgate_engine.delivery.token import Token, find_token
from agentgate_engine.error_builder import error_of_system
from agentgate_engine.errors import AgentGateError, GitHubError, UsageError, WorkspaceError
from agentgate_engine.event_bus import Evidence
from agentgate_engine.models.build_error import BuildError
from agentgate_engine.models.delivery import DeliveryRecord
from agentgate_engine.models.event_type import EventType
from agentgate_engine.models.events import (
    BranchPushed,
    DeliveryComplete,
    DeliveryStarted,
    Payload,
    PullRequestCreated,
    RunWarned,
)
from agentgate_engine.models.git_ops import GitHubMode, GitMode
from agentgate_engine.models.run_state import RunState
from agentgate_engine.models.verification import PersistedVerificationReport
from agentgate_engine.phases.github_retries import GitHubRetries
from agentgate_engine.phases.run_context import RunContext
from agentgate_engine.phases.run_facts import published_before, pull_request_facts, with_outcome
from agentgate_engine.threads import finish_in_thread
from agentgate_engine.workspace.fetch_back import fetch_back, how_to_go_on


@dataclass(frozen=True, slots=True)
class Delivered:
    """How it went. `error` is set when the run fails for it; `github` tells that it was GitHub's part."""

    error: BuildError | None = None
    github: bool = False


@dataclass
class DeliveryPhase:
    """The delivery of the present iteration's result."""

    context: RunContext

    async def deliver(self, commit: str) -> Delivered:
        """Bring the branch back, and publish it where the order says so.

        Raises:
            CanceledByOperator: an operator ended the run during a wait.
            ParkRun: the evidence could not be written.
        """
        context = self.context
        told = context.persister.happened(EventType.DELIVERY_COMPLETE, context.run.iteration)
        if isinstance(told, DeliveryComplete) and told.error is None:
            return Delivered()
        ops, workspace = context.order.git_ops, context.workspace
        record = DeliveryRecord(
            run_id=context.run_id,
            mode=ops.mode.value,
            state="intended",
            branch=workspace.branch,
            commit=commit,
            target=context.order.workspace_source.path,
            updated_at=self._now(),
        )
        intent = DeliveryStarted(mode=ops.mode.value, branch=workspace.branch, commit=commit)
        await context.emit(intent, Evidence(context.layout.delivery, record))
        fault = await self._bring_back(commit)
        if fault is not None:
            return await self._not_brought_back(record, fault)
        if not context.said_here(BranchPushed):
            target = context.order.workspace_source.path
            await context.emit(BranchPushed(branch=workspace.branch, commit=commit, target=target))
        if ops.mode is GitMode.LOCAL:
            return await self._complete(record, None)
        outcome = await self._publish(commit)
        for warning in outcome.warnings:
            await self._warn(warning)
        return await self._complete(record, outcome)

    async def _bring_back(self, commit: str) -> AgentGateError | None:
        context = self.context
        try:
            source = Path(context.order.workspace_source.path)
            note = await finish_in_thread(fetch_back, context.workspace, source, commit)
        except (WorkspaceError, UsageError) as refused:
            return refused
        if note is not None:
            await context.emit(RunWarned(warning="delivery", message=note))
        return None

    async def _not_brought_back(self, record: DeliveryRecord, fault: AgentGateError) -> Delivered:
        context, workspace = self.context, self.context.workspace
        source, ours = shlex.quote(context.order.workspace_source.path), shlex.quote(str(workspace.repository))
        by_hand = f"git -C {source} fetch {ours} {workspace.branch}:{workspace.branch}"
        text = str(fault)
        failed = record.model_copy(
            update={"state": "failed", "error": text, "next_step": by_hand, "updated_at": self._now()}
        )
        told = DeliveryComplete(file=context.layout.delivery.name, branch=None, error=text)
        await context.emit(told, Evidence(context.layout.delivery, failed))
        wrapped = WorkspaceError(f"verified, but the branch could not be brought back: {fault}. By hand: {by_hand}")
        return Delivered(error_of_system(wrapped, phase=context.run.state.value, failed_at=self._now()))

    async def _publish(self, commit: str) -> DeliveryOutcome:
        """Push, and open the pull request, as the order says. Nothing of what is told has a secret in it."""
        context, request = self.context, self._request(commit)
        try:
            token = await token_of(context)
        except GitHubError as fault:
            return DeliveryOutcome.refused(request, fault).masked(context.mask)
        mask = token.hidden_by(context.mask) if token is not None else context.mask
        retries = GitHubRetries(context, mask)
        delivery = GitHubDelivery(request, token, retries, self._tell, mask, sleep=context.sleep)
        return (await delivery.deliver()).masked(mask)

    def _request(self, commit: str) -> DeliveryRequest:
        context, source = self.context, self.context.order.workspace_source
        file = context.layout.verification(context.run.iteration)
        report = context.persister.store.read_if_whole(PersistedVerificationReport, file)
        before = published_before(context.persister.events, source.path)
        return DeliveryRequest(
            ops=context.order.git_ops,
            workspace=context.workspace,
            source=Path(source.path),
            commit=commit,
            base_branch=source.base_branch,
            facts=pull_request_facts(context.run, context.order, report, context.clock.now()),
            replaces=before.pushed,
            again=before.opened,
        )

    async def _tell(self, payload: Payload) -> None:
        """Tell what was done, once: a delivery that is done again says it again."""
        if isinstance(payload, PullRequestCreated) and self.context.run.state is RunState.PR_CREATED:
            return
        if payload not in self.context.said_here(type(payload)):
            await self.context.emit(payload)

    async def _complete(self, record: DeliveryRecord, outcome: DeliveryOutcome | None) -> Delivered:
        """The end of it, on record. Our branch is where the order came from, whatever became of the rest."""
        context, source = self.context, self.context.order.workspace_source
        done = record.model_copy(update={"state": "delivered", "updated_at": self._now()})
        if outcome is not None:
            done = with_outcome(done, outcome)
        if done.next_step is None:
            done = done.model_copy(update={"next_step": how_to_go_on(source, record.branch)})
        told = DeliveryComplete(
            file=context.layout.delivery.name,
            branch=record.branch,
            error=done.error,
            pr_url=done.github.pr_url if done.github else None,
        )
        await context.emit(told, Evidence(context.layout.delivery, done))
        if outcome is None or outcome.fatal is None:
            return Delivered()
        fault = GitHubError(
            f"verified, and the branch {record.branch} is in {record.target}, but it was not published:"
            f" {outcome.fatal}; then `{done.next_step}`",
            status=outcome.fatal.status,
        )
        return Delivered(error_of_system(fault, phase=context.run.state.value, failed_at=self._now()), github=True)

    async def _warn(self, message: str) -> None:
        warning = RunWarned(warning="github", message=message)
        if warning not in self.context.said_here(RunWarned):
            await self.context.emit(warning)

    def _now(self) -> str:
        return to_stamp(self.context.clock.now())


async def token_of(context: RunContext) -> Token | None:
    """The operator's token for the order's GitHub, or None; not looked for where nothing is asked of GitHub.

    Raises:
        GitHubError: what the environment holds cannot be one.
    """
    ops = context.order.git_ops
    if ops.github_mode is GitHubMode.DISABLED:
        return None
    try:
        return await finish_in_thread(find_token, context.environment, git_host_of(ops.api_url))
    except UsageError as fault:
        raise GitHubError(str(fault)) from fault
