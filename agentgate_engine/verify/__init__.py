"""The gates: verify.yaml, the gate plan, levels L0 and L1, the clean room, diagnostics.
"""
