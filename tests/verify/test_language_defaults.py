"""From project files at the top of a repository to the checks that they show."""

from __future__ import annotations

import pytest

from agentgate_engine.errors import UsageError
from agentgate_engine.verify.derived import Derived
from agentgate_engine.verify.language_defaults import language_defaults

PIP = ".venv/bin/python -m pip install"
VENV = "python3 -m venv .venv"
PYTEST = ".venv/bin/python -m pytest"


def of(files: dict[str, str], *, strict: bool = True) -> Derived:
    found = {name: text.encode() for name, text in files.items()}
    return language_defaults(found.get, sorted(found), strict=strict)


def commands(found: Derived) -> tuple[list[str], list[str]]:
    return [each.command.command for each in found.setup], [each.command.command for each in found.tests]


PYPROJECT = """\
[project]
name = "x"
dependencies = ["httpx>=0.2"]

[project.optional-dependencies]
docs = ["sphinx"]
test = ["pytest>=8", "mypy"]

[tool.ruff]
line-length = 100

[tool.mypy]
strict = true

[tool.pytest.ini_options]
testpaths = ["tests"]
"""

PLANS: list[tuple[str, dict[str, str], list[str], list[str]]] = [
    (
        "a pyproject with an extra for tests",
        {"pyproject.toml": PYPROJECT, "src/x/__init__.py": ""},
        [VENV, f"{PIP} -e '.[test]'", f"{PIP} ruff"],
        [".venv/bin/ruff check .", ".venv/bin/mypy src", PYTEST],
    ),
    (
        "dependency groups, one including another",
        {
            "pyproject.toml": '[project]\nname = "x"\n[dependency-groups]\nlint = ["ruff"]\n'
            'dev = ["pytest>=8", {include-group = "lint"}]\n[tool.ruff]\n',
            "tests/unit/test_a.py": "",
        },
        [VENV, f"{PIP} -e .", f"{PIP} 'pytest>=8' ruff"],
        [".venv/bin/ruff check .", PYTEST],
    ),
    (
        "requirements and nothing else but tests",
        {
            "requirements.txt": "flask\n",
            "requirements-dev.txt": "-r requirements.txt\npytest==8.3\n",
            "test/a_test.py": "",
        },
        [VENV, f"{PIP} -r requirements.txt", f"{PIP} -r requirements-dev.txt"],
        [PYTEST],
    ),
    (
        "setup.cfg alone",
        {
            "setup.cfg": "[metadata]\nname = x\n[options.extras_require]\ntesting =\n    pytest\n"
            "[tool:pytest]\naddopts = -q\n[mypy]\nfiles = x\n",
        },
        [VENV, f"{PIP} -e '.[testing]'", f"{PIP} mypy"],
        [".venv/bin/mypy", PYTEST],
    ),
    ("tox.ini with a pytest section", {"tox.ini": "[pytest]\n"}, [VENV, f"{PIP} pytest"], [PYTEST]),
    (
        "poetry's own tables",
        {"pyproject.toml": '[tool.poetry.group.dev.dependencies]\npytest = "^8"\n[tool.pytest.ini_options]\n'},
        ["poetry install --no-interaction"],
        ["poetry run pytest"],
    ),
    ("a pyproject that shows no check", {"pyproject.toml": '[project]\nname = "x"\n'}, [], []),
    (
        "npm with a lockfile",
        {
            "package.json": '{"scripts": {"lint": "eslint .", "type-check": "tsc", "test": "vitest", "build": "vite"'
            ', "start": "x"}}',
            "package-lock.json": "{}",
        },
        ["npm ci"],
        ["npm run lint", "npm run type-check", "npm run test", "npm run build"],
    ),
    (
        "npm's placeholder is no test",
        {"package.json": '{"scripts": {"test": "echo \\"Error: no test specified\\" && exit 1", "build": "tsc"}}'},
        [],
        ["npm run build"],
    ),
    (
        "pnpm",
        {"package.json": '{"scripts": {"test": "x"}}', "pnpm-lock.yaml": ""},
        ["pnpm install --frozen-lockfile"],
        ["pnpm run test"],
    ),
    (
        "yarn of the first generation",
        {"package.json": '{"scripts": {"test": "x"}, "packageManager": "yarn@1.22.0"}', "yarn.lock": ""},
        ["yarn install --frozen-lockfile"],
        ["yarn run test"],
    ),
    (
        "yarn of today",
        {"package.json": '{"scripts": {"test": "x"}, "packageManager": "yarn@4.1.0"}', "yarn.lock": ""},
        ["yarn install --immutable"],
        ["yarn run test"],
    ),
    (
        "dependencies without a lockfile",
        {"package.json": '{"scripts": {"test": "x"}, "devDependencies": {"vitest": "1"}}'},
        ["npm install"],
        ["npm run test"],
    ),
    ("no dependencies at all", {"package.json": '{"scripts": {"test": "node --test"}}'}, [], ["npm run test"]),
    ("go", {"go.mod": "module x\n"}, [], ["go vet ./...", "go test ./..."]),
    ("rust with a lockfile", {"Cargo.toml": "[package]\n", "Cargo.lock": ""}, [], ["cargo test --locked"]),
    ("project files below the top", {"web/package.json": '{"scripts": {"test": "x"}}', "x/go.mod": ""}, [], []),
    (
        "two languages",
        {"go.mod": "module x\n", "package.json": '{"scripts": {"test": "x"}}'},
        [],
        ["npm run test", "go vet ./...", "go test ./..."],
    ),
]


