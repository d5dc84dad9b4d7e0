"""The real command on real git with real processes; every test leaves none behind, also when it fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .site import Site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A machine without a repository yet."""
    site = Site(tmp_path / "site")
    yield site
    site.close()


@pytest.fixture
def small(site: Site) -> Site:
    """One with a small repository, whose one check passes when the file `done` is there."""
    site.make_repository({"README.md": "small\n", "verify.yaml": SMALL_PLAN})
    return site


SMALL_PLAN = """\
version: "1"
tests:
  - name: done
    command: test -f done || { echo "error, the file done is missing"; exit 1; }
"""
