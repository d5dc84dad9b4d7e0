"""`blackbox`, `sanity` and `policy` in a verify.yaml."""

from __future__ import annotations

import pytest

from agentgate_engine.errors import UsageError
from agentgate_engine.models.gate_plan import ALL_SANITY, DEFAULT_DISALLOWED, Assertion, GatePlan
from agentgate_engine.verify.verify_yaml import VerifyYaml, parse_verify_yaml

UPSTREAM = """\
blackbox:
  - name: cli
    fixture: fixtures/in.json
    command: ./cli
    assertions:
      - {type: exit_code, expected: 3}
      - {type: json_schema, schema: schemas/out.json}
      - {type: contains, value: " ok "}
      - {type: matches_regex, pattern: "o+k"}
      - {type: equals_file, file: fixtures/out.txt}
      - {type: json_equals, expected: {b: [1, null], a: true}}
"""

SHORT = """\
blackbox:
  - name: cli
    fixture: fixtures/in.json
    command: ./cli
    timeout: 7
    assertions:
      - exit_code: 3
      - json_schema: schemas/out.json
      - contains: " ok "
      - matches_regex: "o+k"
      - equals_file: fixtures/out.txt
      - json_equals: {b: [1, null], a: true}
"""


def read(text: str) -> VerifyYaml:
    return parse_verify_yaml(text.encode(), "verify.yaml")


def bare(assertions: list[Assertion]) -> list[Assertion]:
    return [each.model_copy(update={"origin": ""}) for each in assertions]


def test_the_original_s_blackbox_is_read_whole() -> None:
    """upstream.md 2.2: blackbox[{name, fixture, command, assertions}], timeout 120 s (2.1)."""
    (found,) = read(UPSTREAM).blackbox
    assert (found.name, found.fixture, found.command) == ("cli", "fixtures/in.json", "./cli")
    assert (found.timeout, found.expected_exit, found.origin) == (120, 3, "verify.yaml:2")
    code, schema, contains, regex, file, equals = found.assertions
    assert (code.expected, contains.value, regex.pattern, file.file) == (3, " ok ", "o+k", "fixtures/out.txt")
    assert schema.json_schema and schema.json_schema.path == "schemas/out.json"
    assert equals.expected == {"b": [1, None], "a": True}
    assert equals.origin == "verify.yaml:11"


def test_an_assertion_may_be_named_with_its_value() -> None:
    (short,), (long,) = read(SHORT).blackbox, read(UPSTREAM).blackbox
    assert bare(short.assertions) == bare(long.assertions)
    assert short.timeout == 7


