"""`agentgate submit` and `agentgate run`."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from agentgate_engine.agents.registry import driver_for
from agentgate_engine.cli.log import follow
from agentgate_engine.cli.order_options import named_as_given, settings_of
from agentgate_engine.cli.output import put, put_json, record_json, say
from agentgate_engine.cli.reading import make_store
from agentgate_engine.cli.show import show
from agentgate_engine.cli.why import READERS, put_why
from agentgate_engine.clock import Clock
from agentgate_engine.commands.engines import living_engines, start_engine
from agentgate_engine.commands.submit import SubmitRequest, Submitted, judge
from agentgate_engine.commands.submit import submit as submit_order
from agentgate_engine.errors import StoreError, UsageError
from agentgate_engine.models.ids import RunId
from agentgate_engine.models.work_order import SourceType
from agentgate_engine.profiles.profile_keys import AGENT_ALIASES
from agentgate_engine.store.index import Index
from agentgate_engine.store.run_evidence import RunEvidenceReader
from agentgate_engine.store.store import Store
from agentgate_engine.views.safe_text import sanitize
from agentgate_engine.views.why import DEFAULT_ONLY, judged_by_nothing, why_view
from agentgate_engine.views.wording import duration
from agentgate_engine.workspace.resolved_source import SourceRequest

if TYPE_CHECKING:
    from pydantic import JsonValue


def submit(asked: argparse.Namespace) -> int:
    """Queue an order; durable when the id is printed.

    Raises:
        UsageError: something about the order cannot be used; nothing was queued.
        StoreError: the store cannot be written.
    """
    store, done = _submit(asked)
    if asked.start:
        start_engine(store, os.environ)
    engines = living_engines(store)
    if asked.json:
        put_json({**_document(done), "engines": engines})
        return 0
    put(done.order_id)
    say(_place(done))
    if not engines:
        say("no engine is alive: start one with `agentgate serve`")
    return 0


def run(asked: argparse.Namespace) -> int:
    """Queue an order, have an engine work it, follow it. Exit 0 if it passed, 1 if not.

    Raises:
        UsageError: something about the order cannot be used; nothing was queued.
        StoreError: the store cannot be written.
        AgentGateError: no engine could be started.
    """
    if asked.id is not None:
        return _one_run(asked)
    store, done = _submit(asked)

    def with_an_engine() -> None:
        if not living_engines(store):
            _refuse_if_parked(store, done.run_id)
            start_engine(store, os.environ, until_idle=True)

    with_an_engine()
    say(f"{done.run_id} is in the hands of an engine; leaving here does not stop it")
    try:
        if asked.json:
            with contextlib.redirect_stdout(io.StringIO()):
                code = follow(store, done.run_id, with_an_engine)
        else:
            code = follow(store, done.run_id, with_an_engine)
    except KeyboardInterrupt:
        say(
            f"the run goes on; follow it with `agentgate log -F {done.order_id}`,"
            f" end it with `agentgate cancel {done.order_id}`"
        )
        return 130
    evidence = RunEvidenceReader(store, done.run_id).read()
    if asked.json:
        put_json({**_document(done), "run": record_json(evidence.run)})
    elif code:
        put_why(why_view(evidence, None, READERS))
    else:
        how = DEFAULT_ONLY if judged_by_nothing(evidence) else "passed"
        put(sanitize(f"{how}; the branch {evidence.run.branch} is in {evidence.run.repository}"))
    return code


def _one_run(asked: argparse.Namespace) -> int:
    """`run ID`: the run, as `show` prints it.

    Raises:
        UsageError: a task was given too, or no run has that id: it may have been meant as the task.
        StoreError: it cannot be read.
    """
    if asked.prompt is not None or asked.prompt_file is not None or settings_of(asked):
        raise UsageError(f"{asked.id!r} stands beside an order: give a run's id alone, or the task with --prompt")
    try:
        return show(asked)
    except UsageError as fault:
        raise UsageError(f"{fault}; a task is given with --prompt") from None


def _refuse_if_parked(store: Store, run_id: RunId) -> None:
    """A run whose files keep every engine from working it is not given one engine after the other.

    Raises:
        StoreError: the last engine gave it up; says why.
    """
    index = Index.open_readonly(store.layout)
    try:
        row = index.row(run_id)
    finally:
        index.close()
    if row is not None and row.waiting is not None and row.waiting.startswith("store: "):
        raise StoreError(f"{run_id} cannot go on: {row.waiting.removeprefix('store: ')}; see `agentgate doctor`")


def _submit(asked: argparse.Namespace) -> tuple[Store, Submitted]:
    settings = settings_of(asked)
    _refuse_idle_options(asked, settings)
    request = SubmitRequest(
        prompt=_prompt(asked),
        source=_source(asked),
        settings=settings,
        profile=asked.profile,
        title=asked.title,
        priority=asked.priority,
        after=tuple(asked.after),
    )
    try:
        judge(request, os.environ)
        store = make_store(asked)
        done = submit_order(store, request, os.environ, Clock())
    except UsageError as fault:
        raise UsageError(named_as_given(str(fault))) from fault
    for note in done.notes:
        say(f"note: {sanitize(note)}")
    return store, done


def _source(asked: argparse.Namespace) -> SourceRequest:
    """What the work starts from.

    Raises:
        UsageError: several sources were named.
    """
    kinds: tuple[tuple[SourceType, object], ...] = (
        ("git", asked.git_url),
        ("github", asked.github and not asked.fresh),
        ("fresh", asked.fresh),
    )
    named: list[SourceType] = [kind for kind, given in kinds if given]
    if len(named) > 1:
        raise UsageError("give one source: --repo, --git-url, --github or --fresh")
    kind: SourceType = named[0] if named else "local"
    path = asked.repo.absolute() if asked.repo is not None else Path().absolute() if kind == "local" else None
    return SourceRequest(
        kind=kind,
        path=path,
        url=asked.git_url,
        repository=asked.github,
        branch=asked.git_branch,
        template=asked.template,
        project_name=asked.project_name,
        in_place=asked.in_place,
        include_dirty=asked.include_dirty,
    )


def _refuse_idle_options(asked: argparse.Namespace, settings: Mapping[str, JsonValue]) -> None:
    """An option that would do nothing is a misunderstanding, and better told now than after the run.

    Raises:
        UsageError: there is one; says which, and what it is for.
    """
    agent = settings.get("agentDriver.type") or ("claude-code" if asked.profile is None else None)
    if agent is None:
        return  # the profile says which, and the notes of the submission what does nothing
    agent = AGENT_ALIASES.get(str(agent), str(agent))
    driver_for(agent)
    for key, option, owner in (
        ("agentDriver.model", "--model", "claude-code"),
        ("agentDriver.permissionMode", "--permissions", "claude-code"),
        ("agentDriver.command", "--command", "command"),
        ("agentDriver.script", "--script", "scripted"),
    ):
        if settings.get(key) not in (None, "default") and agent != owner:
            raise UsageError(f"{option} is for the agent `{owner}` and does nothing for `{agent}`: leave it out")


def _prompt(asked: argparse.Namespace) -> str:
    if (asked.prompt is None) == (asked.prompt_file is None):
        raise UsageError("give the task with either --prompt or --prompt-file")
    if asked.prompt is not None:
        return asked.prompt
    try:
        return sys.stdin.read() if str(asked.prompt_file) == "-" else asked.prompt_file.read_text()
    except OSError as fault:
        raise UsageError(f"cannot read {asked.prompt_file}: {fault.strerror}") from None
    except UnicodeDecodeError as fault:
        raise UsageError(f"{asked.prompt_file} is not UTF-8 text: {fault.reason} at byte {fault.start}") from None


def _place(done: Submitted) -> str:
    place = done.place
    if place.position is None:
        return "queued"
    wait = "" if place.estimated_wait_ms is None else f", starts in about {duration(place.estimated_wait_ms)}"
    return f"queued as number {place.position}{wait}"


def _document(done: Submitted) -> dict[str, object]:
    return {
        "order": done.order_id,
        "runId": done.run_id,
        "position": done.place.position,
        "estimatedWaitMs": done.place.estimated_wait_ms,
        "baseCommit": done.base_commit,
        "leftOut": list(done.left_out),
        "notes": list(done.notes),
    }
