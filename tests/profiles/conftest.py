"""A folder of profiles, and the command on it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from agentgate_engine.cli.main import run_command
from agentgate_engine.errors import UsageError
from agentgate_engine.profiles.profile_folder import ProfileFolder
from agentgate_engine.profiles.resolve import ResolvedHarness, resolve_profile


@dataclass(frozen=True)
class Shelf:
    """The folder of profiles of a home directory of its own."""

    home: Path
    directory: Path
    capture: pytest.CaptureFixture[str]

    @property
    def folder(self) -> ProfileFolder:
        return ProfileFolder(self.directory)

    def put(self, name: str, text: str) -> Path:
        self.directory.mkdir(parents=True, exist_ok=True)
        path = self.directory / f"{name}.yaml"
        path.write_text(text)
        return path

    def resolve(self, name: str | None, **overrides: object) -> ResolvedHarness:
        return resolve_profile(name, {key.replace("__", "."): value for key, value in overrides.items()}, self.folder)  # type: ignore[misc]

    def fault(self, name: str) -> str:
        """What resolving is refused with, without the folder."""
        with pytest.raises(UsageError) as raised:
            self.resolve(name)
        return str(raised.value).replace(f"{self.directory}/", "").replace(str(self.directory), "DIR")

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, stdout and stderr of `agentgate profile ...`."""
        self.capture.readouterr()
        code = run_command(["profile", *arguments])
        out, err = self.capture.readouterr()
        return code, out, err

    def document(self, *arguments: str) -> tuple[int, dict[str, object]]:
        code, out, _ = self.run(*arguments, "--json")
        return code, json.loads(out)


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shelf:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("VISUAL", "EDITOR"):
        monkeypatch.delenv(name, raising=False)
    return Shelf(tmp_path, tmp_path / "config" / "agentgate" / "profiles", capsys)
