"""`agentgate profile`, as an operator uses it."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from agentgate_engine.profiles.profile_file import parse_profile
from agentgate_engine.profiles.profile_folder import ProfileFolder, profile_directory
from agentgate_engine.profiles.profile_keys import KEYS
from agentgate_engine.profiles.resolve import resolve_profile
from agentgate_engine.profiles.template import profile_text

from .conftest import Shelf

FAULTY = "loopStrategy:\n  maxItertions: 3\n"


def editor(shelf: Shelf, monkeypatch: pytest.MonkeyPatch, *texts: str) -> None:
    """An editor that writes the first text at its first call, and so on."""
    script = shelf.home / "editor.py"
    script.write_text(
        "import pathlib, sys\n"
        f"texts = {list(texts)!r}\n"
        "count = pathlib.Path(__file__).with_suffix('.count')\n"
        "n = len(count.read_text()) if count.exists() else 0\n"
        "count.write_text('x' * (n + 1))\n"
        "pathlib.Path(sys.argv[1]).write_text(texts[n])\n"
    )
    monkeypatch.setenv("VISUAL", f"{sys.executable} {script}")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def drafts(shelf: Shelf) -> list[Path]:
    return sorted(shelf.directory.glob(".*"))


def test_the_folder_is_the_xdg_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert profile_directory({}) == tmp_path / ".config/agentgate/profiles"
    assert profile_directory({"XDG_CONFIG_HOME": "/c"}) == Path("/c/agentgate/profiles")


def test_create_list_show_delete(shelf: Shelf) -> None:
    """upstream.md 2.8: profile list, show, create with its flags, validate, delete."""
    assert shelf.run("create", "base", "--loop-strategy", "hybrid", "--description", "For: all")[0] == 0
    code, out, _ = shelf.run("create", "child", "--extends", "base", "--max-iterations", "4")
    assert code == 0 and out.strip() == str(shelf.directory / "child.yaml")
    code, document = shelf.document("list")
    assert code == 0
    assert [(p["name"], p["extends"], p["fault"]) for p in document["profiles"]] == [  # type: ignore[index, union-attr]
        ("base", None, None),
        ("child", "base", None),
    ]
    code, out, _ = shelf.run("show", "child", "--resolved")
    assert code == 0
    assert "profile base (base.yaml:" in out and "profile child (child.yaml:" in out and "child <- base" in out
    code, document = shelf.document("show", "base")
    assert document["extendedBy"] == ["child"] and document["description"] == "For: all"
    code, _, err = shelf.run("delete", "base", "-y")
    assert code == 2 and "'base' is extended by child" in err
    assert (shelf.directory / "base.yaml").exists()
    code, document = shelf.document("delete", "base", "-y", "--force")
    assert (code, document) == (0, {"deleted": "base", "extendedBy": ["child"]})
    assert shelf.folder.names() == ["child"]


def test_what_create_writes_validates_with_every_line_taken_in(shelf: Shelf) -> None:
    """upstream.md 2.8: a new profile is valid, and so is each setting that its comments offer."""
    text = profile_text("x", extends=None, description="d", settings={})
    assert resolve_profile("x", {}, ProfileFolder(shelf.directory, {"x": shelf.put("x", text)})).notes == ()
    for key in KEYS:
        line = next(line for line in text.splitlines() if line.startswith(f"#   {key.name}: ") and key.help in line)
        taken = text.replace(f"# {key.section}:\n", f"{key.section}:\n").replace(line, line.replace("# ", "", 1))
        assert next(iter(parse_profile("x", taken.encode(), "x.yaml").settings)).startswith(key.section), key.path


def test_create_refuses_what_it_cannot_use_and_leaves_nothing(shelf: Shelf) -> None:
    for arguments, fault in (
        (("../x",), "is no name for a profile"),
        (("default",), "names the built-in settings"),
        (("x", "--extends", "gone"), f"{shelf.directory}/x.yaml:8: metadata.extends: there is no profile 'gone'"),
        (("x", "--max-iterations", "500"), "loopStrategy.maxIterations: must be a whole number from 1 to 100"),
    ):
        code, _, err = shelf.run("create", *arguments)
        assert code == 2 and fault in err, err
    assert not shelf.directory.exists() or list(shelf.directory.iterdir()) == []
    before = shelf.put("x", "gitOps: {mode: pr}\n")
    code, _, err = shelf.run("create", "x")
    assert code == 2 and "there is a profile 'x' already" in err and before.read_text() == "gitOps: {mode: pr}\n"
    assert shelf.run("create", "x", "--force")[0] == 0
    assert "gitOps: {mode: pr}" not in before.read_text()


def test_validate_tells_each_fault_and_exits_2(shelf: Shelf, tmp_path: Path) -> None:
    """upstream.md 2.7: validate calls none of the silent failures valid."""
    shelf.put("good", "gitOps: {mode: pr}\n")
    assert shelf.run("validate")[:2] == (0, "ok    good\n")
    shelf.put("bad", FAULTY)
    code, out, _ = shelf.run("validate")
    assert code == 2
    assert f'FAULT {shelf.directory}/bad.yaml:2: loopStrategy: unknown key "maxItertions"' in out
    assert shelf.run("validate", "good")[0] == 0
    code, _, err = shelf.run("validate", "gone")
    assert code == 2 and "there is no profile 'gone'" in err
    elsewhere = tmp_path / "other.yaml"
    elsewhere.write_text("extends: good\n")
    code, document = shelf.document("validate", str(elsewhere))
    assert code == 0 and document["valid"] is True
    elsewhere.write_text("extends: missing\n")
    code, document = shelf.document("validate", str(elsewhere))
    assert code == 2 and document["valid"] is False


def test_profiles_of_the_original_are_named_with_how_to_copy_them_and_never_written(shelf: Shelf) -> None:
    """upstream.md 2.7: both folders of the original are mentioned."""
    for folder in ("harnesses", "profiles"):
        place = shelf.home / ".agentgate" / folder
        place.mkdir(parents=True)
        (place / f"{folder}-one.yaml").write_text("version: '1.0'\n")
    before = sorted((path, path.stat().st_mtime_ns) for path in (shelf.home / ".agentgate").rglob("*"))
    code, _, err = shelf.run("list")
    assert code == 0
    for folder in ("harnesses", "profiles"):
        source = shelf.home / ".agentgate" / folder / f"{folder}-one.yaml"
        assert f"cp {source} {shelf.directory}/{folder}-one.yaml" in err
    assert sorted((path, path.stat().st_mtime_ns) for path in (shelf.home / ".agentgate").rglob("*")) == before


def test_edit_saves_what_is_valid(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    path = shelf.put("x", "gitOps: {mode: pr}\n")
    editor(shelf, monkeypatch, "gitOps: {mode: push}\n", "gitOps: {mode: push}\n")
    assert shelf.run("edit", "x")[:2] == (0, "x saved\n")
    assert path.read_text() == "gitOps: {mode: push}\n"
    assert shelf.run("edit", "x")[:2] == (0, "x unchanged\n")
    assert drafts(shelf) == []


def test_edit_keeps_a_faulty_draft_and_the_profile(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    path = shelf.put("x", "gitOps: {mode: pr}\n")
    editor(shelf, monkeypatch, FAULTY)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    code, _, err = shelf.run("edit", "x")
    (draft,) = drafts(shelf)
    assert code == 2 and f"{draft}:2: loopStrategy: unknown key" in err and f"the draft is {draft}" in err
    assert (draft.read_text(), path.read_text()) == (FAULTY, "gitOps: {mode: pr}\n")
    assert shelf.folder.names() == ["x"] and shelf.folder.misnamed() == []


def test_edit_asks_what_to_do_with_a_faulty_draft(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    path = shelf.put("x", "gitOps: {mode: pr}\n")
    editor(shelf, monkeypatch, FAULTY, "gitOps: {mode: fork}\n", FAULTY)
    monkeypatch.setattr("sys.stdin", Terminal("e\n"))
    assert shelf.run("edit", "x")[0] == 0
    assert path.read_text() == "gitOps: {mode: fork}\n"
    monkeypatch.setattr("sys.stdin", Terminal("d\n"))
    assert shelf.run("edit", "x")[0] == 2
    assert path.read_text() == "gitOps: {mode: fork}\n" and drafts(shelf) == []


def test_edit_does_not_overwrite_what_somebody_else_changed(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    path = shelf.put("x", "gitOps: {mode: pr}\n")
    script = shelf.home / "slow.py"
    script.write_text(
        "import pathlib, sys\n"
        "pathlib.Path(sys.argv[1]).write_text('gitOps: {mode: push}\\n')\n"
        f"pathlib.Path({str(path)!r}).write_text('gitOps: {{mode: fork}}\\n')\n"
    )
    monkeypatch.setenv("EDITOR", f"{sys.executable} {script}")
    monkeypatch.setattr("sys.stdin", io.StringIO())
    code, _, err = shelf.run("edit", "x")
    assert code == 2 and "was changed by somebody else meanwhile" in err
    assert path.read_text() == "gitOps: {mode: fork}\n" and len(drafts(shelf)) == 1


def test_edit_follows_a_link_to_the_file_it_stands_for(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """People keep their configuration in a repository and link it."""
    real = shelf.home / "dotfiles.yaml"
    real.write_text("gitOps: {mode: pr}\n")
    shelf.directory.mkdir(parents=True)
    (shelf.directory / "x.yaml").symlink_to(real)
    editor(shelf, monkeypatch, "gitOps: {mode: push}\n")
    assert shelf.run("edit", "x")[0] == 0
    assert (shelf.directory / "x.yaml").is_symlink() and real.read_text() == "gitOps: {mode: push}\n"


def test_edit_without_an_editor_says_so(shelf: Shelf) -> None:
    shelf.put("x", "gitOps: {mode: pr}\n")
    code, _, err = shelf.run("edit", "x")
    assert code == 2 and "no editor is set in VISUAL or EDITOR" in err


def test_delete_asks_at_a_terminal_only(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.put("x", "gitOps: {mode: pr}\n")
    monkeypatch.setattr("sys.stdin", io.StringIO())
    code, _, err = shelf.run("delete", "x")
    assert code == 2 and "-y" in err
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    assert shelf.run("delete", "x")[0] == 1 and shelf.folder.names() == ["x"]
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    assert shelf.run("delete", "x")[0] == 0 and shelf.folder.names() == []


def test_names_and_texts_of_others_do_not_drive_the_terminal(shelf: Shelf) -> None:
    shelf.put("x", 'metadata:\n  description: "a\\e]0;title\\a b"\n')
    for arguments in (("list",), ("show", "x"), ("validate",)):
        code, out, err = shelf.run(*arguments)
        assert code == 0 and "\x1b" not in out + err
