"""What became of a use case over time, told from the ledger."""
