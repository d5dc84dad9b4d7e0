"""The model stub as a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STUB = Path(__file__).with_name("model_api_stub.py")


@contextmanager
def model(*options: str) -> Iterator[str]:
    """The stub with these options; gives its base URL."""
    stub = subprocess.Popen([sys.executable, str(STUB), *options], stdout=subprocess.PIPE, text=True)
    try:
        assert stub.stdout is not None
        yield "http://127.0.0.1:" + stub.stdout.readline().strip().removeprefix("PORT=")
    finally:
        stub.terminate()
        stub.communicate(timeout=10)
