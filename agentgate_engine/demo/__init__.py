"""The demo: a store and a repository of its own, real orders, scripted agents, and the real engine over them.

Nothing here is known to the rest of the engine; it only uses what any operator could.
"""
