"""The agents: one driver a file, each a pure pair of command line and transcript parser.

No process is started here and no file is written: a driver says what to run and what its bytes mean.
"""
