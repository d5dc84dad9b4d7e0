"""The gates: verify.yaml, the gate plan, levels L0 (contracts) and L1 (commands), diagnostics from their output.

Everything here is a pure function of what it is given, except `verifier` and `commands`, which drive an injected
runner, and `output_window` and `reports_written`, which read logs and reports. No process is started here and no
verdict is kept here.
"""
