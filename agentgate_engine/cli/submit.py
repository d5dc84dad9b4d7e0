"""`agentgate submit` and `agentgate run`."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import re
import sys

from agentgate_engine.agents.registry import driver_for
from agentgate_engine.cli.log import follow
from agentgate_engine.cli.output import put, put_json, record_json, say
from agentgate_engine.cli.reading import make_store
from agentgate_engine.cli.why import READERS, put_why
from agentgate_engine.clock import Clock
from agentgate_engine.commands.engines import living_engines, start_engine
from agentgate_engine.commands.submit import SubmitRequest, Submitted
from agentgate_engine.commands.submit import submit as submit_order
from agentgate_engine.errors import StoreError, UsageError
from agentgate_engine.models.ids import RunId
from agentgate_engine.models.work_order import AgentRequest, Limits
from agentgate_engine.store.index import Index
from agentgate_engine.store.run_evidence import RunEvidenceReader
from agentgate_engine.store.store import Store
from agentgate_engine.views.safe_text import sanitize
from agentgate_engine.views.why import DEFAULT_ONLY, judged_by_nothing, why_view

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\*?")


def submit(asked: argparse.Namespace) -> int:
    """Queue an order; durable when the id is printed.

    Raises:
        UsageError: something about the order cannot be used; nothing was queued.
        StoreError: the store cannot be written.
    """
    store, done = _submit(asked)
    engines = living_engines(store)
    if not engines and asked.start:
        engines = [start_engine(store, os.environ)]
    if asked.json:
        put_json({**_document(done), "engines": engines})
        return 0
    put(done.order_id)
    say(f"queued as number {done.position}" if done.position else "queued")
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
    driver_for(asked.agent)
    _refuse_idle_options(asked)
    given = {
        "maxIterations": asked.max_iterations,
        "maxIterationSeconds": asked.iteration_time,
        "maxWallClockSeconds": asked.max_time,
    }
    limits = Limits.model_validate({name: value for name, value in given.items() if value is not None})
    named = {name for name, value in given.items() if value is not None}
    named |= {name for name, value in (("model", asked.model), ("pristine", asked.pristine)) if value}
    named |= {"permissionMode"} if asked.permissions != "default" else set()
    named |= {"agent"} if asked.agent != "claude-code" else set()
    request = SubmitRequest(
        prompt=_prompt(asked),
        repository=asked.repo.absolute(),
        agent=AgentRequest(
            type=asked.agent,
            command=asked.agent_command,
            script=str(asked.script.absolute()) if asked.script else None,
            model=asked.model,
            permission_mode=asked.permissions,
            pass_env=asked.pass_env,
        ),
        limits=limits,
        title=asked.title,
        priority=asked.priority,
        include_dirty=asked.include_dirty,
        pristine=asked.pristine,
        explicit=frozenset(named),
    )
    store = make_store(asked)
    done = submit_order(store, request, os.environ, Clock())
    for note in done.notes:
        say(f"note: {sanitize(note)}")
    return store, done


def _refuse_idle_options(asked: argparse.Namespace) -> None:
    """An option that would do nothing is a misunderstanding, and better told now than after the run.

    Raises:
        UsageError: there is one; says which, and what it is for.
    """
    for given, option, agent in (
        (asked.model is not None, "--model", "claude-code"),
        (asked.permissions != "default", "--permissions", "claude-code"),
        (asked.agent_command is not None, "--command", "command"),
        (asked.script is not None, "--script", "scripted"),
    ):
        if given and asked.agent != agent:
            raise UsageError(f"{option} is for the agent `{agent}` and does nothing for `{asked.agent}`: leave it out")
    for name in asked.pass_env:
        if not _VARIABLE.fullmatch(name):
            raise UsageError(f"--pass-env takes the name of a variable, NAME or PREFIX*, and not {sanitize(name)!r}")


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


def _document(done: Submitted) -> dict[str, object]:
    return {
        "order": done.order_id,
        "runId": done.run_id,
        "position": done.position,
        "baseCommit": done.base_commit,
        "leftOut": list(done.left_out),
        "notes": list(done.notes),
    }
