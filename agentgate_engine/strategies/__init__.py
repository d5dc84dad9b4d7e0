"""Loop strategies: one function from what an iteration brought to a decision.

What lives here decides and does nothing else: no file, no clock, no process. The run's limits and its state are the
executor's.
"""
