"""What fills an engine's slots: which run may start now and why others may not, working one, and setting one aside.

`orchestrator`, above this room, is the engine's loop. How a run is worked stands in `run_executor` and `phases`.
"""
