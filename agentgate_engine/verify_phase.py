"""The verifying phase: the plan's checks in the clean room, each under supervision, and `verification-{n}.json`."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from agentgate_engine.clock import to_stamp
from agentgate_engine.event_bus import Evidence
from agentgate_engine.models.events import (
    CheckFinished,
    CheckStarted,
    EventType,
    VerificationComplete,
    VerificationStarted,
)
from agentgate_engine.models.process import ProcessExit, ProcessResult, ProcessSpec
from agentgate_engine.models.verification import Check, PersistedVerificationReport
from agentgate_engine.process.process_host import Dead, Ended, ProcessHandle
from agentgate_engine.run_context import RunContext
from agentgate_engine.store.atomic import replace_file
from agentgate_engine.store.masking import looks_secret
from agentgate_engine.verify.commands import CommandOutcome
from agentgate_engine.verify.verifier import Verification, Verifier, levels_glyphs

MOST_INTERRUPTIONS = 3
_STOP = (("SIGTERM", 2.0),)


class CheckCanceled(Exception):
    """An operator ended the run while a check was running."""


@dataclass
class VerifyPhase:
    """One iteration's verification. Checks that ran or still run under a dead engine are read up on, not run again."""

    context: RunContext
    _numbers: dict[str, int] = field(default_factory=dict[str, int])

    async def work(self) -> PersistedVerificationReport:
        """Judge the newest snapshot; the returned report is on the disk and was told.

        Raises:
            WorkspaceError: the clean room could not be made.
            CheckCanceled: an operator ended the run meanwhile.
            ParkRun: the evidence could not be written.
        """
        context = self.context
        iteration = context.run.iteration
        file = context.layout.verification(iteration)
        if context.persister.happened(EventType.VERIFICATION_COMPLETE, iteration):
            report = context.persister.store.read(PersistedVerificationReport, file)
            assert report is not None, f"{file} was told but is not there"
            return report
        commit = context.run.snapshot_after_sha
        assert commit is not None, "a snapshot comes before its verification"
        begun = context.persister.happened(EventType.VERIFICATION_STARTED, iteration) is not None
        room = await asyncio.to_thread(
            context.workspace.clean_room, commit, pristine=context.order.pristine, reset=not begun
        )
        facts = await asyncio.to_thread(self._facts, commit, room.kept_caches)
        if not begun:
            names = [*(f"setup:{c.name}" for c in context.plan.setup), *(c.name for c in context.plan.tests)]
            checks = ["L0/required-files", "L0/forbidden-patterns", *(f"L1/{name}" for name in names)]
            await context.emit(VerificationStarted(commit=commit, plan_hash=context.plan.hash, checks=checks))
        verifier = Verifier(
            plan=context.plan,
            clock=context.clock,
            runner=self._run,
            mask=context.mask,
            on_check_started=self._check_started,
            on_check_finished=self._check_finished,
        )
        report = await verifier.verify(room.path, facts)
        await context.emit(
            VerificationComplete(
                file=file.name,
                passed=report.passed,
                summary=report.summary,
                levels=levels_glyphs(report),
                first_failed=report.first_failed.id if report.first_failed else None,
            ),
            Evidence(file, report),
        )
        return report
