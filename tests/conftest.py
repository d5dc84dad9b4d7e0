"""What every test may need: programs that are not Python packages, found or said to be missing."""

from __future__ import annotations

import os
import shutil

import pytest


def need_program(name: str, variable: str | None = None) -> str:
    """The path of a program. Skips with the reason where it is missing; in `.ci/run` that is a failure instead."""
    found = (os.environ.get(variable) if variable else None) or shutil.which(name)
    if found:
        return found
    reason = f"{name} is not installed" + (f" (or name it in {variable})" if variable else "")
    if os.environ.get("AGENTGATE_TESTS_MAY_NOT_SKIP"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The long suites run whole when they are asked for (`-m full`). On several processes (`-n`, `--dist loadgroup`),
    tests that share a fixture of their module stay together."""
    if not config.option.markexpr:
        long = [item for item in items if item.get_closest_marker("full")]
        items[:] = [item for item in items if item not in long]
        config.hook.pytest_deselected(items=long)
    for item in items:
        found = getattr(item, "_fixtureinfo", None)
        definitions = found.name2fixturedefs.values() if found is not None else ()
        if any(each.scope == "module" for definition in definitions for each in definition):
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))
