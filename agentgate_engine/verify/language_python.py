"""The checks that Python project files show, run in an environment of their own (`.venv`).

Dependencies come from the extra, the dependency group or the requirements file that is meant for tests; what a check
needs and none of them names is installed by name. A project that keeps its test dependencies in Poetry's own tables is
left to poetry.
"""

from __future__ import annotations

import configparser
import re
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import cast

from agentgate_engine.errors import UsageError
from agentgate_engine.verify.derived import LINT_TIMEOUT, Derived, quoted

PYTHON_FILES = ("pyproject.toml", "setup.py", "setup.cfg", "tox.ini", "pytest.ini")

_BIN = ".venv/bin/"
_PIP = f"{_BIN}python -m pip install"
_EXTRAS = ("test", "tests", "testing", "dev", "develop", "development")
_REQUIREMENTS = (
    "requirements.txt",
    "requirements-test.txt",
    "requirements-tests.txt",
    "requirements-dev.txt",
    "requirements_test.txt",
    "requirements_dev.txt",
    "test-requirements.txt",
    "dev-requirements.txt",
    "requirements/test.txt",
    "requirements/tests.txt",
    "requirements/dev.txt",
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

Reader = Callable[[str], bytes | None]
Table = dict[str, object]


@dataclass(slots=True)
class _Project:
    """What was read. `declared` holds the names of the dependencies that the install brings."""

    read: Reader
    paths: Sequence[str]
    pyproject: Table = field(default_factory=dict[str, object])
    pyproject_text: str = ""
    ini: dict[str, configparser.RawConfigParser] = field(default_factory=dict[str, configparser.RawConfigParser])
    declared: set[str] = field(default_factory=set[str])

    def table(self, *keys: str) -> Table:
        """A table of pyproject.toml, empty where there is none."""
        here = self.pyproject
        for key in keys:
            inner = here.get(key)
            here = cast("Table", inner) if isinstance(inner, dict) else {}
        return here

    def has(self, *keys: str) -> str | None:
        """The line of a table or key of pyproject.toml, if it is there; a table below it counts too."""
        if keys[-1] not in self.table(*keys[:-1]):
            return None
        begin = re.search(rf"^[ \t]*\[+\s*{re.escape('.'.join(keys))}\b", self.pyproject_text, re.MULTILINE)
        line = self.pyproject_text.count("\n", 0, begin.start()) + 1 if begin else 1
        return f"pyproject.toml:{line}"

    def section(self, file: str, name: str) -> str | None:
        """The line of a section of an ini file, if it is there."""
        parser = self.ini.get(file)
        if parser is None or not parser.has_section(name):
            return None
        lines = (self.read(file) or b"").decode("utf-8", "replace").splitlines()
        return f"{file}:{next((n for n, line in enumerate(lines, 1) if line.strip() == f'[{name}]'), 1)}"

    def file(self, *names: str) -> str | None:
        return next((f"{name}:1" for name in names if name in self.paths), None)


def python_defaults(read: Reader, paths: Sequence[str], found: Derived) -> None:
    """Add what the Python files at the top show.

    Raises:
        UsageError: one of them cannot be read.
    """
    present = [name for name in PYTHON_FILES if name in paths]
    if not present and not any(name in paths for name in _REQUIREMENTS):
        return
    project = _read_project(read, paths)
    pytest, ruff, mypy = _pytest(project), _ruff(project), _mypy(project)
    if not (pytest or ruff or mypy):
        return
    origins = [origin for origin in (pytest, ruff, mypy) if origin]
    poetry = _poetry(project)
    prefix = "poetry run " if poetry else _BIN
    if poetry:
        found.add_setup("poetry install", "poetry install --no-interaction", poetry)
    else:
        found.add_setup("Python environment", "python3 -m venv .venv", f"{present[0]}:1" if present else origins[0])
        _install(project, found)
        tools = {"pytest": pytest, "ruff": ruff, "mypy": mypy}
        missing = [tool for tool, origin in tools.items() if origin and tool not in project.declared]
        if missing:
            origin = tools[missing[0]] or origins[0]
            found.add_setup(f"install {' '.join(missing)}", f"{_PIP} {' '.join(missing)}", origin)
    if ruff:
        found.add_test("ruff", f"{prefix}ruff check .", ruff, LINT_TIMEOUT)
    if mypy:
        found.add_test("mypy", f"{prefix}mypy{_mypy_paths(project)}", mypy, LINT_TIMEOUT)
    if pytest:
        found.add_test("pytest", f"{prefix}pytest" if poetry else f"{prefix}python -m pytest", pytest)
    files = {origin.rpartition(":")[0] for origin in origins} & set(paths)
    found.files += sorted({*files, *present[:1]})


def _read_project(read: Reader, paths: Sequence[str]) -> _Project:
    project = _Project(read, paths)
    raw = read("pyproject.toml") if "pyproject.toml" in paths else None
    if raw is not None:
        try:
            project.pyproject_text = raw.decode("utf-8-sig").replace("\r\n", "\n")
            project.pyproject = tomllib.loads(project.pyproject_text)
        except tomllib.TOMLDecodeError as fault:
            place = re.search(r"at line (\d+)", str(fault))
            raise UsageError(f"pyproject.toml:{place[1] if place else 1}: is not valid TOML: {fault}") from fault
        except (UnicodeDecodeError, RecursionError) as fault:
            raise UsageError("pyproject.toml:1: is not valid TOML") from fault
    for file in ("setup.cfg", "tox.ini", "pytest.ini", "mypy.ini", ".mypy.ini"):
        raw = read(file) if file in paths else None
        if raw is None:
            continue
        parser = configparser.RawConfigParser(strict=False)
        try:
            parser.read_string(raw.decode("utf-8-sig"), file)
        except (configparser.Error, UnicodeDecodeError) as fault:
            line = getattr(fault, "lineno", None) or 1
            raise UsageError(f"{file}:{line}: is not a valid configuration file") from fault
        project.ini[file] = parser
    return project


def _pytest(project: _Project) -> str | None:
    """The file and line that ask for pytest."""
    return (
        project.has("tool", "pytest")
        or project.file("pytest.ini", ".pytest.ini", "pytest.toml")
        or project.section("tox.ini", "pytest")
        or project.section("setup.cfg", "tool:pytest")
        or project.file("conftest.py", "tests/conftest.py")
        or _test_files(project)
    )


def _test_files(project: _Project) -> str | None:
    """The first test that stands in a tests directory."""
    name = re.compile(r"tests?/(?:.*/)?(?:test_[^/]*|[^/]*_test)\.py\Z")
    first = next((path for path in sorted(project.paths) if name.match(path)), None)
    return f"{first}:1" if first else None


def _ruff(project: _Project) -> str | None:
    return project.has("tool", "ruff") or project.file("ruff.toml", ".ruff.toml")


def _mypy(project: _Project) -> str | None:
    return (
        project.has("tool", "mypy")
        or project.section("mypy.ini", "mypy")
        or project.section(".mypy.ini", "mypy")
        or project.section("setup.cfg", "mypy")
    )


def _mypy_paths(project: _Project) -> str:
    """What mypy is to look at, where its own configuration does not say."""
    own = project.table("tool", "mypy")
    sections = (project.ini.get(file) for file in ("mypy.ini", ".mypy.ini", "setup.cfg"))
    configured = [own, *(dict(parser["mypy"]) for parser in sections if parser and parser.has_section("mypy"))]
    if any(key in table for table in configured for key in ("files", "packages", "modules")):
        return ""
    if any(path.startswith("src/") for path in project.paths):
        return " src"
    tops = (path.removesuffix("/__init__.py") for path in project.paths if path.endswith("/__init__.py"))
    packages = [quoted(top) for top in sorted(tops) if "/" not in top and top not in ("tests", "test", "docs")]
    return " " + " ".join(packages) if packages else " ."


def _poetry(project: _Project) -> str | None:
    """The line of a table that only poetry can install."""
    tables = (("tool", "poetry", "group"), ("tool", "poetry", "dev-dependencies"), ("tool", "poetry", "dependencies"))
    return next((line for keys in tables if (line := project.has(*keys))), None)


def _install(project: _Project, found: Derived) -> None:
    """The steps that install the project and what its tests need."""
    line = project.has("project") or project.has("build-system") or project.file("setup.py")
    if line is None and project.section("setup.cfg", "metadata"):
        line = project.section("setup.cfg", "metadata")
    project.declared |= _names(project.table("project").get("dependencies"))
    if line is not None:
        extra, extra_line = _extra(project)
        what = quoted(f".[{extra}]") if extra else "."
        found.add_setup("install the project", f"{_PIP} -e {what}", extra_line or line)
    group = next((name for name in _EXTRAS if project.table("dependency-groups").get(name)), None)
    if group is not None:
        wanted = _group(project.table("dependency-groups"), group, frozenset())
        project.declared |= _names(wanted)
        if wanted:
            install = f"{_PIP} {' '.join(map(quoted, wanted))}"
            found.add_setup(f"install the group {group}", install, project.has("dependency-groups") or "")
    for file in _REQUIREMENTS:
        if file in project.paths and (file != "requirements.txt" or line is None or len(found.setup) == 2):
            raw = project.read(file) or b""
            project.declared |= _names(raw.decode("utf-8", "replace").splitlines())
            found.add_setup(f"install {file}", f"{_PIP} -r {file}", f"{file}:1")


def _extra(project: _Project) -> tuple[str | None, str | None]:
    """The extra that is meant for tests, and where it stands."""
    extras = project.table("project", "optional-dependencies")
    for name in _EXTRAS:
        if extras.get(name):
            project.declared |= _names(extras[name])
            return name, project.has("project", "optional-dependencies")
    parser = project.ini.get("setup.cfg")
    if parser is not None and parser.has_section("options.extras_require"):
        for name in _EXTRAS:
            if parser.has_option("options.extras_require", name):
                project.declared |= _names(parser.get("options.extras_require", name).splitlines())
                return name, project.section("setup.cfg", "options.extras_require")
    return None, None


def _group(groups: Table, name: str, seen: frozenset[str]) -> list[str]:
    """The requirements of a dependency group, groups that it includes written out."""
    wanted: list[str] = []
    entries = groups.get(name)
    for each in cast("list[object]", entries) if isinstance(entries, list) and name not in seen else []:
        if isinstance(each, str):
            wanted.append(each)
        elif isinstance(each, dict) and isinstance(other := cast("Table", each).get("include-group"), str):
            wanted += _group(groups, other, seen | {name})
    return wanted


def _names(requirements: object) -> set[str]:
    """The names in a list of requirements."""
    texts = cast("list[object]", requirements) if isinstance(requirements, list) else []
    found = (_NAME.match(text.strip()) for text in texts if isinstance(text, str))
    return {match[0].lower() for match in found if match}
