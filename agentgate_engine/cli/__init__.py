"""The headless commands, each rendered from a view-model, each with `--json`."""
