"""Which files are tests. A failure is found in them; its cause is mostly elsewhere."""

from __future__ import annotations

import posixpath
import re

_FOLDERS = frozenset(("test", "tests", "__tests__", "spec", "specs", "testing", "e2e", "unittests"))
_NAME = re.compile(r"^(?:test_.*|.*_test|.*_tests|.*_spec|conftest|tests?|.*\.(?:test|spec|cy|e2e)|.*Tests?|.*IT)$")


def is_test_file(path: str) -> bool:
    """Whether a path of the tree is a test or a helper of tests, by the customs of the field."""
    folder, name = posixpath.split(path)
    return not _FOLDERS.isdisjoint(folder.split("/")) or _NAME.match(posixpath.splitext(name)[0]) is not None
