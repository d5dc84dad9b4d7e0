from __future__ import annotations

import pytest
from pydantic import JsonValue

from agentgate_engine.agents.claude_tools import declared_paths, exit_code_of, kind_of, measured_paths, summary_of
from agentgate_engine.agents.json_line import JsonObject
from agentgate_engine.agents.touched import inside

ROOTS = ["/work/space", "/real/space"]


@pytest.mark.parametrize(
    ("path", "relative"),
    [
        ("/work/space/src/a.py", "src/a.py"),
        ("/real/space/a.py", "a.py"),
        ("/work/space//src/../b.py", "b.py"),
        ("//work/space/a.py", "a.py"),
        ("/work/space", "."),
        ("src/a.py", "src/a.py"),
        ("./a.py", "a.py"),
        ("../a.py", None),
        ("src/../../a.py", None),
        ("/work/space/../other/a.py", None),
        ("/work/spaceship/a.py", None),
        ("/etc/passwd", None),
        ("", None),
        ("a\0b", None),
        ("a" * 5000, None),
    ],
)
def test_inside(path: str, relative: str | None) -> None:
    assert inside(path, ROOTS) == relative


def paths(tool: str, tool_input: JsonObject) -> list[tuple[str, list[tuple[int, int]]]]:
    found = declared_paths(tool, tool_input, ROOTS)
    return [(entry.path, [(r.start, r.end) for r in entry.ranges]) for entry in found]


def test_the_paths_and_ranges_that_claude_declares() -> None:
    file = "/work/space/a.py"
    assert paths("Read", {"file_path": file}) == [("a.py", [])]
    assert paths("Read", {"file_path": file, "offset": 10, "limit": 5}) == [("a.py", [(10, 14)])]
    assert paths("Read", {"file_path": file, "limit": 5}) == [("a.py", [(1, 5)])]
    assert paths("Read", {"file_path": file, "offset": -3, "limit": 10**15}) == [("a.py", [])]
    assert paths("Write", {"file_path": file, "content": "a\nb\n"}) == [("a.py", [(1, 2)])]
    assert paths("Write", {"file_path": file, "content": "a\nb"}) == [("a.py", [(1, 2)])]
    assert paths("Write", {"file_path": file, "content": ""}) == [("a.py", [])]
    assert paths("Edit", {"file_path": file, "old_string": "a", "new_string": "b"}) == [("a.py", [])]
    assert paths("NotebookEdit", {"notebook_path": "/work/space/n.ipynb"}) == [("n.ipynb", [])]
    assert paths("Grep", {"pattern": "x", "path": "/work/space/src"}) == [("src", [])]
    assert paths("Bash", {"command": "cat a.py"}) == []
    assert paths("Edit", {"file_path": "/etc/passwd"}) == []
    assert paths("Edit", {"file_path": 7}) == []


def test_the_lines_that_were_really_changed_or_read() -> None:
    hunk: JsonObject = {"newStart": 4, "lines": [" a", "-b", "+B", "+C", " d", " e", " f", "-g", " h", "+i"]}
    edit: JsonObject = {"filePath": "/work/space/a.py", "structuredPatch": [hunk]}
    (entry,) = measured_paths(edit, ROOTS)
    assert [(r.start, r.end) for r in entry.ranges] == [(5, 6), (10, 11)]
    read: JsonObject = {"file": {"filePath": "/work/space/a.py", "startLine": 3, "content": "x\ny\n"}}
    (entry,) = measured_paths(read, ROOTS)
    assert [(r.start, r.end) for r in entry.ranges] == [(3, 4)]
    nothings: list[JsonValue] = [None, "Error: no", {}, {"structuredPatch": [7, {"lines": [None]}]}, {"file": []}]
    for nothing in nothings:
        assert measured_paths(nothing, ROOTS) == ()


def test_kind_summary_and_exit_code() -> None:
    kinds = {name: kind_of(name) for name in ("Read", "Glob", "Edit", "Bash", "Grep", "WebFetch", "TodoWrite", "Agent")}
    assert list(kinds.values()) == ["read", "search", "edit", "bash", "search", "web", "think", "other"]
    tool_input: JsonObject = {"file_path": "/work/space/a.py"}
    assert summary_of(tool_input, declared_paths("Edit", tool_input, ROOTS)) == "a.py"
    assert summary_of({"command": "ls", "description": "List"}, ()) == "ls"
    assert exit_code_of("Bash", "Exit code 3\nout", is_error=True) == 3
    assert exit_code_of("Bash", "Exit code 3\nout", is_error=False) is None
    assert exit_code_of("Read", "Exit code 3", is_error=True) is None
