"""A8: bad input gets one clear sentence on stderr, its exit code, and leaves nothing half made."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from agentgate_engine.models.ids import RunId

from .site import Done, Site, git

COMMAND = ("-a", "command", "--command", "touch done")


def listing(site: Site) -> list[str]:
    """What is in the store, but for the databases' companions."""
    found = [str(path.relative_to(site.home)) for path in site.home.rglob("*")]
    return sorted(name for name in found if not name.startswith("index.db-"))


def assert_refused(done: Done, code: int, *words: str) -> None:
    assert done.code == code, done
    assert done.out == ""
    assert "Traceback" not in done.err
    sentence = done.err.strip()
    assert len(sentence.split("\n")) == 1, sentence
    for word in words:
        assert word in sentence, sentence


@pytest.fixture
def stocked(small: Site) -> Site:
    """A store with one order in it, so that it can be seen to stay as it is."""
    small.submit("touch done")
    return small


PLANS = {
    "bad YAML": ("version: '1'\ntests: [\n", "verify.yaml:3"),
    "unknown key": ("version: '1'\ntestz: []\n", 'verify.yaml:2: unknown key "testz"'),
    "wrong type": ("version: '1'\ntests:\n  - name: a\n    command: [1]\n", "verify.yaml:4: tests[0].command"),
    "unknown assertion": (
        "blackbox:\n  - name: a\n    command: b\n    assertions: [{type: equals, value: c}]\n",
        "verify.yaml:4: blackbox[0].assertions[0].type: must be one of exit_code, contains",
    ),
    "unknown sanity check": ("version: '1'\nsanity: [spelling]\n", "verify.yaml:2: sanity[0]: must be one of"),
    "unknown rule": (
        "contracts:\n  required_schemas:\n    - {file: a, schema: json, rules: [{has: b}]}\n",
        "verify.yaml:3: contracts.required_schemas[0].rules[0]: unknown key",
    ),
    "broken JSON Schema": (
        "contracts:\n  required_schemas:\n    - {file: a, schema: json, rules: [{json_schema: {type: b}}]}\n",
        "verify.yaml:3: contracts.required_schemas[0].rules[0].json_schema: is not a valid JSON Schema",
    ),
    "disallowed command": (
        "tests:\n  - name: a\n    command: sudo rm -rf build\n",
        'verify.yaml:3: the command of "a" holds "sudo rm -rf"',
    ),
    "no command": ("version: '1'\ntests:\n  - name: a\n", "verify.yaml:3: tests[0]"),
    "twins": ("tests:\n  - {name: a, command: b}\n  - {name: a, command: c}\n", "verify.yaml:3: tests[1]"),
}


@pytest.mark.parametrize("case", PLANS)
def test_a_broken_plan_stops_the_submit_and_names_file_line_and_key(stocked: Site, case: str) -> None:
    text, place = PLANS[case]
    stocked.commit({"verify.yaml": text}, "break the plan")
    before = listing(stocked)
    assert_refused(stocked.agentgate("submit", "-p", "x", *COMMAND), 2, place)
    assert listing(stocked) == before


ARGUMENTS: dict[str, tuple[tuple[str, ...], str]] = {
    "unknown agent": (("-p", "x", "-a", "clod"), "clod"),
    "claude not installed": (("-p", "x", "-a", "claude-code"), "claude"),
    "command agent without a command": (("-p", "x", "-a", "command"), "--command"),
    "scripted agent without its script": (("-p", "x", "-a", "scripted", "--script", "/nowhere.yaml"), "/nowhere.yaml"),
    "empty prompt": (("-p", " \n", *COMMAND), "prompt"),
    "no prompt": (COMMAND, "--prompt"),
    "both prompts": (("-p", "x", "--prompt-file", "y", *COMMAND), "--prompt"),
    "no prompt file": (("--prompt-file", "/nowhere.txt", *COMMAND), "/nowhere.txt"),
    "prompt file is a directory": (("--prompt-file", "/", *COMMAND), "/"),
    "prompt not UTF-8": (("-p", "caf\udce9", *COMMAND), "prompt"),
    "title not UTF-8": (("-p", "x", "--title", "caf\udce9", *COMMAND), "title"),
    "endless prompt": (("-p", "x" * 100_001, *COMMAND), "100000"),
    "no iterations": (("-p", "x", "--max-iterations", "0", *COMMAND), "--max-iterations"),
    "too many iterations": (("-p", "x", "--max-iterations", "101", *COMMAND), "--max-iterations"),
    "no time": (("-p", "x", "--max-time", "0", *COMMAND), "--max-time"),
    "time is no number": (("-p", "x", "--iteration-time", "nan", *COMMAND), "--iteration-time"),
    "priority out of range": (("-p", "x", "--priority", "9999", *COMMAND), "--priority"),
    "no such directory": (("-p", "x", "-C", "/nowhere", *COMMAND), "/nowhere"),
}


