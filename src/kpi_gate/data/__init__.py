"""Rows on their way in: what `load()` gives becomes a plain table, or is refused by name."""
