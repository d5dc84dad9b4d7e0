"""verify.yaml: every fault is one sentence with file, line and key; nothing that is not done is accepted silently."""

from __future__ import annotations

import pytest

from agentgate_engine.errors import UsageError
from agentgate_engine.verify.verify_yaml import parse_verify_yaml

FULL = """\
version: "1"
name: parser
environment:
  setup:
    - pip install -e .
    - name: fixtures
      command: make fixtures
      timeout: 30
contracts:
  required_files: [README.md, src/]
  forbidden_patterns:
    - "**/*.log"
tests:
  - name: unit
    command: pytest -q
    timeout: 60.5
  - name: refuses
    command: ./refuse
    expected_exit: 3
policy:
  max_runtime: 90
"""


def test_a_full_file_is_read_with_defaults_and_lines() -> None:
    plan = parse_verify_yaml(FULL.encode(), "verify.yaml")
    assert plan.name == "parser"
    assert [(c.name, c.command, c.timeout) for c in plan.setup] == [
        ("1", "pip install -e .", 300),
        ("fixtures", "make fixtures", 30),
    ]
    assert [(c.name, c.timeout, c.expected_exit, c.origin) for c in plan.tests] == [
        ("unit", 60.5, 0, "verify.yaml:14"),
        ("refuses", 120, 3, "verify.yaml:17"),
    ]
    assert plan.required_files == ["README.md", "src/"]
    assert plan.forbidden_patterns == ["**/*.log"]
    assert plan.max_runtime == 90
    assert plan.lines["tests[0].timeout"] == "verify.yaml:16"
    assert plan.lines["contracts.forbidden_patterns[0]"] == "verify.yaml:12"
    assert plan.warnings == []


FAULTS = [
    (
        "tests:\n  - name: a\n    command: x\n    timeout: soon\n",
        ':4: tests[0].timeout: must be a number of seconds above 0, not "soon"',
    ),
    (
        "tests:\n  - name: a\n    command: x\n    timeout: 0\n",
        ":4: tests[0].timeout: must be a number of seconds above 0, not 0",
    ),
    ("tests:\n  - name: a\n    command: x\n    timeout: -5\n", ":4: tests[0].timeout: must be"),
    ("tests:\n  - name: a\n    command: x\n    timeout: .inf\n", ":4: tests[0].timeout: must be"),
    ("tests:\n  - name: a\n    command: x\n    timeout: true\n", ":4: tests[0].timeout: must be"),
    ("tests:\n  - name: a\n    command: x\n    timeout: 1:30\n", ":4: tests[0].timeout: must be"),
    (
        "tests:\n  - name: a\n    command: x\n    expected_exit: 256\n",
        ":4: tests[0].expected_exit: must be a whole number",
    ),
    (
        "tests:\n  - name: a\n    command: x\n    expected_exit: 1.5\n",
        ":4: tests[0].expected_exit: must be a whole number",
    ),
    ("tests:\n  - name: a\n    command: ''\n", ":3: tests[0].command: must be a shell command, not empty"),
    ("tests:\n  - name: a\n    command: [a, b]\n", ":3: tests[0].command: must be a shell command, not a list"),
    ("tests:\n  - name: a\n", ":2: tests[0]: has no command"),
    ("tests:\n  - command: a\n", ":2: tests[0]: has no name"),
    ("tests:\n  - pytest -q\n", ':2: tests[0]: must be a mapping of keys to values, not "pytest -q"'),
    ("tests:\n", ":1: tests: must be a list, not nothing; write [] for none, or remove the key"),
    ("tests:\n  - name: yes\n    command: x\n", ":2: tests[0].name: must be a name, not yes; put it in quotes"),
    (
        "tests:\n  - {name: a, command: x}\n  - {name: a, command: y}\n",
        ':3: tests[1]: the name "a" is taken by verify.yaml:2',
    ),
    ("tests:\n  - {name: 'setup:a', command: x}\n", ":2: tests[0].name:"),
    ("tests:\n  - {name: max-runtime, command: x}\n", ":2: tests[0].name:"),
    ('tests:\n  - {name: "a\\eb", command: x}\n', ":2: tests[0].name: must be one line"),
    ("tests:\n  - name: a\n    comand: x\n", ':3: tests[0]: unknown key "comand"; did you mean command?'),
    ("polcy: {}\n", ':1: unknown key "polcy"; did you mean policy?'),
    ("zzz: {}\n", ':1: unknown key "zzz"; known keys are version, name'),
    ("name: a\nname: b\n", ":2: name: stands twice; the first is on line 1"),
    ("name: [a]\n", ":1: name: must be a name, not a list"),
    ("version: 2\n", ':1: version: must be "1"'),
    ("- a\n", ":1: must be a mapping of keys to values, not a list"),
    ("", ":1: is empty"),
    ("a: b: c\n", ":1: is not valid YAML: mapping values are not allowed here"),
    ("name: a\nx: [1\n", "is not valid YAML"),
    ("name: a\n---\nname: b\n", "is not valid YAML"),
    ("name: *nobody\n", ":1: is not valid YAML"),
    ("name: \x07\n", ":1: is not valid YAML: it holds a control character"),
    ("name: !!python/object:os.system x\n", ":1: name: must be a name"),
    ("base: &b {a: 1}\n<<: *b\n", ':1: unknown key "base"'),
    ("environment:\n  <<: {setup: []}\n", ":2: environment: merge keys (<<) are not supported"),
    ("environment:\n  setup: [{command: x}]\n", ":2: environment.setup[0]: has no name"),
    ("environment:\n  setup: ['a', {name: '1', command: b}]\n", ':2: environment.setup[1]: the name "1" is taken'),
    ("environment:\n  runtime: ruby\n", ":2: environment.runtime: must be one of generic, node, python"),
    ("contracts:\n  required_files: [/etc/passwd]\n", ":2: contracts.required_files[0]: must be relative"),
    ("contracts:\n  forbidden_patterns: ['../x']\n", ":2: contracts.forbidden_patterns[0]: must not hold"),
    ("contracts:\n  forbidden_patterns: ['!x']\n", ":2: contracts.forbidden_patterns[0]: must not begin with !"),
    ("contracts:\n  forbidden_patterns: 'x'\n", ":2: contracts.forbidden_patterns: must be a list"),
    ("name: a\nsanity:\n  large_files: 3\n", ':3: sanity: unknown key "large_files"; did you mean large-files?'),
    ("sanity: [large-fils]\n", ":1: sanity[0]: must be one of debug-artifacts"),
    ("sanity: {clean-state: never}\n", ":1: sanity.clean-state: must be true or false"),
    ("sanity: 3\n", ":1: sanity: must be a mapping of keys to values, not 3"),
    ("useGitHubCI: 3\n", ":1: useGitHubCI: must be true or false"),
    ("policy:\n  max_disk_mb: 0\n", ":2: policy.max_disk_mb: must be a number of megabytes above 0, not 0"),
    ("policy:\n  disallowed_commands: sudo\n", ":2: policy.disallowed_commands: must be a list"),
    ("policy:\n  disallowed_commands: ['']\n", ":2: policy.disallowed_commands[0]: must be a part of a command"),
    ("policy:\n  network: maybe\n", ':2: policy.network: must be true or false, not "maybe"'),
    ("policy:\n  max_runtime: 0\n", ":2: policy.max_runtime: must be a number of seconds above 0"),
]


