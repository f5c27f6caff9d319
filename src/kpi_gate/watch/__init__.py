"""AFTER: the champion in use: its health, what it earns, whether it has gone stale, what moved.

`look` takes a `context` (the rows known at a moment, and who is in use) through three layers,
`health`, `value` and `drift`, which know nothing of each other, and returns a `result` with their
findings; `history` and `alerts` read what looks and decisions left in the ledger. Nothing acts
here: what a finding leads to is `pipeline.respond`'s. May import what lies below: run, evaluation,
record, data, usecase, learning, decision.
"""
