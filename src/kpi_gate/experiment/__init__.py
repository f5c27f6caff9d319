"""Experiments: what they need, who is in which arm, what came of them, and what is on record."""
