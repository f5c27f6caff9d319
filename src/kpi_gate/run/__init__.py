"""The carried object: one run of one use case; its fields are views of disk or ledger."""
