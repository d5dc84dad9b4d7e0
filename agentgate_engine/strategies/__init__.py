"""Loop strategies: one function from what an iteration brought to a decision."""
