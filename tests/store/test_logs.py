"""Logs of lines: torn at every byte they still read, and go on as if the torn line had never been begun."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from agentgate_engine.errors import CorruptRecord, ParkRun
from agentgate_engine.models.event_type import EventType
from agentgate_engine.models.events import Event, RunWarned
from agentgate_engine.models.ids import RunId
from agentgate_engine.store.append_log import AppendLog
from agentgate_engine.store.control_log import ControlReader, add_wish
from agentgate_engine.store.event_log import EventLog, EventReader, read_events
from agentgate_engine.store.layout import StoreLayout
from agentgate_engine.store.line_reader import LineReader, read_lines

T = "2026-01-01T00:00:00.000Z"
RUN = RunId("abcd2345.1")


def event(seq: int) -> Event:
    return Event(
        seq=seq,
        t=T,
        type=EventType.RUN_WARNING,
        run_id=RUN,
        work_order_id="abcd2345",
        fence=1,
        data=RunWarned(warning="é", message=f"number {seq}").model_dump(mode="json", by_alias=True),
    )


def write_events(path: Path, count: int) -> bytes:
    log = EventLog.open(path)
    for seq in range(count):
        log.append(event(seq), sync=False)
    log.close()
    return path.read_bytes()


def test_an_event_log_cut_at_any_byte_reads_its_whole_lines_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    whole = write_events(path, 3)
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        complete = whole[:cut].count(b"\n")
        assert [found.seq for found in read_events(path)] == list(range(complete))
        log = EventLog.open(path)
        torn = cut - (whole[:cut].rfind(b"\n") + 1)
        assert (log.next_seq, log.log.recovered_bytes) == (complete, torn)
        log.append(event(complete), sync=True)
        log.close()
        assert [found.seq for found in read_events(path)] == list(range(complete + 1))


@pytest.mark.parametrize("tail", [b"\x00" * 512, b"\x00" * 70_000, b'{"seq":3'], ids=["sector", "pages", "half"])
def test_a_tail_that_a_power_cut_left_is_cut_off(tmp_path: Path, tail: bytes) -> None:
    path = tmp_path / "events.jsonl"
    whole = write_events(path, 3)
    path.write_bytes(whole + tail)
    assert len(read_events(path)) == 3
    log = EventLog.open(path)
    log.close()
    assert log.log.recovered_bytes == len(tail)
    assert path.read_bytes() == whole


def test_a_line_in_the_middle_that_is_no_event_is_named(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    lines = write_events(path, 3).splitlines(keepends=True)
    path.write_bytes(lines[0] + b"garbage\n" + lines[2])
    with pytest.raises(CorruptRecord, match=r"events\.jsonl: event 1 "):
        read_events(path)
    path.write_bytes(lines[0] + lines[2])
    with pytest.raises(CorruptRecord, match="event 2 stands where 1 is due"):
        read_events(path)
    with pytest.raises(CorruptRecord):
        EventLog.open(path)


def test_a_follower_sees_each_line_once_however_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    whole = write_events(tmp_path / "source.jsonl", 4)
    reader = EventReader.follow(path)
    seen: list[int] = []
    for at in range(0, len(whole), 7):
        with path.open("ab") as file:
            file.write(whole[at : at + 7])
        seen += [found.seq for found in reader.read_new()]
    assert seen == [0, 1, 2, 3]
    assert reader.read_new() == []


def test_a_line_reader_begins_again_on_a_file_that_was_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "log"
    reader = LineReader(path)
    assert list(reader.read_new()) == []
    path.write_bytes(b"one\ntwo\nthr")
    assert list(reader.read_new()) == [b"one", b"two"]
    path.write_bytes(b"four\n")
    assert list(reader.read_new()) == [b"four"]


def test_a_log_that_is_a_link_or_a_fifo_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret\n")
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "fifo")
    for name in ("link", "fifo"):
        with pytest.raises(Exception, match=name):
            read_lines(tmp_path / name)


@pytest.mark.parametrize("fault", ["short", "full", "sync"])
def test_a_write_that_fails_leaves_nothing_of_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    log = AppendLog.open(tmp_path / "log")
    log.append(b"one\n", sync=True)
    write = os.write
    with monkeypatch.context() as patch:
        if fault == "short":
            patch.setattr(os, "write", lambda descriptor, line: write(descriptor, line[:3]))
        elif fault == "full":
            patch.setattr(os, "write", _refuse(errno.ENOSPC))
        else:
            patch.setattr(os, "fdatasync", _refuse(errno.EIO))
        with pytest.raises(ParkRun, match="log"):
            log.append(b"two two two\n", sync=True)
    assert read_lines(tmp_path / "log") == [b"one"]
    log.close()
    log.close()


def _refuse(number: int):
    def refuse(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    return refuse


def test_a_control_log_cut_at_any_byte_takes_the_next_wish(tmp_path: Path) -> None:
    layout = StoreLayout(tmp_path)
    for reason in ("a", "b"):
        add_wish(layout, action="cancel", run=RUN, by="olga@here", t=T, data={"reason": reason})
    whole = layout.control.read_bytes()
    for cut in range(len(whole) + 1):
        layout.control.write_bytes(whole[:cut])
        complete = whole[:cut].count(b"\n")
        told: list[str] = []
        reader = ControlReader.follow(layout, told.append)
        assert [wish.seq for wish in reader.read_new()] == list(range(complete))
        assert add_wish(layout, action="cancel", run=RUN, by="olga@here", t=T).seq == complete
        assert [wish.seq for wish in ControlReader.follow(layout, told.append).read_new()] == list(range(complete + 1))
        assert told == []


def test_wishes_after_an_unreadable_line_are_heard(tmp_path: Path) -> None:
    layout = StoreLayout(tmp_path)
    layout.control.write_bytes(b'{"seq":0,"action":"reticulate"}\n')
    add_wish(layout, action="cancel", run=RUN, by="olga@here", t=T)
    told: list[str] = []
    assert [wish.seq for wish in ControlReader.follow(layout, told.append).read_new()] == [1]
    assert len(told) == 1
    assert "reticulate" in told[0]