@pytest.mark.parametrize(("text", "expected"), FAULTS)
def test_a_fault_is_one_sentence_with_file_line_and_key(text: str, expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_verify_yaml(text.encode(), "verify.yaml")
    message = str(caught.value)
    assert message.startswith("verify.yaml")
    assert expected in message
    assert "\n" not in message and message.isprintable()


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"# " + b"x" * (256 * 1024), "more than 262144 are not read"),
        (b"name: ok\nx: \xff\n", "verify.yaml:2: is not UTF-8"),
        (b"[" * 100_000, "verify.yaml:1: is nested deeper than 32 levels"),
        (b"name: &a x\ntests:\n" + b"  - *a\n" * 33, "uses more than 32 aliases"),
        (b"name: &a [*a]\n", "verify.yaml:1: name: must be a name"),
        (b"tests: &a\n  - *a\n", "tests[0]: must be a mapping"),
    ],
)
def test_a_hostile_file_is_refused_early(raw: bytes, expected: str) -> None:
    with pytest.raises(UsageError, match=expected.replace("[", r"\[")):
        parse_verify_yaml(raw, "verify.yaml")


@pytest.mark.parametrize(
    ("text", "warned"),
    [
        ("policy: {network: false}\n", "verify.yaml:1: policy.network: false is not enforced"),
        ("environment: {runtime: python}\n", "verify.yaml:1: environment.runtime has no effect"),
        ("environment: {version: '3.11'}\n", "verify.yaml:1: environment.version has no effect"),
    ],
)
def test_what_has_no_effect_says_so(text: str, warned: str) -> None:
    assert [w for w in parse_verify_yaml(text.encode(), "verify.yaml").warnings if w.startswith(warned)]


@pytest.mark.parametrize(
    "text",
    [
        "policy: {network: true}\n",
        "environment: {runtime: generic}\n",
        "blackbox: []\nsanity: {}\nuseGitHubCI: false\n",
        "contracts: {required_schemas: [], naming_conventions: []}\npolicy: {disallowed_commands: []}\n",
        "version: 1\n",
        "\ufeffname: with a byte order mark\n",
    ],
)
def test_what_asks_for_nothing_is_taken_without_a_word(text: str) -> None:
    assert parse_verify_yaml(text.encode(), "verify.yaml").warnings == []


def test_an_alias_is_fine_where_it_only_saves_typing() -> None:
    plan = parse_verify_yaml(b"tests:\n  - {name: a, command: &c make}\n  - {name: b, command: *c}\n", "v")
    assert [test.command for test in plan.tests] == ["make", "make"]
