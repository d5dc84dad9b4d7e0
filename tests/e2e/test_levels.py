"""Every level of a gate plan on the installed command: contracts, commands, blackbox and sanity."""

from __future__ import annotations

import json

from agentgate_engine.models.feedback import FeedbackRecord
from agentgate_engine.models.ids import RunId
from agentgate_engine.models.verification import CheckStatus, PersistedVerificationReport

from .site import Site

VERIFY = """\
version: "1"
name: levels
contracts:
  required_files: [README.md]
  required_schemas:
    - file: package.json
      schema: json
      rules:
        - has_field: scripts.test
        - field_type: {field: version, type: string}
        - matches_regex: {field: version, pattern: '^\\d+\\.\\d+\\.\\d+$'}
        - json_schema: schemas/package.json
    - {file: ci.yaml, schema: yaml, rules: [{has_field: "jobs.build.steps[0].run"}]}
  naming_conventions:
    - {pattern: "src/**/*.py", rule: snake_case}
tests:
  - name: unit
    command: python src/adder.py < /dev/null
blackbox:
  - name: sums
    fixture: fixtures/numbers.json
    command: python src/adder.py
    assertions:
      - {type: exit_code, expected: 0}
      - {type: json_schema, schema: schemas/answer.json}
      - {type: json_equals, expected: {sum: 6, count: 3}}
      - {type: contains, value: '"sum"'}
      - {type: matches_regex, pattern: 'count.*3'}
      - {type: equals_file, file: fixtures/answer.json}
policy:
  max_disk_mb: 5
  disallowed_commands: [curl]
"""

ADDER = """\
import json, sys
numbers = json.loads(sys.stdin.read() or "[]")
print(json.dumps({"count": len(numbers), "sum": sum(numbers) + 1}))
"""

FILES = {
    "README.md": "# Levels\n",
    "verify.yaml": VERIFY,
    "package.json": json.dumps({"version": "1.0.0", "scripts": {"test": "true"}}),
    "ci.yaml": "on: push\njobs:\n  build:\n    steps:\n      - run: make\n",
    "src/adder.py": ADDER,
    "fixtures/numbers.json": "[1, 2, 3]\n",
    "fixtures/answer.json": '{"count": 3, "sum": 6}\n',
    "schemas/package.json": json.dumps({"type": "object", "required": ["version"]}),
    "schemas/answer.json": json.dumps({"properties": {"sum": {"type": "integer"}}, "required": ["sum", "count"]}),
}

AGENT = """\
import os, pathlib
file = pathlib.Path("src/adder.py")
told = os.environ.get("AGENTGATE_FEEDBACK_FILE")
if told is None:
    pathlib.Path("fixtures/numbers.json").write_text("[]\\n")
    file.write_text(file.read_text() + "# TODO: is this right?\\n")
else:
    assert "json_equals: sum differs" in pathlib.Path(told).read_text()
    file.write_text(file.read_text().replace("sum(numbers) + 1", "sum(numbers)"))
"""


def report(site: Site, run: RunId, iteration: int) -> PersistedVerificationReport:
    path = site.layout(run).verification(iteration)
    return PersistedVerificationReport.from_json(path.read_bytes(), path.name)


def work(site: Site, *options: str) -> RunId:
    site.make_repository(FILES)
    agent = site.root / "agent.py"
    agent.write_text(AGENT)
    run = site.submit(f"python {agent}", *options)
    site.work()
    return run


def test_a_blackbox_fails_is_told_is_mended_and_a_warning_stays(site: Site) -> None:
    """upstream.md 2.1: L0 to L3 on one run; 2.4: feedback is kept; a warning fails nothing and is shown."""
    run = work(site)
    site.assert_ended_well(run)
    summary = site.run(run)
    assert (summary.iteration, summary.levels) == (2, "+++~")
    first, second = report(site, run, 1), report(site, run, 2)

    assert [level.status.value for level in first.levels] == ["passed", "passed", "failed", "not_run"]
    assert first.first_failed and first.first_failed.id == "L2/sums"
    broken = [each for each in first.first_failed.diagnostics if each.type == "assertion_failed"]
    assert [each.message.partition(":")[0] for each in broken] == ["json_equals", "equals_file"]
    assert (broken[0].expected, broken[0].actual) == ("6", "7")
    assert "the agent changed fixtures/numbers.json; the plan of the base commit was used" in first.notes
    processes = site.layout(run).processes
    evidence = {path.name for path in (processes / "1-blackbox-1-1").iterdir()}
    assert {"stdin", "stdout.log", "stderr.log", "spec.json", "result.json"} <= evidence
    assert (processes / "1-blackbox-1-1" / "stdin").read_text() == "[1, 2, 3]\n"

    feedback = FeedbackRecord.from_json(site.layout(run).feedback(1).read_bytes(), "feedback")
    (failure,) = feedback.failures
    assert (failure.type, failure.expected, failure.actual) == ("assertion_failed", "6", "7")

    warned = [check.name for check in second.l3_result.checks if check.status is CheckStatus.WARNING]
    assert second.passed and warned == ["common-mistakes", "test-coverage"]

    said = site.agentgate("verify", run)
    assert said.code == 0, said.err
    assert "L3 sanity: warn" in said.out
    assert "~ common-mistakes" in said.out and "src/adder.py:4: TODO in a new line" in said.out
    assert "L2 blackbox: pass" in said.out and "+ sums" in said.out and "6 assertions hold" in said.out
    earlier = site.agentgate("verify", f"{run}/1")
    assert earlier.code == 1
    assert "json_equals: sum differs" in earlier.out and "expected: 6" in earlier.out
    shown = site.agentgate("show", run).out
    (line,) = [line for line in shown.splitlines() if "L3 test-coverage" in line]
    assert "~" in line and "no test" in line


def test_what_cannot_be_repeated_is_blackbox_failed(site: Site) -> None:
    """upstream.md 4.4: a run that ends at L2 is blackbox_failed and names the check."""
    run = work(site, "--max-iterations", "1")
    site.assert_ended_well(run, "failed_verification")
    error = site.run(run).build_error
    assert error and error.type.value == "blackbox_failed"
    assert error.context["failedLevels"] == ["L2"] and error.context["check"] == "L2/sums"


def test_a_check_that_passes_late_is_flaky_and_keeps_both_attempts(site: Site) -> None:
    """upstream.md 2.7 (maxRetries): both attempts have their evidence, and the level says that it was flaky."""
    plan = (
        "tests:\n  - name: unit\n    command: test -e seen || { touch seen; echo first >&2; exit 4; }\nsanity: false\n"
    )
    site.make_repository({"README.md": "x\n", "verify.yaml": plan, ".gitignore": "seen\n"})
    run = site.submit("echo done", "--check-retries", "1")
    site.work()
    site.assert_ended_well(run)
    (check,) = report(site, run, 1).l1_result.checks
    assert (check.status, check.attempts) == (CheckStatus.FLAKY, 2)
    processes = site.layout(run).processes
    outcomes = [json.loads((processes / f"1-check-1-{n}" / "result.json").read_text())["outcome"] for n in (1, 2)]
    assert outcomes == ["failed", "flaky"]
    assert (processes / "1-check-1-1" / "stderr.log").read_text() == "first\n"
    assert site.run(run).levels == "+~.."
    said = site.agentgate("verify", run).out
    assert "~ unit" in said and "attempt 1: exit 4, expected 0" in said
