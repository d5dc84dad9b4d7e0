"""`python -m agentgate_engine`: the headless commands without the console."""

from agentgate_engine.cli.main import run_command

raise SystemExit(run_command())
