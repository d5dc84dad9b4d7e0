"""What an operator can ask for. The command line and the console act through these modules alone.

A submit is on the disk before it is acknowledged; a wish is in `control.jsonl` before it is acted on. Nothing here
draws or prints, and nothing here works a run: that is the engine's.
"""
