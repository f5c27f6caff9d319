"""Which columns moved, whether it lasts, and what it does to the score."""