def test_only_name_and_command_are_needed() -> None:
    (found,) = read("blackbox:\n  - {name: a, command: b}\n").blackbox
    assert (found.fixture, found.assertions, found.expected_exit) == (None, [], 0)


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("{type: equals, value: x}", ":4: blackbox[0].assertions[0].type: must be one of exit_code, contains"),
        ("{equals: x}", ':4: blackbox[0].assertions[0]: unknown key "equals"'),
        ("{type: contains}", ":4: blackbox[0].assertions[0]: has no value"),
        ("{type: contains, expected: x}", ":4: blackbox[0].assertions[0].expected: has nothing to do with contains"),
        ("{contains: x, exit_code: 1}", ":4: blackbox[0].assertions[0]: must be one assertion"),
        ("{contains: 3}", ":4: blackbox[0].assertions[0].contains: must be the text that the output must hold, not 3"),
        ("{exit_code: 256}", ":4: blackbox[0].assertions[0].exit_code: must be a whole number from 0 to 255"),
        ("{matches_regex: '['}", ":4: blackbox[0].assertions[0].matches_regex: is not a regular expression"),
        ("{equals_file: /etc/passwd}", ":4: blackbox[0].assertions[0].equals_file: must be relative"),
        ("{json_schema: 3}", ":4: blackbox[0].assertions[0].json_schema: must be a JSON Schema, or the path"),
        ("{json_schema: {type: x}}", ":4: blackbox[0].assertions[0].json_schema: is not a valid JSON Schema"),
        ("{exit_code: 1}, {exit_code: 2}", "blackbox[0].assertions: names the exit code twice"),
    ],
)
def test_an_unknown_or_broken_assertion_is_refused_with_its_place(rest: str, expected: str) -> None:
    """upstream.md 2.1: an assertion that is not implemented never passes."""
    text = f"blackbox:\n  - name: a\n    command: b\n    assertions: [{rest}]\n"
    with pytest.raises(UsageError) as caught:
        read(text)
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("blackbox:\n  - {name: a}\n", ":2: blackbox[0]: has no command"),
        ("blackbox:\n  - {name: max-runtime, command: a}\n", ":2: blackbox[0].name:"),
        ("blackbox:\n  - {name: a, command: a}\n  - {name: a, command: b}\n", ':3: blackbox[1]: the name "a" is taken'),
        ("blackbox:\n  - {name: a, command: a, fixture: ../x}\n", ":2: blackbox[0].fixture: must not hold"),
        ("blackbox:\n  - {name: a, command: a, fixture: 'x*'}\n", ":2: blackbox[0].fixture: must be the path of one"),
        ("blackbox:\n  - {name: a, command: a, timeout: 0}\n", ":2: blackbox[0].timeout: must be a number of seconds"),
        ("blackbox:\n  - {name: a, command: a, expect: 0}\n", ':2: blackbox[0]: unknown key "expect"'),
    ],
)
def test_a_broken_blackbox_is_refused_with_its_place(text: str, expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(text)
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("name: a\n", ALL_SANITY),
        ("sanity: true\n", ALL_SANITY),
        ("sanity: false\n", []),
        ("sanity: []\n", []),
        ("sanity: [test-coverage, large-files]\n", ["large-files", "test-coverage"]),
        ("sanity: {}\n", ALL_SANITY),
        ("sanity: {test-coverage: false, clean-state: true}\n", [n for n in ALL_SANITY if n != "test-coverage"]),
    ],
)
def test_sanity_checks_can_be_switched_off(text: str, left: list[str]) -> None:
    """upstream.md 2.1: L3 runs unless the plan says otherwise."""
    plan = read(text).laid_over(GatePlan(source="s", source_commit="c", name="n"))
    assert plan.sanity == left
    assert plan.origins["sanity"] == ("default" if text == "name: a\n" else "verify.yaml:1")


def test_policy_is_carried_into_the_plan_with_its_origin() -> None:
    """upstream.md 2.2: policy{max_disk_mb?, disallowed_commands[]}; the default list stays."""
    found = read("policy:\n  max_disk_mb: 2.5\n  disallowed_commands: [curl]\n")
    plan = found.laid_over(GatePlan(source="s", source_commit="c", name="n"))
    assert (plan.max_disk_mb, plan.disallowed_commands) == (2.5, [*DEFAULT_DISALLOWED, "curl"])
    assert (plan.origins["max_disk_mb"], plan.origins["disallowed_commands"]) == ("verify.yaml:2", "verify.yaml:3")
    bare = read("name: a\n").laid_over(GatePlan(source="s", source_commit="c", name="n"))
    assert (bare.max_disk_mb, bare.disallowed_commands, bare.origins["max_disk_mb"]) == (
        100,
        ["rm -rf /", "sudo rm -rf"],
        "default",
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("environment:\n  setup: ['rm -rf /']\n", 2),
        ("tests:\n  - name: a\n    command: sudo  rm -rf build\n", 3),
        ("blackbox:\n  - name: a\n    command: curl x | sh\npolicy:\n  disallowed_commands: [curl]\n", 3),
    ],
)
def test_a_plan_that_holds_a_disallowed_command_is_refused_with_its_line(text: str, line: int) -> None:
    """upstream.md 2.2: disallowed_commands, by default `rm -rf /` and `sudo rm -rf`."""
    with pytest.raises(
        UsageError, match=rf"^verify\.yaml:{line}: the command of .* holds .*disallowed_commands forbids"
    ):
        read(text)


def test_the_hash_follows_what_decides_and_not_where_it_stands() -> None:
    def plan(text: str) -> GatePlan:
        return read(text).laid_over(GatePlan(source="s", source_commit="c", name="n"))

    moved = "# a comment\n" + UPSTREAM
    assert plan(moved).hash == plan(UPSTREAM).hash
    assert plan(moved).blackbox[0].origin != plan(UPSTREAM).blackbox[0].origin
    for other in (
        UPSTREAM.replace("o+k", "o+ks"),
        UPSTREAM + "sanity: false\n",
        UPSTREAM + "policy: {max_disk_mb: 1}\n",
    ):
        assert plan(other).hash != plan(UPSTREAM).hash
    assert GatePlan.from_json(plan(UPSTREAM).to_json(), "x") == plan(UPSTREAM)
