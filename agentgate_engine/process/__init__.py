"""Supervision: the shim that outlives the engine, and its client (start, adopt, stop, sweep).

Output goes straight to files; no pipe stands between a child and its evidence. Nothing here knows why a process runs.
"""
