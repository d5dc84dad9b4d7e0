"""From the base commit's files to the plan in force."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgate_engine.errors import UsageError
from agentgate_engine.models.gate_plan import DEFAULT_FORBIDDEN, GatePlan, PlannedCommand
from agentgate_engine.models.work_order import GatePlanSource
from agentgate_engine.verify.derived import unique_name
from agentgate_engine.verify.gate_plan import plan_files, resolve_plan
from agentgate_engine.verify.plan_writer import to_verify_yaml

BASE = "0123456789abcdef0123456789abcdef01234567"


def resolve(**files: str) -> GatePlan:
    names = {"plain": "verify.yaml", "dotted": ".agentgate/verify.yaml", "folder": "agentgate/verify.yaml"}
    found = {names[key]: text.encode() for key, text in files.items()}
    return resolve_plan(found.get, BASE)


def test_without_a_file_the_default_plan_says_that_nothing_else_judges() -> None:
    plan = resolve()
    assert (plan.source, plan.source_file, plan.source_commit, plan.tests) == ("default", None, BASE, [])
    assert plan.contracts.forbidden_new_patterns == DEFAULT_FORBIDDEN
    assert plan.contracts.forbidden_patterns == []
    assert "no verify.yaml" in plan.warnings[0] and "write one to verify.yaml" in plan.warnings[0]
    assert set(plan.origins.values()) == {"default"}


@pytest.mark.parametrize(
    ("where", "file"),
    [("plain", "verify.yaml"), ("dotted", ".agentgate/verify.yaml"), ("folder", "agentgate/verify.yaml")],
)
def test_each_place_is_found(where: str, file: str) -> None:
    plan = resolve(**{where: "tests: [{name: a, command: b}]\n"})
    assert (plan.source, plan.source_file, plan.name) == ("verify.yaml", file, file)
    assert plan.warnings == []


def test_the_first_of_two_counts_and_the_other_is_named() -> None:
    plan = resolve(plain="name: one\ntests: [{name: a, command: b}]\n", folder="name: two\n")
    assert plan.name == "one"
    assert plan.warnings == ["agentgate/verify.yaml is ignored: verify.yaml is there and comes first"]


def test_forbidden_lists_are_united_and_the_repository_s_own_holds_for_the_whole_tree() -> None:
    plan = resolve(plain='contracts: {forbidden_patterns: ["**/.env", "*.log"]}\n')
    assert plan.contracts.forbidden_patterns == ["**/.env", "*.log"]
    assert plan.contracts.forbidden_new_patterns == [p for p in DEFAULT_FORBIDDEN if p != "**/.env"]


def test_every_value_has_an_origin() -> None:
    plan = resolve(plain="name: n\nenvironment: {setup: [make]}\ntests:\n  - name: a\n    command: b\n    timeout: 5\n")
    assert plan.origins["name"] == "verify.yaml:1"
    assert plan.origins["setup[0]"] == "verify.yaml:2"
    assert plan.origins["setup[0].timeout"] == "default"
    assert plan.origins["tests[0].timeout"] == "verify.yaml:6"
    assert plan.origins["tests[0].expected_exit"] == "default"
    assert plan.origins["max_runtime"] == "default"
    assert plan.origins["contracts.forbidden_new_patterns"] == "default"


def test_a_plan_without_tests_is_warned_about() -> None:
    assert "names no tests" in resolve(plain="name: n\n").warnings[0]


def test_a_broken_file_is_no_default_plan() -> None:
    with pytest.raises(UsageError, match=r"^\.agentgate/verify\.yaml:1: "):
        resolve(dotted="tests: 3\n")


def test_the_hash_follows_what_decides_and_not_where_it_stands() -> None:
    one = resolve(plain="tests: [{name: a, command: b}]\n")
    moved = resolve(plain="# a comment\n\nname: other\ntests:\n  - name: a\n    command: b\n")
    harder = resolve(plain="tests: [{name: a, command: b, expected_exit: 1}]\n")
    assert one.hash == moved.hash != harder.hash
    stricter = resolve(plain="tests: [{name: a, command: b}]\ncontracts: {forbidden_patterns: [x]}\n")
    assert one.hash != stricter.hash


CI = """\
on: [push]
jobs:
  ci:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: npm ci
      - run: npm test
      - run: npm run lint
        timeout-minutes: 20
