"""The page of `why`: whole in a pipe, and on one screen in a terminal, however much there is to say."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentgate_engine.cli.why_page import Screen, why_page
from agentgate_engine.views import wording
from agentgate_engine.views.safe_text import SafeText, cell_width, sanitize
from agentgate_engine.views.why import WhyView
from agentgate_engine.views.why_facts import Fact, Window
from agentgate_engine.views.why_files import Tail

RUN = "/home/olga/.local/state/agentgate/runs/abcdefgh.1"


def texts(*lines: str) -> tuple[SafeText, ...]:
    return tuple(map(sanitize, lines))


def view_of(*, facts: tuple[Fact, ...] = (), window: Window | None = None, tails: tuple[Tail, ...] = ()) -> WhyView:
    return WhyView(
        run_id="abcdefgh.1",
        iteration=2,
        title=sanitize("mend the shop"),
        shown=wording.FAILED,
        headline=sanitize("FAILED at L1 commands: unit"),
        error_type="test_failed",
        message=sanitize("L1/unit failed: exit 1, expected 0"),
        levels=tuple((f"L{n}", wording.NOT_RUN, sanitize("not run")) for n in range(4)),
        facts=facts,
        window=window or Window.empty(),
        tails=tails,
        files=tuple(
            (what, sanitize(f"{RUN}/{name}"))
            for what, name in (
                ("check stdout", "processes/2-check-1-1/stdout.log"),
                ("check stderr", "processes/2-check-1-1/stderr.log"),
                ("agent record", "agent-2.json"),
                ("verification", "verification-2.json"),
            )
        ),
    )


def much() -> WhyView:
    window = Window("w", sanitize("processes/2-check-1-1/stdout.log"), 101, 120, texts(*("w" * 200 for _ in range(40))))
    facts = tuple(Fact(n, f"FACT{n}", texts("word " * 80, "second line"), "events") for n in range(1, 9))
    tails = tuple(Tail(f"check {name}", texts(*(f"{name} {n}" for n in range(50)))) for name in ("stdout", "stderr"))
    return view_of(facts=facts, window=window, tails=tails)


@pytest.mark.parametrize("height", [24, 30, 60])
@pytest.mark.parametrize("width", [80, 120])
def test_it_fits_on_the_screen_with_what_matters(width: int, height: int) -> None:
    lines = why_page(much(), Screen(width, height), lambda path: path)
    rows = sum(max(1, -(-cell_width(line) // width)) for line in lines)
    assert rows < height
    assert rows >= height - 3, "no room is left unused"
    page = "\n".join(lines)
    assert "[test_failed]" in page and "L1/unit failed: exit 1" in page
    assert "1 FACT1" in page
    assert ">   120 w" in page, "the line that failed is among those quoted"
    assert "stdout 49" in page and "stderr 49" in page
    assert f"files in {RUN}" in lines
    assert "processes/2-check-1-1/stderr.log" in page and "verification-2.json" in page


def test_a_pipe_gets_everything() -> None:
    lines = why_page(much(), None, lambda path: path)
    page = "\n".join(lines)
    assert page.count("second line") == 8
    assert page.count("w" * 200) == 40
    assert "word " * 79 in page
    assert "-- end of check stderr, last 12 of the 50 lines kept --" in lines


def test_a_stream_whose_end_stands_in_the_window_is_not_quoted_again() -> None:
    window = Window("w", sanitize("processes/2-check-1-1/stdout.log"), 1, 1, texts("AssertionError", "1 failed"))
    tails = (
        Tail("check stdout", texts("before", "AssertionError", "1 failed")),
        Tail("check stderr", texts("1 failed")),
    )
    page = "\n".join(why_page(view_of(window=window, tails=tails), None, lambda path: path))
    assert "end of check stdout" not in page
    assert "end of check stderr" not in page, "all of it is there as well"
    other = (Tail("check stderr", texts("trouble", "1 failed")),)
    page = "\n".join(why_page(view_of(window=window, tails=other), None, lambda path: path))
    assert "end of check stderr" in page and "trouble" in page


def test_files_are_named_as_they_stand_now() -> None:
    def compressed(path: Path) -> Path:
        return path.with_name(f"{path.name}.zst") if path.suffix == ".log" else path

    lines = why_page(view_of(), None, compressed)
    assert lines[-2:] == [
        "  check    processes/2-check-1-1/stdout.log.zst  processes/2-check-1-1/stderr.log.zst",
        "  records  agent-2.json  verification-2.json",
    ]
