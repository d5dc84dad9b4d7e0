"""What one run goes through: calling the agent, verifying, delivering, waiting for its checks, trying again.

`run_executor`, above this room, picks the phase from the run's state; each phase can be entered twice, and finds in the
events and files what an engine before this one did. Which run is worked when is not decided here.
"""
