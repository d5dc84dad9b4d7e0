"""What sort of step a command of somebody's CI is: by the words of its name, then by the programs that it calls.

Only whole words count, and only where they tell something: `ruff check tests` lints, `pip install pytest` installs,
`mkdir build` does neither.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

StepKind = Literal["setup", "lint", "typecheck", "build", "test"]

_STRENGTH: tuple[StepKind, ...] = ("setup", "lint", "typecheck", "build", "test")
"""A script that does several things is of the last kind in this list: it tests, whatever it installs before."""

_LISTS: tuple[tuple[StepKind, str], ...] = (
    ("setup", "install installs installing setup prepare bootstrap dependencies deps requirements provision"),
    ("typecheck", "typecheck typechecking typechecks typing types tsc mypy pyright pyre basedpyright"),
    (
        "lint",
        "lint lints linting linter linters eslint ruff flake8 pylint clippy biome oxlint black isort prettier"
        " stylelint golangci gofmt gofumpt goimports rustfmt fmt format formatting formatted style vet shellcheck"
        " codespell yamllint actionlint hadolint rubocop staticcheck precommit bandit vulture knip",
    ),
    (
        "test",
        "test tests testing tested pytest unittest jest vitest mocha ava tap tape tox nox ctest rspec phpunit"
        " nextest gotestsum coverage e2e integration unit spec specs playwright cypress karma verify bats",
    ),
    ("build", "build builds building compile compiles compilation bundle package assemble cmake ninja webpack"),
)
_WORDS: dict[str, StepKind] = {word: kind for kind, words in _LISTS for word in words.split()}

_SETUP_NAME = re.compile(r"(?i)^\W*(?:re)?(?:install|set[- ]?up|prepare|configure|bootstrap|restore|cache|download)\b")

_INSTALLS = re.compile(
    r"(?:python[\d.]*\s+-m\s+)?pip[\d.]*\s+(?:install|sync)\b|uv\s+(?:pip\s+(?:install|sync)|sync|venv)\b"
    r"|python[\d.]*\s+-m\s+(?:venv|ensurepip)\b|virtualenv\b"
    r"|(?:poetry|pdm|bundle|composer|pipenv|bun|flit|dotnet\s+tool)\s+(?:install|sync|restore|i)\b"
    r"|(?:npm|pnpm)\s+(?:ci|i|install|clean-install)\b|yarn(?:\s+install)?(?:\s+-\S+)*\s*$"
    r"|(?:npx\s+|python\s+-m\s+)?playwright\s+install\b|go\s+(?:mod\s+\w+|get|install|generate)\b"
    r"|cargo\s+fetch\b|dotnet\s+restore\b|mix\s+deps\.get\b|pre-commit\s+install\b"
)


def _words_in(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SILENT = _words_in(
    "mkdir cp mv rm ls cat echo touch ln chmod export cd set source . sleep printf which pwd tar unzip zip sed awk find"
    " grep head tail env test [ [[ if then else elif fi for while until do done case esac { } true false exit return"
    " wait kill pushd popd shopt trap unset read local declare eval date du df tree diff cmp file wc sort curl"
    " wget"
)
_WRAPPERS = _words_in(
    "npm pnpm yarn bun npx bunx pnpx run exec dlx python python3 poetry uv uvx pipx pdm pipenv hatch bundle rake make"
    " just task go cargo dotnet mvn mvnw gradle gradlew tox nox time timeout xvfb-run nice sudo bash sh node deno"
    " setup.py manage.py setup-py turbo nx lerna rush invoke inv xargs command env run-script workspaces"
)
_TYPECHECK = re.compile(r"(?i)type[-_ :]*check")
_PIECE = re.compile(r"&&|[;|\n]")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_LOOKED_AT = 5


def kind_of_step(name: str, script: str) -> StepKind | None:
    """The kind of a step, or None when neither name nor commands tell."""
    strongest = _strongest(kind for piece in _pieces(script) if (kind := _kind_of_command(piece)))
    if _SETUP_NAME.match(name):
        return strongest if strongest in ("test", "typecheck", "lint") else "setup"
    named = _told_by(_words(name))
    if named == "setup" and strongest is not None:
        return strongest
    return named or strongest


def installs(script: str) -> bool:
    """Whether a script installs what others need, besides whatever else it does."""
    return any(_INSTALLS.match(piece) for piece in _pieces(script))


def _pieces(script: str) -> list[str]:
    """The simple commands of a script, about; a line that goes on after a backslash is one."""
    joined = re.sub(r"\\\n[ \t]*", " ", script)
    lines = (line for line in joined.split("\n") if not line.lstrip().startswith("#"))
    return [piece.strip() for line in lines for piece in _PIECE.split(line) if piece.strip()]


def _kind_of_command(piece: str) -> StepKind | None:
    words = [word for word in piece.split() if not _ASSIGNMENT.match(word)]
    while words and words[0] in ("sudo", "time", "then", "do", "else", "if", "!"):
        words = words[1:]
    piece = " ".join(words)
    if _INSTALLS.match(piece):
        return "setup"
    if not words or words[0] in _SILENT:
        return None
    if words[0] == "git":
        return "lint" if words[1:2] in (["diff"], ["status"]) else None
    if words[:2] == ["cargo", "check"]:
        return "typecheck"
    said = [word.strip("'\"").rpartition("/")[2] for word in words if not word.startswith("-")][:_LOOKED_AT]
    for place, program in enumerate(said):
        if program in _WRAPPERS:
            continue
        if kind := _told_by(_words(program)):
            return kind
        if place == 0:
            return None
    if words[0] in ("make", "ninja", "mvn", "gradle", "./gradlew", "./mvnw"):
        return "build"
    return "test" if words[0] in ("tox", "nox") else None


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", _TYPECHECK.sub("typecheck", text.lower().replace("pre-commit", "precommit")))


def _told_by(words: list[str]) -> StepKind | None:
    return _strongest(_WORDS[word] for word in words if word in _WORDS)


def _strongest(kinds: Iterable[StepKind]) -> StepKind | None:
    return max(kinds, key=lambda kind: _STRENGTH.index(kind), default=None)
