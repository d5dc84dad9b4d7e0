"""Where an agent works: a clone of its own, its snapshots, its diffs, and the way back to the operator's repository.

Three repositories meet here, and one rule keeps them apart. The *operator's* is read; only `fetch_back` writes to it.
*Ours* (`repo.git`) has a configuration that nobody else writes. The *agent's* (`tree/.git`) and that of the clean room
are plain files made by us, and no git process of ours ever has one of them as its git directory: what an agent writes
into its configuration, hooks or attributes has nobody to run it. A source elsewhere has its *mirror* in place of the
operator's repository; a run in place has the operator's checkout in place of the agent's, and then only what one of our
commits holds is ever deleted there. Nothing here knows of events or strategies.
"""