@pytest.mark.parametrize("case", ARGUMENTS)
def test_an_order_that_makes_no_sense_is_refused(stocked: Site, case: str) -> None:
    arguments, word = ARGUMENTS[case]
    before = listing(stocked)
    bare_path = _path_without_claude(stocked.root)
    done = stocked.agentgate("submit", *arguments, environment={"PATH": bare_path, "HOME": "/nowhere"})
    assert_refused(done, 2, word)
    assert listing(stocked) == before


def _path_without_claude(root: Path) -> str:
    """A PATH on which git is, and an agent's own program is not."""
    place = root / "bin"
    place.mkdir()
    for program in ("git", "sh"):
        (place / program).symlink_to(str(shutil.which(program)))
    return str(place)


@pytest.mark.parametrize("argument", ["three", "1.5", ""])
def test_a_number_that_is_none_is_refused_by_name(stocked: Site, argument: str) -> None:
    before = listing(stocked)
    done = stocked.agentgate("submit", "-p", "x", "--max-iterations", argument, *COMMAND)
    assert done.code == 2
    assert "--max-iterations" in done.err.strip().split("\n")[-1]
    assert listing(stocked) == before


def test_what_is_no_repository_to_start_from_is_refused(site: Site) -> None:
    plain, bare, empty = site.root / "plain", site.root / "bare", site.root / "empty"
    plain.mkdir()
    git(site.root, "init", "-q", "--bare", str(bare))
    git(site.root, "init", "-q", str(empty))
    for place, word in ((plain, "not in a git repository"), (bare, "bare"), (empty, "no commit yet")):
        assert_refused(site.agentgate("submit", "-p", "x", *COMMAND, "-C", str(place)), 2, str(place), word)
    assert not site.home.exists() or not list((site.home / "runs").iterdir())


def test_an_unreadable_prompt_file_is_named(stocked: Site) -> None:
    latin = stocked.root / "prompt.txt"
    latin.write_bytes(b"caf\xe9")
    assert_refused(stocked.agentgate("submit", "--prompt-file", str(latin), *COMMAND), 2, str(latin), "UTF-8", "byte 3")


def test_ids_that_fit_nothing_or_several_runs_are_refused(stocked: Site) -> None:
    run_id = stocked.run(RunId(os.listdir(stocked.home / "runs")[0])).id
    twin = run_id[0] + ("a" if run_id[1] != "a" else "b") + run_id[2:]
    shutil.copytree(stocked.home / "runs" / run_id, stocked.home / "runs" / twin)
    for command in ("show", "why", "log", "verify", "diff", "cancel"):
        assert_refused(stocked.agentgate(command, "77777777"), 2, "77777777")
        assert_refused(stocked.agentgate(command, "../../etc"), 2, "../../etc")
        assert_refused(stocked.agentgate(command, run_id[0]), 2, run_id.partition(".")[0], twin.partition(".")[0])
        assert_refused(stocked.agentgate(command, f"{run_id[:8]}.9"), 2, "no run 9")
    assert_refused(stocked.agentgate("show", f"{run_id}/4"), 2, "iteration 4")


def test_there_is_no_store_yet(site: Site) -> None:
    for command in ("status", "show abc", "why abc", "log abc", "verify abc", "diff abc"):
        assert_refused(site.agentgate(*command.split()), 3, str(site.home))
    assert not site.home.exists(), "a command that reads makes no store"


def test_a_store_of_a_newer_format_is_left_alone(stocked: Site) -> None:
    (stocked.home / "VERSION").write_text("99\n")
    before = listing(stocked)
    for arguments in (("status",), ("submit", "-p", "x", *COMMAND), ("serve", "--until-idle")):
        assert_refused(stocked.agentgate(*arguments), 3, str(stocked.home), "99", "newer")
    assert listing(stocked) == before


def test_a_store_that_the_original_wrote_is_left_alone(small: Site) -> None:
    for name in ("leases", "runs/11111111-2222-3333-4444-555555555555", "snapshots", "work-orders", "workspaces"):
        (small.home / name).mkdir(parents=True)
    before = listing(small)
    for arguments in (("submit", "-p", "x", *COMMAND), ("serve", "--until-idle")):
        assert_refused(small.agentgate(*arguments), 3, str(small.home), "--home")
    looked_at = small.agentgate("status")
    assert looked_at.code == 0
    assert "READ-ONLY" in looked_at.err
    assert listing(small) == before


def test_a_directory_that_is_no_store_is_left_alone(small: Site) -> None:
    small.home.mkdir(parents=True)
    (small.home / "thesis.tex").write_text("precious")
    assert_refused(small.agentgate("submit", "-p", "x", *COMMAND), 3, str(small.home))
    assert listing(small) == ["thesis.tex"]


NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all")


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs root, to be somebody else")
def test_a_store_that_is_not_ours_to_write_is_refused(stocked: Site) -> None:
    before = listing(stocked)
    _open_up(stocked.root)
    for path in [stocked.home, *stocked.home.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    trusting = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}
    done = stocked.agentgate("submit", "-p", "x", *COMMAND, prefix=NOBODY, environment=trusting, cwd=Path("/"))
    assert done.code in (2, 3), done
    done = stocked.agentgate(
        "submit", "-p", "x", *COMMAND, "-C", str(stocked.repository), prefix=NOBODY, environment=trusting
    )
    assert_refused(done, 3, str(stocked.home), "writable")
    elsewhere = stocked.root / "nowhere" / "store"
    done = stocked.agentgate("--home", str(elsewhere), "submit", "-p", "x", *COMMAND, prefix=NOBODY)
    assert_refused(done, 3, str(elsewhere))
    stocked.home.chmod(0o700)
    assert_refused(stocked.agentgate("status", prefix=NOBODY), 3, str(stocked.home))
    assert listing(stocked) == before


def _open_up(place: Path) -> None:
    """Let everybody pass through the directories above."""
    for parent in [place, *place.parents]:
        if parent.stat().st_uid == os.geteuid() and not parent.stat().st_mode & stat.S_IXOTH:
            parent.chmod(parent.stat().st_mode | 0o055)


def test_a_corrupt_index_is_named_and_the_submit_leaves_nothing(stocked: Site) -> None:
    for suffix in ("", "-wal", "-shm"):
        Path(f"{stocked.home / 'index.db'}{suffix}").unlink(missing_ok=True)
    (stocked.home / "index.db").write_bytes(b"this is no database" * 500)
    before = listing(stocked)
    for arguments in (("submit", "-p", "x", *COMMAND), ("status",)):
        assert_refused(stocked.agentgate(*arguments), 3, "index.db", "doctor --rebuild")
    engine = stocked.agentgate("serve", "--until-idle")
    assert engine.code == 3
    assert "doctor --rebuild" in engine.err
    assert listing(stocked) == before


@pytest.mark.parametrize("damage", [b"", b"{", b'{"id": 1}', b"\x00" * 512], ids=["empty", "torn", "other", "zeros"])
def test_a_corrupt_run_is_named_and_the_others_still_show(small: Site, damage: bytes) -> None:
    good, bad = small.submit("touch done"), small.submit("touch done")
    (small.home / "runs" / bad / "run.json").write_bytes(damage)
    status = small.agentgate("status")
    assert status.code == 0, status.err
    assert good in status.out
    assert f"?? {bad}" in status.out
    document = small.agentgate("status", "--json").document
    assert [fault["run"] for fault in document["unreadable"]] == [bad]
    assert small.agentgate("show", good).code == 0
    assert small.agentgate("show", bad).code == 0, "the events tell what run.json cannot"
    (small.home / "runs" / bad / "events.jsonl").write_bytes(b"garbage\n")
    assert_refused(small.agentgate("show", bad), 3, str(small.home / "runs" / bad))
    if damage == b"{":  # the engine tries such a run three times before it leaves it
        small.work()
        small.assert_ended_well(good)


def test_a_dirty_checkout_is_no_error_and_is_told(small: Site) -> None:
    (small.repository / "README.md").write_text("changed\n")
    (small.repository / "new.txt").write_text("new\n")
    done = small.agentgate(
        "submit", "-p", "x", "-a", "command", "--command", "test ! -e new.txt && touch done", "--json"
    )
    assert done.code == 0
    assert "README.md" in done.err
    assert "new.txt" in done.err
    assert "--include-dirty" in done.err
    assert done.document["leftOut"] == ["README.md", "new.txt"]
    small.work()
    run_id = RunId(done.document["runId"])
    small.assert_ended_well(run_id)
    assert small.run(run_id).left_out == ["README.md", "new.txt"]
    assert git(small.repository, "show", f"agentgate/{run_id}:README.md") == "small"


def test_include_dirty_takes_changed_and_untracked_files_along(small: Site) -> None:
    (small.repository / "README.md").write_text("changed\n")
    (small.repository / "new.txt").write_text("new\n")
    status = git(small.repository, "status", "--porcelain")
    run_id = small.submit("cat README.md new.txt && touch done", "--include-dirty")
    small.work()
    small.assert_ended_well(run_id)
    assert "changed\nnew" in small.agentgate("log", run_id).out
    assert git(small.repository, "show", f"agentgate/{run_id}:new.txt") == "new"
    assert git(small.repository, "status", "--porcelain") == status
    assert small.run(run_id).left_out == []