"""
SKIPPED = "on: workflow_dispatch\njobs: {a: {runs-on: ubuntu-latest, steps: [{run: make test}]}}\n"
PACKAGE = '{"scripts": {"test": "vitest"}}'


def resolve_tree(files: dict[str, str], source: GatePlanSource = "auto") -> GatePlan:
    found = {name: text.encode() for name, text in files.items()}
    return resolve_plan(found.get, BASE, paths=lambda: sorted(found), source=source)


VERIFY, WORKFLOW, NODE = "verify.yaml", ".github/workflows/ci.yml", "package.json"
ALL = {VERIFY: "tests: [{name: own, command: make}]\n", WORKFLOW: CI, NODE: PACKAGE}


@pytest.mark.parametrize(
    ("files", "source", "came_from", "file", "tests"),
    [
        ([VERIFY, WORKFLOW, NODE], "auto", "verify.yaml", VERIFY, ["own"]),
        ([WORKFLOW, NODE], "auto", "ci-workflow", WORKFLOW, ["npm run lint", "npm test"]),
        ([NODE], "auto", "language", NODE, ["test"]),
        ([], "auto", "default", None, []),
        ([VERIFY, WORKFLOW, NODE], "verify-profile", "verify.yaml", VERIFY, ["own"]),
        ([VERIFY, WORKFLOW, NODE], "ci-workflow", "ci-workflow", WORKFLOW, ["npm run lint", "npm test"]),
        ([VERIFY, WORKFLOW, NODE], "language", "language", NODE, ["test"]),
        ([VERIFY, WORKFLOW, NODE], "default", "default", None, []),
    ],
)
def test_the_order_of_sources_and_each_by_name(
    files: list[str], source: GatePlanSource, came_from: str, file: str | None, tests: list[str]
) -> None:
    """upstream.md 2.2: auto is profile, CI workflows, language defaults, default; every source can be named."""
    plan = resolve_tree({name: ALL[name] for name in files}, source)
    assert (plan.source, plan.source_file, [each.name for each in plan.tests]) == (came_from, file, tests)


REFUSED: list[tuple[GatePlanSource, dict[str, str], str]] = [
    (
        "verify-profile",
        {WORKFLOW: CI},
        r"there is no verify\.yaml at 0123456789ab, looked for as verify\.yaml, \.agentgate",
    ),
    ("verify-profile", {VERIFY: "tests: 3\n", WORKFLOW: CI}, r"^verify\.yaml:1: tests: "),
    ("auto", {VERIFY: "tests: 3\n", WORKFLOW: CI}, r"^verify\.yaml:1: tests: "),
    ("ci-workflow", {VERIFY: ALL[VERIFY]}, r"there is no workflow in \.github/workflows/ at 0123456789ab"),
    ("ci-workflow", {WORKFLOW: "on: [\n", NODE: PACKAGE}, r"^\.github/workflows/ci\.yml:2: is not valid YAML"),
    (
        "ci-workflow",
        {WORKFLOW: SKIPPED},
        r"no check can be taken .*: \.github/workflows/ci\.yml:1: the workflow is left out",
    ),
    (
        "language",
        {WORKFLOW: CI, "README.md": ""},
        r"no project file at the top of 0123456789ab shows a check, looked for",
    ),
    ("language", {NODE: "{"}, r"^package\.json:1: is not valid JSON"),
]


@pytest.mark.parametrize(("source", "files", "why"), REFUSED)
def test_a_source_that_was_named_and_is_missing_or_broken_stops_the_submit(
    source: GatePlanSource, files: dict[str, str], why: str
) -> None:
    """upstream.md 2.2: the original took the default plan in silence; ours refuses, naming file and line."""
    with pytest.raises(UsageError, match=why):
        resolve_tree(files, source)


def test_a_derived_plan_says_so_and_how_to_pin_it() -> None:
    plan = resolve_tree({WORKFLOW: CI})
    assert plan.warnings[0] == (
        "no verify.yaml at 0123456789ab: the plan was derived from .github/workflows/ci.yml; "
        "`agentgate plan --write` writes it to verify.yaml, to be pinned"
    )
    assert plan.contracts.forbidden_new_patterns == DEFAULT_FORBIDDEN
    assert plan.origins["setup[0].command"] == f"{WORKFLOW}:7"
    assert plan.origins["tests[0].timeout"] == f"{WORKFLOW}:10"
    assert plan.origins["tests[1].timeout"] == "default"


def test_a_timeout_that_is_written_out_raises_the_budget_and_says_where_from() -> None:
    """upstream.md 2.2: max_runtime is 600 by default."""
    plan = resolve_tree({WORKFLOW: CI})
    assert (plan.max_runtime, plan.origins["max_runtime"]) == (1800, f"{WORKFLOW}:10")
    plan = resolve_tree({WORKFLOW: CI.replace("        timeout-minutes: 20\n", "")})
    assert (plan.max_runtime, plan.origins["max_runtime"]) == (600, "default")
    plan = resolve_tree({WORKFLOW: CI.replace("20", "300")})
    assert plan.max_runtime == 3600


def test_workflows_that_cannot_be_imported_are_told_whatever_comes_after_them() -> None:
    """upstream.md 2.2: a source that is passed over is never passed over in silence."""
    language = resolve_tree({WORKFLOW: SKIPPED, ".github/workflows/x.yml": "[", NODE: PACKAGE})
    assert language.source == "language"
    assert "and no CI workflow that can be imported: the plan was derived from package.json" in language.warnings[0]
    assert language.warnings[1].startswith(f"{WORKFLOW}:1: the workflow is left out")
    assert language.warnings[2].startswith(".github/workflows/x.yml:1: is not valid YAML")
    default = resolve_tree({WORKFLOW: SKIPPED})
    assert default.source == "default"
    assert default.warnings[1] == language.warnings[1]


def test_use_github_ci_lays_the_ci_behind_the_file_s_own_commands() -> None:
    """upstream.md 2.2: useGitHubCI; ours adds the CI's commands, each once, with its own origin."""
    own = "environment: {setup: [npm ci]}\ntests: [{name: npm test, command: make}]\nuseGitHubCI: true\n"
    plan = resolve_tree({VERIFY: own, WORKFLOW: CI})
    assert plan.source == "verify.yaml"
    assert [(each.name, each.command) for each in plan.setup] == [("1", "npm ci")]
    assert [(each.name, each.command) for each in plan.tests] == [
        ("npm test", "make"),
        ("npm run lint", "npm run lint"),
        ("CI: npm test", "npm test"),
    ]
    assert plan.origins["tests[0]"] == "verify.yaml:2"
    assert plan.origins["tests[2].command"] == f"{WORKFLOW}:8"
    assert (plan.max_runtime, plan.origins["max_runtime"]) == (1800, f"{WORKFLOW}:10")


