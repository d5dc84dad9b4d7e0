"""The shim imports nothing of ours: here its files and our records are held together, and its own parts are tried."""

from __future__ import annotations

import ast
import json
import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from agentgate_engine.models.process import ProcessExit, ProcessSpec, ProcessStart
from agentgate_engine.models.record import Record
from agentgate_engine.process import proc_table, shim, shim_child, shim_files

from .conftest import Bench

PARTS = (shim, shim_child, shim_files, proc_table)


def names(kind: type[Record]) -> set[str]:
    return {field.alias or name for name, field in kind.model_fields.items()}


async def test_what_the_shim_writes_is_what_we_read(bench: Bench) -> None:
    await bench.run(bench.spec("true"))
    for file, kind in (("proc.json", ProcessStart), ("exit.json", ProcessExit), ("spec.json", ProcessSpec)):
        assert set(json.loads((bench.directory / file).read_bytes())) == names(kind), file


def test_the_shim_understands_every_spec_we_can_write() -> None:
    raw = ProcessSpec(argv=("true",), cwd="/", token="12345678", owner_lock=None).to_json()
    assert shim.Spec(raw).stop_sequence == [["SIGTERM", 10.0]]
    assert shim.Spec(raw).engine_grace_s == 600


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__.rpartition(".")[2])
def test_the_shim_is_stdlib_and_its_siblings(part: object) -> None:
    """It must go on running, and start, while the package around it is being replaced."""
    allowed = sys.stdlib_module_names | {Path(str(other.__file__)).stem for other in PARTS}
    for node in ast.walk(ast.parse(Path(str(part.__file__)).read_text())):  # type: ignore[attr-defined]
        if isinstance(node, ast.Import):
            assert {alias.name for alias in node.names} <= allowed
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module in allowed


def test_times_on_a_full_disk_cost_the_times_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    output = shim_files.Output()
    real, output.times = output.times, os.open("/dev/full", os.O_WRONLY)
    os.write(output.stdout, b"12345")
    assert output.measure()
    assert output.fault is not None and "stdout.times could not be written" in output.fault
    output.times = real
    assert not output.measure()
    assert (tmp_path / "stdout.times").read_text().endswith(" 5\n"), "what was missed is made up for"


def test_a_report_waits_for_room_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".exit.json.tmp").mkdir()  # in the way, as a full disk would be
    waits: list[float] = []

    def make_room(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            (tmp_path / ".exit.json.tmp").rmdir()

    monkeypatch.setattr(shim.time, "sleep", make_room)
    shim.Report().write()
    assert len(waits) == 3
    assert ProcessExit.from_json((tmp_path / "exit.json").read_bytes(), "exit.json").exit_code is None


def test_a_token_is_matched_whole() -> None:
    token = secrets.token_hex(8)
    other = subprocess.Popen(["sleep", "600"], env={proc_table.TOKEN_VARIABLE: f"{token}-2"})
    try:
        assert proc_table.sweep_token(token) == 0
        assert other.poll() is None
        assert proc_table.sweep_token(f"{token}-2") == 1
        assert other.wait(20) == -9
    finally:
        other.kill()
        other.wait()
