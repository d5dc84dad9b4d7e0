"""The screens, each with its stylesheet beside it, and the pure functions that turn views into rows of words.

A screen composes widgets, hands them what the snapshots hold, and turns keys into calls; it reads no file and no clock.
"""