@pytest.mark.parametrize(
    ("workflows", "why"),
    [({}, "there is no workflow"), ({WORKFLOW: "on: ["}, "ci.yml:1: is not valid"), ({WORKFLOW: SKIPPED}, "no check")],
)
def test_use_github_ci_without_a_ci_is_refused(workflows: dict[str, str], why: str) -> None:
    with pytest.raises(UsageError) as refused:
        resolve_tree({VERIFY: "name: n\nuseGitHubCI: true\n", **workflows})
    assert str(refused.value).startswith("verify.yaml:2: useGitHubCI: ")
    assert why in str(refused.value)


def test_what_a_plan_forbids_is_left_out_of_the_ci_too() -> None:
    own = "tests: [{name: a, command: b}]\nuseGitHubCI: true\npolicy: {disallowed_commands: [npm run lint]}\n"
    plan = resolve_tree({VERIFY: own, WORKFLOW: CI})
    assert [each.name for each in plan.tests] == ["a", "npm test"]
    assert f'{WORKFLOW}:9: "npm run lint" is left out: it holds "npm run lint"' in plan.warnings


def test_every_section_of_a_verify_yaml_reaches_the_plan_with_its_origin() -> None:
    """upstream.md 2.2: every key of the file has an effect."""
    text = (
        "name: n\n"
        "contracts:\n"
        "  required_schemas: [{file: a.json, schema: json, rules: [{has_field: x}]}]\n"
        "  naming_conventions: [{pattern: 'src/**', rule: kebab-case}]\n"
        "tests: [{name: a, command: b}]\n"
        "blackbox: [{name: c, command: d, assertions: [{contains: ok}]}]\n"
        "sanity: [large-files]\n"
        "policy: {max_disk_mb: 5, disallowed_commands: [x y]}\n"
    )
    plan = resolve(plain=text)
    assert [each.file for each in plan.contracts.required_schemas] == ["a.json"]
    assert [each.rule for each in plan.contracts.naming_conventions] == ["kebab-case"]
    assert [each.name for each in plan.blackbox] == ["c"]
    assert (plan.sanity, plan.max_disk_mb) == (["large-files"], 5)
    assert "x y" in plan.disallowed_commands
    places = {"blackbox[0]": 6, "sanity": 7, "max_disk_mb": 8, "disallowed_commands": 8, "max_runtime": None}
    for key, line in places.items():
        assert plan.origins[key] == (f"verify.yaml:{line}" if line else "default"), key