@pytest.mark.parametrize(("files", "setup", "tests"), [each[1:] for each in PLANS], ids=[each[0] for each in PLANS])
def test_what_project_files_show(files: dict[str, str], setup: list[str], tests: list[str]) -> None:
    """Issue 3 item 10: language defaults from pyproject, package.json, go.mod and Cargo.toml, only what they show."""
    assert commands(of(files)) == (setup, tests)


def test_each_command_names_the_file_and_the_line_that_asks_for_it() -> None:
    package = '{\n  "scripts": {\n    "test": "x",\n    "lint": "y"\n  },\n  "dependencies": {"test": "1"}\n}\n'
    found = of({"pyproject.toml": PYPROJECT, "package.json": package, "go.mod": "module x\n"})
    assert {each.command.name: each.command.origin for each in (*found.setup, *found.tests)} == {
        "Python environment": "pyproject.toml:1",
        "install the project": "pyproject.toml:5",
        "install ruff": "pyproject.toml:9",
        "npm install": "package.json:6",
        "ruff": "pyproject.toml:9",
        "mypy": "pyproject.toml:12",
        "pytest": "pyproject.toml:15",
        "lint": "package.json:4",
        "test": "package.json:3",
        "go vet": "go.mod:1",
        "go test": "go.mod:1",
    }
    assert found.files == ["pyproject.toml", "package.json", "go.mod"]


BROKEN = [
    ("package.json", '{\n  "scripts": {\n', "package.json:3: is not valid JSON"),
    ("package.json", "[]", "package.json:1: must be an object"),
    ("pyproject.toml", '[project]\nname = "x\n', "pyproject.toml:2: is not valid TOML"),
    ("setup.cfg", "[a\n", "setup.cfg:1: is not a valid configuration file"),
]


@pytest.mark.parametrize(("name", "text", "why"), BROKEN, ids=[f"{name} {why[-20:]}" for name, _, why in BROKEN])
def test_a_broken_project_file_is_refused_when_asked_for_and_told_when_not(name: str, text: str, why: str) -> None:
    with pytest.raises(UsageError) as refused:
        of({name: text})
    assert str(refused.value).startswith(why)
    found = of({name: text, "go.mod": "module x\n"}, strict=False)
    assert [each.command.name for each in found.tests] == ["go vet", "go test"]
    assert found.warnings == [f"{refused.value} (no checks are derived from it)"]


@pytest.mark.parametrize(
    "package",
    ['{"scripts": []}', '{"scripts": {"test": 3}}', '{"scripts": null, "dependencies": 3}', '{"packageManager": {}}'],
)
def test_a_package_json_of_another_shape_shows_nothing(package: str) -> None:
    assert commands(of({"package.json": package})) == ([], [])


@pytest.mark.parametrize(
    "pyproject",
    [
        "tool = 3\n",
        "project = []\n",
        "[project]\noptional-dependencies = 3\n[tool.pytest]\n",
        '[dependency-groups]\ndev = [{include-group = "dev"}, 3]\n[tool.pytest]\n',
        "[project]\ndependencies = {a = 1}\n[tool]\npytest = 3\nmypy = 4\n",
    ],
)
def test_a_pyproject_of_another_shape_is_no_reason_to_fail(pyproject: str) -> None:
    assert of({"pyproject.toml": pyproject}).warnings == []
