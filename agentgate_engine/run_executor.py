"""One run, phase by phase.

The state of the run says which phase is due, and each phase can be entered twice: what an engine before this one did
is found in the events and files and not done again. So a restarted engine calls the same `execute`.
"""

from __future__ import annotations

import asyncio
import errno
import random
import sqlite3
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from agentgate_engine.clock import to_stamp
from agentgate_engine.error_builder import error_of_system, error_of_timeout, error_of_verification
from agentgate_engine.errors import (
    AgentGateError,
    CorruptRecord,
    GitHubError,
    LockHeld,
    ParkRun,
    SnapshotError,
    StoreError,
    UsageError,
    WorkspaceError,
)
from agentgate_engine.event_bus import Emission, Evidence
from agentgate_engine.feedback import build_feedback
from agentgate_engine.models.agent_result import AgentOutcome
from agentgate_engine.models.build_error import BuildError
from agentgate_engine.models.event_type import EventType
from agentgate_engine.models.events import (
    AgentFailed,
    FeedbackGenerated,
    IterationStarted,
    RetryScheduled,
    RunComplete,
    RunFailed,
    RunResumed,
    RunStarted,
    RunWarned,
    SnapshotCreated,
    WorkspaceAcquired,
)
from agentgate_engine.models.run_state import RunResult, RunState, Step, advance
from agentgate_engine.models.verification import PersistedVerificationReport
from agentgate_engine.phases.agent_phase import AgentPhase, settle_agents
from agentgate_engine.phases.backoff import Backoff
from agentgate_engine.phases.ci_phase import CiPhase
from agentgate_engine.phases.delivery_phase import DeliveryPhase
from agentgate_engine.phases.loop import Loop
from agentgate_engine.phases.run_context import CanceledByOperator, RunContext, TimeUsedUp
from agentgate_engine.phases.run_end import canceled, close_iteration, release_workspace
from agentgate_engine.phases.verify_phase import VerifyPhase
from agentgate_engine.process.stop_all import stop_all
from agentgate_engine.retry_executor import backoff_ms, is_retryable
from agentgate_engine.threads import finish_in_thread
from agentgate_engine.workspace.lease import LeaseHeld

STORAGE_FAULTS = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.ENFILE, errno.EMFILE)
"""What is wrong with the machine and not with the run: it waits instead of failing."""

TRANSIENT_FAULTS = (OSError, WorkspaceError, GitHubError, LockHeld, StoreError, sqlite3.OperationalError)
"""What may pass. A defect of ours, a strategy that raises, a record that is damaged would only be repeated."""