def test_the_files_of_a_plan_are_those_that_its_values_came_from() -> None:
    places = {"verify.yaml", ".agentgate/verify.yaml", "agentgate/verify.yaml"}
    assert plan_files(resolve_tree({WORKFLOW: CI})) == {*places, WORKFLOW}
    assert plan_files(resolve_tree({})) == places


def test_paths_are_not_listed_where_a_verify_yaml_decides() -> None:
    def refuse() -> list[str]:
        raise AssertionError

    found = {VERIFY: ALL[VERIFY].encode()}
    assert resolve_plan(found.get, BASE, paths=refuse).source == "verify.yaml"
    assert resolve_plan(found.get, BASE, paths=refuse, source="default").source == "default"


@pytest.mark.parametrize("files", [{WORKFLOW: CI}, {NODE: PACKAGE}, {}], ids=["ci", "language", "default"])
def test_a_plan_that_is_written_out_means_the_same(files: dict[str, str]) -> None:
    plan = resolve_tree(files)
    again = resolve(plain=to_verify_yaml(plan))
    assert again.hash == plan.hash
    assert (again.source, again.name) == ("verify.yaml", plan.name)


lines = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1, max_size=60)
commands = st.lists(
    st.tuples(lines, lines.filter(lambda text: bool(text.strip())), st.sampled_from([1.0, 90.0, 120.0, 300.0, 19.98])),
    max_size=4,
)


@given(setup=commands, tests=commands, runtime=st.sampled_from([600.0, 3240.5]))
def test_any_command_survives_being_written_out(
    setup: list[tuple[str, str, float]], tests: list[tuple[str, str, float]], runtime: float
) -> None:
    def planned(found: list[tuple[str, str, float]]) -> list[PlannedCommand]:
        made: list[PlannedCommand] = []
        for name, command, timeout in found:
            own = unique_name(name, [each.name for each in made])
            made.append(PlannedCommand(name=own, command=command.strip(), timeout=timeout))
        return made

    plan = resolve().model_copy(update={"setup": planned(setup), "tests": planned(tests), "max_runtime": runtime})
    if any("rm -rf" in each.command for each in (*plan.setup, *plan.tests)):
        return
    assert resolve(plain=to_verify_yaml(plan)).hash == plan.hash
