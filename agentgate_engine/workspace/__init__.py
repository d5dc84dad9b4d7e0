"""Where an agent works: a clone of its own, its snapshots, its diffs, and the way back to the operator's repository.
"""
