"""Logs that were compressed read as they did before."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import zstandard

from agentgate_engine.errors import StoreError
from agentgate_engine.store.layout import RunLayout
from agentgate_engine.store.line_reader import read_lines
from agentgate_engine.store.log_compression import LEAST_BYTES, compress_log, compressible, saved_by_compressing
from agentgate_engine.store.log_file import compressed, open_log, where_it_stands
from agentgate_engine.store.log_window import read_last_lines, read_log_lines

LINES = [b"line %d of a log that says much the same each time" % n for n in range(5_000)]
TEXT = b"\n".join(LINES) + b"\n"


def read_all(path: Path) -> bytes:
    with os.fdopen(open_log(path), "rb") as file:
        return file.read()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "stdout.log"
    path.write_bytes(TEXT)
    os.utime(path, (1_000_000_000, 1_000_000_000))
    return path


def test_a_compressed_log_reads_the_same_everywhere(log: Path) -> None:
    """upstream.md 2.10 and issue 3, 13: old logs are compressed and stay readable."""
    before = (read_log_lines(log, 10, 3), read_last_lines(log, 4), read_lines(log))
    promised = saved_by_compressing(log)
    freed = compress_log(log)
    packed = compressed(log)
    assert freed == promised == len(TEXT) - packed.stat().st_size > 0
    assert not log.exists() and packed.stat().st_mode & 0o777 == 0o600
    assert packed.stat().st_mtime == 1_000_000_000
    assert (read_log_lines(log, 10, 3), read_last_lines(log, 4), read_lines(log)) == before
    assert read_all(log) == TEXT
    assert where_it_stands(log) == packed
    assert zstandard.ZstdDecompressor().decompress(packed.read_bytes()) == TEXT


def test_the_plain_log_wins_where_a_compression_was_cut_short(log: Path) -> None:
    compressed(log).write_bytes(b"half of it")
    assert read_all(log) == TEXT and where_it_stands(log) == log
    promised = saved_by_compressing(log)
    before = log.stat().st_size + compressed(log).stat().st_size
    assert compress_log(log) == promised == before - compressed(log).stat().st_size
    assert read_all(log) == TEXT


def test_what_gains_nothing_is_left(tmp_path: Path) -> None:
    path = tmp_path / "stdout.log"
    path.write_bytes(os.urandom(50_000))
    assert saved_by_compressing(path) == compress_log(path) == 0
    assert [entry.name for entry in tmp_path.iterdir()] == ["stdout.log"]


def test_only_long_logs_that_are_files_of_their_own_are_compressed(tmp_path: Path) -> None:
    run = RunLayout(tmp_path)
    folder = run.process(1, "agent", 1, 1)
    folder.mkdir(parents=True)
    (folder / "stdout.log").write_bytes(b"x" * LEAST_BYTES)
    (folder / "stderr.log").write_bytes(b"x" * (LEAST_BYTES - 1))
    (folder / "stdout.times").write_bytes(b"x" * LEAST_BYTES)
    run.transcript(1).write_bytes(b"x" * LEAST_BYTES)
    run.transcript(2).symlink_to(run.transcript(1))
    run.events.write_bytes(b"x" * LEAST_BYTES)
    run.transcript(3).write_bytes(b"x" * LEAST_BYTES)
    os.link(run.transcript(3), tmp_path / "another-name")
    assert [str(path.relative_to(tmp_path)) for path in compressible(run)] == [
        "processes/1-agent-1-1/stdout.log",
        "transcript-1.jsonl",
    ]


@pytest.mark.parametrize(
    "content",
    [
        b"not compressed at all",
        b"",
        zstandard.ZstdCompressor().compress(TEXT)[:-50],
        zstandard.ZstdCompressor(write_content_size=False).compress(TEXT),
    ],
    ids=["other", "empty", "cut", "sizeless"],
)
def test_a_damaged_one_is_told(log: Path, content: bytes) -> None:
    log.unlink()
    compressed(log).write_bytes(content)
    with pytest.raises(StoreError, match=r"cannot unpack .*stdout\.log\.zst"):
        open_log(log)
    assert read_log_lines(log, 1, 1) == []


def test_one_that_a_bit_was_flipped_in_is_told(log: Path) -> None:
    compress_log(log)
    content = bytearray(compressed(log).read_bytes())
    content[len(content) // 2] ^= 1
    compressed(log).write_bytes(bytes(content))
    with pytest.raises(StoreError, match="cannot unpack"):
        open_log(log)


def test_a_link_in_its_place_is_not_followed(log: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.zst"
    secret.write_bytes(zstandard.ZstdCompressor().compress(b"secret"))
    log.unlink()
    compressed(log).symlink_to(secret)
    with pytest.raises(StoreError):
        open_log(log)


def test_none_at_all_is_none(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_log(tmp_path / "stdout.log")
