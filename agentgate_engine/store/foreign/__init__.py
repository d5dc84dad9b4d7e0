"""Stores that the original AgentGate wrote, opened for reading: its files become our records in memory (upstream.md 6).

`recognise` tells which generation wrote a directory, `records` reads its JSON tolerantly, the rest turns what was read
into the records that every view knows. Nothing here writes, locks or follows a link, and no record is made up: what the
original did not keep is null, and an operator is told so.
"""
