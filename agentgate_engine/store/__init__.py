"""The run store: layout, atomic writes, event and control logs, readers that follow, `index.db`, recovery.

Files are the truth; `index.db` is the queue and the index and can be made again from them. Nothing here knows what an
agent or a check is.
"""
