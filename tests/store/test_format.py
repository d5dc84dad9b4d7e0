"""A store that any version wrote is opened by this one: the samples in tests/data/stores, read and written on.

What a *newer* minor version writes (a key, a type of event) is kept and said; a newer format is refused.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from agentgate_engine.cli.main import run_command
from agentgate_engine.errors import StoreError
from agentgate_engine.models.ids import RunId
from agentgate_engine.models.record import Record
from agentgate_engine.models.transcript import TranscriptLine
from agentgate_engine.store.control_log import parse_wish
from agentgate_engine.store.event_log import EventLog, read_events
from agentgate_engine.store.index import Index
from agentgate_engine.store.index_schema import SCHEMA_VERSION
from agentgate_engine.store.line_reader import read_lines
from agentgate_engine.store.queue_reader import read_settings
from agentgate_engine.store.root import STORE_FORMAT
from agentgate_engine.store.run_evidence import RunEvidence, RunEvidenceReader
from agentgate_engine.store.run_reducer import replay

from .samples import FACTS, RECORDS, SAMPLES, Sample, copy_sample

Ask = Callable[..., tuple[int, str, str]]
NEWER = "agent:telepathy"


@pytest.fixture(params=sorted(FACTS))
def sample(request: pytest.FixtureRequest, tmp_path: Path) -> Sample:
    return copy_sample(request.param, tmp_path / "store")


@pytest.fixture
def newest(tmp_path: Path) -> Sample:
    return copy_sample(max(FACTS), tmp_path / "store")


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Run a headless command on the copy: its exit code, and what it said on both streams."""
    for name in ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("AGENTGATE_HOME", str(tmp_path / "store"))

    def call(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run_command(words)
        told = capsys.readouterr()
        return code, told.out, told.err

    return call


def documents(root: Path) -> Iterator[tuple[str, Path]]:
    """The JSON files of a store, each with the pattern of its kind, or its name where it is of none."""
    for path in sorted(root.rglob("*.json")):
        name = str(path.relative_to(root))
        yield next((pattern for pattern in RECORDS if fnmatch(name, pattern)), name), path


def evidence(sample: Sample, title: str) -> RunEvidence:
    return RunEvidenceReader(sample.store, RunId(sample.runs()[title].id)).read()


def test_no_sample_tells_of_the_machine_that_made_it_or_is_large() -> None:
    for name in FACTS:
        files = [path for path in (SAMPLES / name).rglob("*") if path.is_file()]
        assert sum(path.stat().st_size for path in files) < 300_000
        for path in files:
            text = path.read_text()
            assert not any(f'"{place}/' in text for place in ("/tmp", "/work", "/root", "/opt")), path


def test_every_record_is_one_of_a_kind_that_is_known_and_parses(sample: Sample) -> None:
    kinds: set[str] = set()
    for pattern, path in documents(sample.root):
        RECORDS[pattern].from_json(path.read_bytes(), str(path))
        kinds.add(pattern)
    if sample.name == max(FACTS):
        assert kinds == set(RECORDS)
    for path in sample.root.glob("runs/*/transcript-*.jsonl"):
        assert [TranscriptLine.from_json(line, path.name).seq for line in read_lines(path)]
    for line in read_lines(sample.store.layout.control):
        assert parse_wish(line) is not None, line


def test_the_events_of_every_run_make_its_summary_again(sample: Sample) -> None:
    for run in sample.runs().values():
        made = replay(read_events(sample.store.layout.run(RunId(run.id)).events))
        assert made is not None
        assert made.model_copy(update={"heartbeat": run.heartbeat}) == run


def test_every_run_is_what_it_was(sample: Sample) -> None:
    runs = sample.runs()
    assert set(runs) == set(sample.facts)
    for title, facts in sample.facts.items():
        run, found = runs[title], evidence(sample, title)
        assert found.unreadable == ()
        assert (run.state, run.result, run.iteration, run.levels) == facts[:4]
        assert (run.build_error.type if run.build_error else None, run.retried_count) == (
            facts.error_type,
            facts.retried,
        )
        assert len(found.feedbacks) == facts.fed_back
        assert len(found.agents) == len(found.iterations) == facts.iteration


def test_every_reading_command_tells_of_every_run(sample: Sample, ask: Ask) -> None:
    for title, run in sample.runs().items():
        facts = sample.facts[title]
        shown = ask("show", run.id)
        assert shown[0] == 0 and title in shown[1] and (facts.result or facts.state) in shown[1]
        assert "unreadable" not in shown[1]
        why = json.loads(ask("why", "--json", run.id)[1])
        assert why["why"]["error_type"] == facts.error_type
        assert bool(why["buildError"]) is (facts.error_type is not None)
        assert ask("why", run.id)[0] == 0
        code, said, _ = ask("log", run.id)
        assert code == 0 and bool(said) is (facts.iteration > 0)
        assert ask("log", "--tools", run.id)[0] == 0
        assert len(ask("events", run.id)[1].splitlines()) == len(evidence(sample, title).events)
        assert _code(ask, "verify", run.id) == facts.checked
        assert _code(ask, "diff", run.id) == (0 if facts.checked < 2 else 2)
        assert _code(ask, "feedback", run.id) == (0 if facts.fed_back else 2)
        assert ask("plan", run.id)[1].count("test.sh") >= 1
        code, said, _ = ask("metrics", "--json", run.id)
        assert code == 0 and json.loads(said)["metrics"]["iterations"] == facts.iteration


def _code(ask: Ask, *words: str) -> int:
    return ask(*words)[0]


def test_the_lists_are_told_at_once_or_when_the_index_was_made_again(sample: Sample, ask: Ask) -> None:
    for command in (("status",), ("queue",), ("queue", "health")):
        code, _, said = ask(*command)
        assert code == 0 if sample.current else (code == 3 and "older AgentGate" in said and "--rebuild" in said)
    assert ask("metrics")[0] == 0
    rebuilt = json.loads(ask("doctor", "--rebuild", "--json")[1])["findings"]
    count = len(sample.facts)
    assert any(each["what"] == "rebuild" and f"{count} runs indexed" in each["detail"] for each in rebuilt)
    assert not [each for each in rebuilt if each["state"] == "problem" and each["what"] in ("store", "records", "run")]
    listed = json.loads(ask("status", "--json")[1])
    assert {line["title"]: line["state"] for line in listed["runs"]} == {
        title: facts.state for title, facts in sample.facts.items()
    }
    assert listed["unreadable"] == []
    waiting = [title for title, facts in sample.facts.items() if facts.state == "queued"]
    assert {each["title"] for each in json.loads(ask("queue", "--json")[1])["orders"]} == set(waiting)


def test_what_operators_wished_outlives_the_index(newest: Sample, ask: Ask) -> None:
    def wishes() -> tuple[object, ...]:
        index = Index.open_readonly(newest.store.layout)
        try:
            settings, rows = read_settings(index), {row.title: row for row in index.rows()}
        finally:
            index.close()
        held, waits = rows["held by the operator"], rows["wait for an engine"]
        assert settings.pause is not None
        return settings.capacity, settings.pause.reason, waits.priority, held.waiting, rows["needs the other"].waiting

    assert ask("doctor", "--rebuild", "--json")[0] in (0, 1)
    capacity, pause, priority, held, after = wishes()
    assert (capacity, pause, priority) == (50, "moving house", 5)
    assert "after the release" in str(held)
    assert f"waits for {newest.runs()['wait for an engine'].work_order_id}" in str(after)
    shown = json.loads(ask("show", "--json", newest.runs()["crash at once"].id)[1])
    assert shown["notes"][0]["text"] == "seen before on build-07"
    assert json.loads(ask("show", "--json", newest.runs()["mend the sum"].id)[1])["pin"] is not None


def test_a_new_order_goes_into_an_old_store_and_an_old_index_is_made_again(
    sample: Sample, ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "README.md").write_text("x\n")
    git = ("git", "-c", "user.name=o", "-c", "user.email=o@example.org")
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "begin")):
        subprocess.run([*git, *words], cwd=project, check=True, capture_output=True)
    monkeypatch.chdir(project)
    code, order, said = ask("submit", "-p", "one more", "-a", "command", "--command", "true")
    assert code == 0, said
    index = Index.open_readonly(sample.store.layout)
    try:
        assert index._version() == SCHEMA_VERSION
        titles = {row.title: row.id for row in index.rows()}
    finally:
        index.close()
    assert set(titles) == {*sample.facts, "one more"}
    assert titles["one more"].startswith(order.strip())
    waiting = sample.runs()["wait for an engine"].id
    assert ask("cancel", waiting)[0] == 0
    assert sample.store.read_run(RunId(waiting)).state == "canceled"


