"""What an operator sees, as values: pure functions from records to frozen view-models.

Both the commands and the console render these. No I/O except through the readers that are passed in.
"""
