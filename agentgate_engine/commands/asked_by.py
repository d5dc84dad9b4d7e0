"""Who asks."""

from __future__ import annotations

import getpass
import os
import socket


def whoami() -> str:
    """user@host, as recorded with every wish."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"
