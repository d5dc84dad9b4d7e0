"""Open the console on one of the tests' stores: `python -m tests.console.show_store failed`."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from agentgate_tui.app import ConsoleApp
from tests.console.store_builder import NOW, STORES, FixedClock


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        store = STORES[sys.argv[1] if len(sys.argv) > 1 else "failed"](Path(directory) / "store")
        app = ConsoleApp(
            store,
            environment=dict(os.environ),
            clock=FixedClock(NOW),  # type: ignore[arg-type]
            store_name="~/agentgate",
            ascii_only="--ascii" in sys.argv,
        )
        app.run()


if __name__ == "__main__":
    main()
