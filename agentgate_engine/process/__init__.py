"""Supervision: the shim that outlives the engine, and its client (start, adopt, stop, sweep).

Output goes straight to files; no pipe stands between a child and its evidence. Nothing here knows why a process runs.
`shim.py`, `shim_child.py`, `shim_files.py` and `proc_table.py` are stdlib only: they run apart from the package. The
rest is the engine's side, and `ProcessHost` is its door.
"""
