"""One run, phase by phase.

The state of the run says which phase is due, and each phase can be entered twice: what an engine before this one did
is found in the events and files and not done again. So a restarted engine calls the same `execute`.
"""

from __future__ import annotations

import asyncio
import errno
from dataclasses import dataclass
from pathlib import Path

from agentgate_engine.agent_phase import AgentPhase, settle_agents
from agentgate_engine.clock import to_stamp
from agentgate_engine.delivery_phase import deliver
from agentgate_engine.error_builder import error_of_system, error_of_timeout, error_of_verification
from agentgate_engine.errors import AgentGateError, ParkRun, SnapshotError, UsageError, WorkspaceError
from agentgate_engine.event_bus import Emission, Evidence
from agentgate_engine.feedback import build_feedback
from agentgate_engine.models.agent_result import AgentOutcome
from agentgate_engine.models.build_error import BuildError
from agentgate_engine.models.event_type import EventType
from agentgate_engine.models.events import (
    AgentFailed,
    FeedbackGenerated,
    IterationStarted,
    RunComplete,
    RunFailed,
    RunResumed,
    RunStarted,
    RunWarned,
    SnapshotCreated,
    StrategyDecision,
    WorkspaceAcquired,
)
from agentgate_engine.models.run_state import RunResult, RunState, Step, advance
from agentgate_engine.models.verification import PersistedVerificationReport
from agentgate_engine.process.stop_all import stop_all
from agentgate_engine.run_context import CanceledByOperator, RunContext
from agentgate_engine.run_end import canceled, close_iteration, release_workspace
from agentgate_engine.strategies.fixed import NAME, IterationOutcome, decide
from agentgate_engine.threads import finish_in_thread
from agentgate_engine.verify_phase import VerifyPhase

STORAGE_FAULTS = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.ENFILE, errno.EMFILE)
"""What is wrong with the machine and not with the run: it waits instead of failing."""


@dataclass
class RunExecutor:
    """Drives one run from where its events left it to its end."""

    context: RunContext

    async def execute(self) -> None:
        """Work the run until it is terminal. Whatever goes wrong ends up in the run, but for what must park it.

        Raises:
            ParkRun: the evidence cannot be written; call again when it can.
        """
        await self._greet()
        phases = {
            RunState.QUEUED: self._prepare,
            RunState.LEASED: self._begin,
            RunState.BUILDING: self._build,
            RunState.SNAPSHOTTING: self._snapshot,
            RunState.VERIFYING: self._verify,
            RunState.FEEDBACK: self._feedback,
        }
        try:
            if self.context.run.state not in (RunState.QUEUED, RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELED):
                await self._prepare()
            while not self.context.run.state.terminal:
                if self.context.wish is not None:
                    raise CanceledByOperator
                if self.context.seconds_left() <= 0:
                    await self._run_out_of_time()
                    break
                await phases[self.context.run.state]()
        except CanceledByOperator:
            await self._canceled()
        except ParkRun:
            raise
        except AgentGateError as fault:
            await self._failed_by(fault)
        except OSError as fault:
            if fault.errno in STORAGE_FAULTS:
                raise ParkRun(
                    f"{self.context.run_id} cannot go on: {fault}; it will when the disk can be used"
                ) from fault
            await self._failed_by(fault)
        except Exception as fault:  # a defect of ours: it belongs into the run, with its trace
            await self._failed_by(fault)
        finally:
            if self.context.run.state.terminal:
                settle_agents(self.context)
                await self._release()

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
                context.workspaces.prepare, context.run_id, Path(source.path), source.base_commit, patch
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
        if ended.outcome is AgentOutcome.CANCELED or self.context.wish is not None:
            raise CanceledByOperator
        timed_out = ended.outcome is AgentOutcome.TIMEOUT
        await self._keep_half_done()
        if timed_out and self.context.seconds_left() <= 0:
            await self._run_out_of_time(ended.error)
            return
        result = RunResult.FAILED_TIMEOUT if timed_out else RunResult.FAILED_BUILD
        await self._fail(Step.BUILD_FAILED, result, ended.error)

    async def _snapshot(self) -> None:
        context = self.context
        iteration, title = context.run.iteration, context.order.title
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
        if report.passed:
            await self._pass(report)
            return
        error = error_of_verification(
            report,
            file=context.layout.verification(context.run.iteration).name,
            phase=context.run.state.value,
            failed_at=self._now(),
        )
        if context.seconds_left() <= 0:
            await self._run_out_of_time(error)
            return
        decision = decide(IterationOutcome(context.run.iteration, context.run.max_iterations, report.passed))
        if decision.go_on:
            await context.emit(StrategyDecision(strategy=NAME, go_on=True, reason=decision.reason))
            return
        await self._decide_once(decision.reason)
        await self._fail(Step.VERIFY_FAILED_TERMINAL, RunResult.FAILED_VERIFICATION, error)

    async def _pass(self, report: PersistedVerificationReport) -> None:
        """Deliver, close the iteration, end the run. A delivery that fails ends the run failed, with the work kept."""
        context = self.context
        commit = context.run.snapshot_after_sha or context.before_sha
        await self._decide_once("every check passed")
        if (error := await deliver(context, commit)) is not None:
            await self._fail(Step.SYSTEM_ERROR, RunResult.FAILED_ERROR, error)
            return
        await self._close_iteration(RunState.SUCCEEDED, None)
        await context.emit(RunComplete(branch=context.workspace.branch, commit=commit))

    async def _feedback(self) -> None:
        """Tell the agent what failed, close the iteration, begin the next."""
        context = self.context
        iteration = context.run.iteration
        if not context.persister.happened(EventType.FEEDBACK_GENERATED, iteration):
            report = context.persister.store.read(PersistedVerificationReport, context.layout.verification(iteration))
            assert report is not None, "feedback follows a verification"
            feedback = build_feedback(report, created_at=self._now())
            file = context.layout.feedback(iteration)
            told = FeedbackGenerated(file=file.name, bytes=feedback.bytes, failures=len(feedback.failures))
            await context.emit(told, Evidence(file, feedback))
        await self._close_iteration(RunState.FEEDBACK, None)
        await self._begin()

    async def _decide_once(self, reason: str) -> None:
        if not self.context.persister.happened(EventType.STRATEGY_DECISION, self.context.run.iteration):
            await self.context.emit(StrategyDecision(strategy=NAME, go_on=False, reason=reason))

    async def _run_out_of_time(self, stopped: BuildError | None = None) -> None:
        limit = self.context.order.limits.max_wall_clock_seconds
        phase = self.context.run.state.value
        error = error_of_timeout(limit, phase=phase, failed_at=self._now(), stopped=stopped)
        await self._fail(Step.SYSTEM_ERROR, RunResult.FAILED_TIMEOUT, error)

    async def _failed_by(self, fault: Exception) -> None:
        """A fault of ours or of the machine: into the run, with its type, never only into a log.

        Nothing is said to have ended while its processes run: an agent that nobody had adopted is stopped first.
        """
        if self.context.run.state.terminal:
            return
        error = error_of_system(fault, phase=self.context.run.state.value, failed_at=self._now())
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
