from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from agentgate_engine.agents.line_splitter import LineSplitter, RawLine

from .support import pieces


def split(chunks: list[bytes], keep: int = 1 << 20) -> list[RawLine]:
    splitter = LineSplitter(keep)
    lines = [line for chunk in chunks for line in splitter.feed(chunk)]
    rest = splitter.finish()
    return lines if rest is None else [*lines, rest]


@given(st.lists(st.sampled_from([b"a", b"\n", b"\r", "\u2028".encode(), b"\xff", b"bcd"])), st.lists(st.integers(0, 5)))
def test_any_chunking_gives_the_same_lines_and_raw_finds_their_bytes(parts: list[bytes], sizes: list[int]) -> None:
    data = b"".join(parts)
    lines = split(pieces(data, sizes))
    assert lines == split([data])
    assert [line.data for line in lines] == data.split(b"\n")[: len(lines)]
    assert all(data[line.offset : line.offset + line.length] == line.data for line in lines)


def test_only_a_newline_ends_a_line() -> None:
    data = "a\u0085b\u2028c\rd\x0be\x0cf\n".encode()
    assert [line.data for line in split([data])] == [data[:-1]]


def test_a_torn_last_line_is_given_at_the_end_and_an_empty_one_is_not() -> None:
    assert [line.data for line in split([b"a\nb"])] == [b"a", b"b"]
    assert [line.data for line in split([b"a\n"])] == [b"a"]
    assert split([]) == []


def test_more_than_is_kept_is_counted_and_let_go() -> None:
    long, short = split([b"x" * 30, b"y" * 70, b"\nnext\n"], keep=40)
    assert (long.offset, long.length, long.data, long.is_whole) == (0, 100, b"x" * 30 + b"y" * 10, False)
    assert (short.offset, short.data, short.is_whole) == (101, b"next", True)


def test_a_line_of_40_mb_in_small_chunks_takes_linear_time() -> None:
    """Joining what was held with each chunk would copy 12 GB here: minutes. Half of it is the yardstick."""

    def seconds(megabytes: int) -> float:
        chunks = [b"x" * 65536] * (16 * megabytes) + [b"\n"]
        began = time.process_time()
        (line,) = split(chunks, keep=1 << 30)
        assert line.length == megabytes << 20
        return time.process_time() - began

    seconds(20)
    assert seconds(40) < 10 * max(seconds(20), 0.01)