def test_a_newer_format_is_refused_with_what_to_do(newest: Sample, ask: Ask) -> None:
    (newest.root / "VERSION").write_text(f"{STORE_FORMAT + 1}\n")
    before = sorted(path.name for path in newest.root.iterdir())
    for command in (("status",), ("show", "a"), ("queue", "pause"), ("metrics",)):
        code, said, fault = ask(*command)
        assert (code, said) == (3, "")
        assert f"has format {STORE_FORMAT + 1}" in fault and "use a newer AgentGate" in fault
    assert sorted(path.name for path in newest.root.iterdir()) == before


def test_a_summary_of_a_newer_format_is_refused_by_name(newest: Sample) -> None:
    run = RunId(newest.runs()["mend the sum"].id)
    path = newest.store.layout.run(run).summary
    path.write_text(json.dumps({**json.loads(path.read_text()), "formatVersion": 99}))
    with pytest.raises(StoreError, match=rf"{run}/run\.json has format 99; use a newer AgentGate"):
        newest.store.read_run(run)


def test_keys_of_a_newer_version_hide_nothing(newest: Sample, tmp_path: Path) -> None:
    plain = {title: evidence(newest, title) for title in newest.facts}
    newer = copy_sample(newest.name, tmp_path / "newer")
    for pattern, path in documents(newer.root):
        path.write_text(json.dumps(_with_more(RECORDS[pattern].from_json(path.read_bytes(), path.name))))
    for path in newer.root.glob("runs/*/events.jsonl"):
        lines = [json.loads(line) for line in read_lines(path)]
        told = [{**line, "mood": "new", "data": {**line["data"], "mood": {"deep": [1]}}} for line in lines]
        path.write_text("".join(json.dumps(line) + "\n" for line in told))
    for title, before in plain.items():
        after = evidence(newer, title)
        assert after.unreadable == ()
        assert (after.run, after.order, after.plan, after.delivery) == (
            before.run,
            before.order,
            before.plan,
            before.delivery,
        )
        assert (after.agents, after.verifications, after.iterations, after.feedbacks) == (
            before.agents,
            before.verifications,
            before.iterations,
            before.feedbacks,
        )


