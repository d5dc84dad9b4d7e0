"""Harness profiles: YAML files that say how an order is worked, their inheritance, and where each value comes from.

A file is read with positions, so that every fault names file, line and key; only what a file says explicitly overrides
what it inherits. Reading files is all the I/O here; writing them is a command's. Nothing here runs an order.
"""
