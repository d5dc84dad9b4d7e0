"""Acceptance 7: what an agent prints can show as text and do nothing else, on the bytes of a real pty."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from .site import Site, agentgate_command
from .terminal import Pty

HOSTILE = r"""
import os, sys
out = sys.stdout.buffer
out.write(b"plain before\n")
out.write(b"\x1b]52;c;UFdORUQ=\x07clip\n")
out.write(b"\x1b]0;PWNEDTITLE\x07title\n")
out.write(b"\x1b[2J\x1b[H\x1b[31mred\x1b[0m wipe\n")
out.write(b"\xc2\x9b31mC1 utf8\n\x9b31mC1 raw\n\x9d0;PWNEDC1\x9c\n")
out.write(b"[/foo] [@click=app.quit]x[/] [bold]b[/bold] [link=http://x]l[/link]\n")
out.write(b"nul\x00nul\n")
out.write(b"invalid \xff\xfe\xc3( utf8\n")
out.write("bidi \u202e evil \u2066 x\n".encode())
out.write(b"L" * 200_000 + b"\n")
out.write(b"\x1bPq#0;2;0;0;0\x1b\\dcs\n\x1b^pm\x1b\\ \x1b_apc\x1b\\\n")
sys.stderr.buffer.write(b"\x1b]52;c;RVJS\x07 err\n")
out.write(b"last line\n")
out.flush()
open("a\x1b]0;PWNEDFILE\x07[@click=app.quit]x[b].txt", "w").write("x\n")
"""
PLAN = """\
version: "1"
tests:
  - name: "shouts [/foo] [@click=app.quit]x[/]"
    command: "printf '\\\\033]52;c;UFdORUQ=\\\\007FAILED \\\\033[2Jtests/x.py:3: [/foo] Error: boom\\\\n'; exit 1"
"""
ALLOWED = re.compile(
    rb"\x1b\[[0-9;:]*m"  # colours
    rb"|\x1b\[[0-9;]*[ABCDGHJKXd]"  # cursor and clearing, by the console
    rb"|\x1b\[[?>=<]?[0-9;]*\$?[hlpcnquts]"  # modes and queries
    rb"|\x1b\[[0-9 ]*q|\x1b[78=>]|\x1b\(B"
    rb"|\x1b\]22;[a-z]*\x07"  # the shape of the mouse pointer, by Textual
)


def test_nothing_but_text_reaches_the_terminal(site: Site, tmp_path: Path) -> None:
    site.make_repository({"README.md": "x\n", "verify.yaml": PLAN})
    script = tmp_path / "hostile.py"
    script.write_text(HOSTILE)
    title = "evil [/foo] [@click=app.quit]x[/] \x1b]0;PWNEDTITLE\x07 \x9b2J"
    run = site.submit(f"{sys.executable} {script}", "--max-iterations", "1", "--title", title)
    site.work()
    assert site.run(run).result == "failed_verification"
    with Pty(agentgate_command(), site.environment, 100, 30) as console:
        console.wait(b"evil [/foo]")
        for keys, expected in (
            ("\r", b"README"),
            ("l", b"last line"),
            ("g", b"plain before"),
            ("G", b"last line"),
            ("r", None),
            ("r", None),
            ("r", None),
            ("v", b"shouts"),
            ("\r", None),
            ("q", None),
            ("d", b"PWNEDFILE"),
            ("f", None),
            ("t", None),
            ("i", None),
            ("m", b"shouts"),
            ("w", b"boom"),
            ("l", b"FAILED"),
            ("q", None),
            ("?", None),
            ("q", None),
            ("q", None),
        ):
            since = len(console.data)
            console.type(keys)
            if expected is not None and expected not in (b"README", b"PWNEDFILE"):
                console.wait(expected, since=since)
            else:
                console.read(0.4)
            assert console.exit_code() is None, f"the console died after {keys!r}: {bytes(console.data[-2000:])!r}"
        sent = bytes(console.data)
    left = ALLOWED.sub(b"", sent)
    assert b"\x1b" not in left, left[max(0, left.find(b"\x1b") - 80) :][:200]
    assert b"\x1b]52" not in sent
    assert b"\x1b]0;" not in sent
    assert b"\x00" not in sent
    assert not re.search(rb"\xc2[\x80-\x9f]", sent)
    assert not re.search(rb"\xe2\x80[\xaa-\xae]|\xe2\x81[\xa6-\xa9]", sent)
    sent.decode()  # whole UTF-8
    for words in (b"[/foo] [@click=app.quit]x[/]", b"C1 utf8", b"bidi"):
        assert words in sent


def test_the_commands_print_text_alone(site: Site, tmp_path: Path) -> None:
    """The headless twins, on a terminal: the same evidence, the same safety."""
    site.make_repository({"README.md": "x\n", "verify.yaml": PLAN})
    script = tmp_path / "hostile.py"
    script.write_text(HOSTILE)
    run = site.submit(f"{sys.executable} {script}", "--max-iterations", "1")
    site.work()
    for command in (
        ("status",),
        ("show", run),
        ("why", run),
        ("log", run),
        ("log", "--raw", run),
        ("log", "--failed", run),
    ):
        with Pty([*agentgate_command(), *command], site.environment) as terminal:
            while terminal.read(5):
                pass
            sent = bytes(terminal.data)
        assert sent, command
        assert not re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\xc2[\x80-\x9f]", sent), (command, sent[:500])
        sent.decode()
