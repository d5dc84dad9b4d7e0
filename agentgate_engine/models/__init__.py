"""The vocabulary: every record that is written to disk, every enum, and the pure rules between them.

No I/O, no clocks, no processes live here. Import the module that holds the noun you need; this package imports nothing
by itself, so that a command which needs one enum does not pay for pydantic.
"""