def _with_more(value: object) -> Any:
    """The document of a record, with a key that no version knows in it and in every record within."""
    if isinstance(value, Record):
        fields = type(value).model_fields.items()
        known = {field.serialization_alias or name: _with_more(getattr(value, name)) for name, field in fields}
        return {**known, "mood": {"deep": [1]}}
    if isinstance(value, (list, tuple)):
        return [_with_more(each) for each in value]
    return {key: _with_more(each) for key, each in value.items()} if isinstance(value, dict) else value


def newer_events(sample: Sample, title: str, kinds: tuple[str, ...] = (NEWER, NEWER)) -> Path:
    """Events of types that no version knows, behind the first event of a run; the rest is numbered anew."""
    path = sample.store.layout.run(RunId(sample.runs()[title].id)).events
    first, *rest = [json.loads(line) for line in read_lines(path)]
    strange = [{**first, "type": kind, "data": {"thought": {"deep": [1, 2]}}} for kind in kinds]
    lines = [{**line, "seq": seq} for seq, line in enumerate([first, *strange, *rest])]
    path.write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines))
    return path


def test_events_of_a_newer_version_are_passed_over_counted_and_said(newest: Sample, ask: Ask) -> None:
    before = evidence(newest, "go in circles")
    newer_events(newest, "go in circles")
    after = evidence(newest, "go in circles")
    assert after.unreadable == ()
    assert after.run.unknown_events == {NEWER: 2}
    same = {"unknown_events": {}, "last_seq": before.run.last_seq, "updated_at": before.run.updated_at}
    assert after.run.model_copy(update=same) == before.run
    note = f"2 events of a newer AgentGate could not be taken into account here: {NEWER}"
    shown = ask("show", after.run.id)
    assert shown[0] == 0 and f"warning: {note}" in shown[1]
    assert sum(NEWER in line for line in ask("events", after.run.id)[1].splitlines()) == 2
    assert ask("metrics", after.run.id)[0] == ask("why", after.run.id)[0] == ask("log", after.run.id)[0] == 0
    assert after.run.id not in ask("doctor")[1]


def test_events_of_a_newer_version_are_never_dropped(newest: Sample, ask: Ask) -> None:
    path = newer_events(newest, "wait for an engine")
    before = path.read_bytes()
    run = newest.runs()["wait for an engine"].id
    assert ask("cancel", run, "--reason", "enough")[0] == 0
    assert path.read_bytes().startswith(before) and len(path.read_bytes()) > len(before)
    ended = newest.store.read_run(RunId(run))
    assert (ended.state, ended.unknown_events) == ("canceled", {NEWER: 2})
    assert ask("doctor", "--rebuild", "--quarantine")[0] in (0, 1)
    assert path.read_bytes().startswith(before)


@pytest.mark.parametrize("strange", ["telepathy", "", "agent:", ":x", 'agent:"', "AGENT:X", "agent:a b", "agent:x\n"])
def test_what_is_no_name_of_an_event_is_a_fault_of_the_log(newest: Sample, strange: str) -> None:
    path = newer_events(newest, "mend the sum", (strange,))
    with pytest.raises(StoreError, match="event 1 is unreadable"):
        read_events(path)
    found = evidence(newest, "mend the sum")
    assert found.run.result == "passed"
    assert [name for name, _ in found.unreadable] == ["events.jsonl"]


def test_the_log_of_a_newer_version_goes_on_where_it_ended(newest: Sample) -> None:
    path = newer_events(newest, "mend the sum")
    log = EventLog.open(path)
    try:
        assert log.next_seq == len(read_lines(path))
    finally:
        log.close()
