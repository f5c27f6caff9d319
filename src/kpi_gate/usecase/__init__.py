"""The contract that a user writes against: roles, settings, and calls of his functions."""
