"""Who else hears a run's events, after the persister: the operator's notifications, and the metrics of an ended run.

A subscriber never holds a run up and never changes it. What goes wrong in one is reported by the bus, or becomes a
warning of the run.
"""
