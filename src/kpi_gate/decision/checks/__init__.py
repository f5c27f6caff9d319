"""The checks V0 to V5, each from evidence and objective to answers with their bounds.

Only `decision.gate` asks them all; they import `stats`, and the records of `decision`.
"""