@dataclass
class RunExecutor:
    """Drives one run from where its events left it to its end."""

    context: RunContext

    def __post_init__(self) -> None:
        self._loop = Loop(self.context)

    async def execute(self) -> None:
        """Work the run until it is terminal. Whatever goes wrong ends up in the run, but for what must park it.

        Raises:
            ParkRun: the evidence cannot be written; call again when it can.
            LeaseHeld: another run works in the same directory; call again when that is over.
        """
        await self._take_place()
        await self._greet()
        phases = {
            RunState.QUEUED: self._prepare,
            RunState.LEASED: self._begin,
            RunState.BUILDING: self._build,
            RunState.SNAPSHOTTING: self._snapshot,
            RunState.VERIFYING: self._verify,
            RunState.FEEDBACK: self._feedback,
            RunState.PR_CREATED: self._deliver,
            RunState.CI_POLLING: self._wait_for_ci,
        }
        prepared = self.context.run.state is RunState.QUEUED
        try:
            while not self.context.run.state.terminal:
                if self.context.wish is not None:
                    raise CanceledByOperator
                if self.context.seconds_left() <= 0:
                    await self._run_out_of_time()
                    break
                try:
                    if await self._is_used_up_by_waiting():
                        continue
                    await (phases[self.context.run.state] if prepared else self._prepare)()
                    prepared = True
                except (CanceledByOperator, ParkRun, LeaseHeld):
                    raise
                except TimeUsedUp:
                    continue
                except Exception as fault:  # a defect of ours as well: it belongs into the run, with its trace
                    await self._try_again_or_fail(fault)
        except CanceledByOperator:
            await self._canceled()
        finally:
            if self.context.run.state.terminal:
                settle_agents(self.context)
                await self._loop.end()
                await self._release()

    async def _take_place(self) -> None:
        """A run in the operator's own checkout begins, and its time with it, when no other run is there."""
        context, source = self.context, self.context.order.workspace_source
        if source.in_place and context.run.state is RunState.QUEUED:
            lease = partial(context.workspaces.acquire, fence=context.persister.fence)
            await finish_in_thread(lease, context.run_id, Path(source.path))

    async def _greet(self) -> None:
        context = self.context
        if context.run.state.terminal:
            return
        if context.run.started_at is None:
            await context.emit(RunStarted(engine=context.engine))
        else:
            await context.emit(RunResumed(engine=context.engine, reason="taken over from an engine that ended"))
        if context.persister.recovered_bytes:
            message = f"{context.persister.recovered_bytes} bytes of a torn last event were cut off"
            await context.emit(RunWarned(warning="recovered", message=message))

    async def _prepare(self) -> None:
        """The run's own clone. Making it twice is no error, and an engine that takes over does so first."""
        context, source = self.context, self.context.order.workspace_source
        store = context.persister.store.layout
        patch = store.work_orders / source.uncommitted_patch if source.uncommitted_patch else None
        try:
            workspace = await finish_in_thread(
                partial(
                    context.workspaces.prepare_for_run, context.run_id, source, patch, fence=context.persister.fence
                )
            )
        except UsageError as fault:  # it could be used when the order was submitted
            raise WorkspaceError(str(fault)) from fault
        if context.run.state is RunState.QUEUED:
            start = await asyncio.to_thread(lambda: workspace.start_commit)
            await context.emit(WorkspaceAcquired(path=str(workspace.tree), branch=workspace.branch, base_commit=start))

    async def _begin(self) -> None:
        """The next iteration begins from the newest snapshot."""
        context = self.context
        before = context.run.snapshot_after_sha or context.before_sha
        tree = await asyncio.to_thread(context.workspace.tree_of_commit, before)
        await context.bus.emit(
            IterationStarted(before_sha=before, tree_before=tree), iteration=context.run.iteration + 1
        )

    async def _build(self) -> None:
        ended = await AgentPhase(self.context).work()
        if not isinstance(ended, AgentFailed):
            return
        if self.context.wish is not None:
            raise CanceledByOperator
        timed_out = ended.outcome is AgentOutcome.TIMEOUT
        await self._keep_half_done()
        if self.context.seconds_left() <= 0:
            await self._run_out_of_time(ended.error)
            return
        result = RunResult.FAILED_TIMEOUT if timed_out else RunResult.FAILED_BUILD
        await self._fail(Step.BUILD_FAILED, result, ended.error)

    async def _snapshot(self) -> None:
        context = self.context
        iteration, prefix = context.run.iteration, context.order.commit_message_prefix
        title = f"{prefix} {context.order.title}" if prefix else context.order.title
        message = f"{title}\n\nAgentGate run {context.run_id}, iteration {iteration}"
        snapshot = await finish_in_thread(context.workspace.snapshot, iteration, message, context.before_sha)
        file = context.layout.diff(iteration)
        await finish_in_thread(context.workspace.write_diff, snapshot.before_sha, snapshot.after_sha, file)
        await context.emit(SnapshotCreated(snapshot=snapshot, diff_file=file.name))
        for note in snapshot.notes:
            await context.emit(RunWarned(warning="snapshot", message=note))

    async def _verify(self) -> None:
        context = self.context
        report = await VerifyPhase(context).work()
        if not report.passed:
            await self._judge(report)
            return
        if not (await self._loop.decide(report)).go_on:
            await self._deliver()

    async def _judge(self, report: PersistedVerificationReport, limit: str | None = None) -> None:
        """A report with failed checks: another iteration where the strategy says so, else the end. `limit` is why there
        can be none, whatever the strategy says."""
        error = error_of_verification(
            report,
            file=self.context.layout.verification(self.context.run.iteration).name,
            phase=self.context.run.state.value,
            failed_at=self._now(),
        )
        if self.context.seconds_left() <= 0:
            await self._run_out_of_time(error)
            return
        decision = await self._loop.decide(report, limit)
        if decision.go_on:
            return
        why = {"strategy": decision.strategy, "stopped": decision.reason}
        error = error.model_copy(update={"context": {**error.context, **why}})
        await self._fail(Step.VERIFY_FAILED_TERMINAL, RunResult.FAILED_VERIFICATION, error)

    async def _deliver(self) -> None:
        """Deliver the verified commit. A delivery that fails ends the run failed, with the work kept."""
        context, phase = self.context, DeliveryPhase(self.context)
        done = await phase.deliver(self._commit)
        if done.error is not None:
            result = RunResult.FAILED_GITHUB if done.github else RunResult.FAILED_ERROR
            await self._fail(Step.SYSTEM_ERROR, result, done.error)
        elif context.run.state is RunState.PR_CREATED and context.order.git_ops.wait_for_ci:
            await self._wait_for_ci()
        else:
            await self._succeed()

    async def _wait_for_ci(self) -> None:
        """What continuous integration says of the pull request decides whether the run is over."""
        phase = CiPhase(self.context)
        ended = await phase.work(self._commit)
        if ended.report is not None and not ended.report.passed:
            await self._judge(ended.report, phase.limit_reached())
        elif ended.error is not None:
            await self._fail(ended.step, ended.result, ended.error)
        else:
            await self._succeed()

    async def _succeed(self) -> None:
        await self._close_iteration(RunState.SUCCEEDED, None)
        await self.context.emit(RunComplete(branch=self.context.workspace.branch, commit=self._commit))

    @property
    def _commit(self) -> str:
        return self.context.run.snapshot_after_sha or self.context.before_sha

    async def _feedback(self) -> None:
        """Tell the agent what failed, close the iteration, begin the next."""
        context = self.context
        iteration = context.run.iteration
        report = context.persister.store.read(PersistedVerificationReport, context.layout.verification(iteration))
        assert report is not None, "feedback follows a verification"
        decided = self._loop.told()
        if decided is not None and not decided.go_on:  # an engine before us died between the two
            await self._judge(report)
            return
        if not context.persister.happened(EventType.FEEDBACK_GENERATED, iteration):
            words = decided.feedback if decided is not None else None
            feedback = build_feedback(report, created_at=self._now(), extra=words)
            file = context.layout.feedback(iteration)
            told = FeedbackGenerated(file=file.name, bytes=feedback.bytes, failures=len(feedback.failures))
            await context.emit(told, Evidence(file, feedback))
        await self._close_iteration(RunState.FEEDBACK, None)
        await self._begin()

    async def _run_out_of_time(self, stopped: BuildError | None = None) -> None:
        limit = self.context.order.limits.max_wall_clock_seconds
        phase = self.context.run.state.value
        error = error_of_timeout(limit, phase=phase, failed_at=self._now(), stopped=stopped)
        await self._fail(Step.SYSTEM_ERROR, RunResult.FAILED_TIMEOUT, error)

    async def _is_used_up_by_waiting(self) -> bool:
        """Wait out, and begin, the try of this phase that was announced; true when the run's time ended meanwhile. The
        agent's own tries are the agent phase's."""
        backoff = Backoff(self.context, self.context.run.state.value)
        if backoff.pending() is None:
            return False
        await backoff.wait()
        if self.context.seconds_left() <= 0:
            return True
        await backoff.begin()
        return False

    async def _try_again_or_fail(self, fault: Exception) -> None:
        """A fault of ours or of the machine: the phase is entered again where the policy says so, else the run fails.

        Raises:
            ParkRun: the disk cannot be used.
        """
        context = self.context
        if isinstance(fault, OSError) and fault.errno in STORAGE_FAULTS:
            raise ParkRun(f"{context.run_id} cannot go on: {fault}; it will when the disk can be used") from fault
        if context.run.state.terminal:
            return
        error = error_of_system(fault, phase=context.run.state.value, failed_at=self._now())
        backoff, policy = Backoff(context, context.run.state.value), context.order.retry
        used = backoff.used()
        permanent = not isinstance(fault, TRANSIENT_FAULTS) or isinstance(fault, CorruptRecord)
        if permanent or used >= policy.max_attempts or not is_retryable(policy, error):
            await self._failed_by(fault, error)
            return
        delay_ms = backoff_ms(policy, used, jitter=random.random)
        await backoff.schedule(
            RetryScheduled(
                attempt=used + 1,
                retry=used + 1,
                until=backoff.until(delay_ms),
                delay_ms=delay_ms,
                reason=error.message,
                error_type=error.type,
                operation=backoff.operation,
            )
        )

    async def _failed_by(self, fault: Exception, error: BuildError) -> None:
        """The fault ends the run, with its type, never only in a log.

        Nothing is said to have ended while its processes run: an agent that nobody had adopted is stopped first.
        """
        snapshotting = self.context.run.state is RunState.SNAPSHOTTING and isinstance(fault, SnapshotError)
        step = Step.SNAPSHOT_FAILED if snapshotting else Step.SYSTEM_ERROR
        await self._fail(step, RunResult.FAILED_ERROR, error)

    async def _fail(self, step: Step, result: RunResult, error: BuildError) -> None:
        await stop_all(self.context.layout.processes, self.context.clock)
        await self._close_iteration(advance(self.context.run.state, step), error)
        signature = error.context.get("signature")
        await self.context.emit(
            RunFailed(result=result, step=step, error=error, signature=str(signature) if signature else None)
        )

    async def _canceled(self) -> None:
        context, wish = self.context, self.context.wish
        assert wish is not None, "only a wish cancels a run"
        await stop_all(context.layout.processes, context.clock)
        if context.run.iteration:
            await self._keep_half_done()
        await self._emit_all(canceled(context.persister, context.order, wish, self._now()))

    async def _keep_half_done(self) -> None:
        """What an agent had done when it ended badly is kept as a ref beside the snapshots."""
        context = self.context
        try:
            name = f"{context.run.iteration}-unfinished"
            await finish_in_thread(context.workspace.keep, name)
        except AgentGateError as fault:
            await context.emit(RunWarned(warning="workspace", message=str(fault)))

    async def _close_iteration(self, state: RunState, error: BuildError | None) -> None:
        context = self.context
        await self._emit_all(
            close_iteration(context.persister, context.order, state=state, error=error, now=self._now())
        )

    async def _release(self) -> None:
        context = self.context
        await self._emit_all(await finish_in_thread(release_workspace, context.persister, context.workspaces))

    async def _emit_all(self, emissions: list[Emission]) -> None:
        for item in emissions:
            await self.context.bus.emit(item.payload, iteration=item.iteration, evidence=item.evidence)

    def _now(self) -> str:
        return to_stamp(self.context.clock.now())
