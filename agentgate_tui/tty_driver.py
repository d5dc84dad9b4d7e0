"""The terminal as Textual drives it on Linux, but for its end: a terminal that went away means quit.

Textual 8.2.8 reads an end of file over and over at full speed, and shows a traceback on a terminal that is gone.
"""

from __future__ import annotations

import os
import selectors
import threading
from codecs import getincrementaldecoder

from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver

_GRACE_S = 0.8


class TtyDriver(LinuxDriver):
    """Quits on EOF and on EIO. If the way out hangs on the dead terminal, the process ends all the same: the console
    holds nothing that could be lost."""

    def run_input_thread(self) -> None:
        parser = XTermParser(self._debug)
        decode = getincrementaldecoder("utf-8")("replace").decode
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                if selector.select(0.1):
                    try:
                        data = os.read(self.fileno, 4096)
                    except OSError:
                        data = b""
                    if not data:
                        self._terminal_gone()
                        return
                    for event in parser.feed(decode(data)):
                        self.process_message(event)
                for event in parser.tick():
                    self.process_message(event)
        for event in parser.feed(""):
            self.process_message(event)

    def _terminal_gone(self) -> None:
        self._app.call_later(self._app.exit, 0)
        last_resort = threading.Timer(_GRACE_S, os._exit, (0,))
        last_resort.daemon = True
        last_resort.start()
