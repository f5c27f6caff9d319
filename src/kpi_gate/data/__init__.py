"""Rows on their way in: what `load()` gives becomes a plain table, or is refused by name.

May import `usecase` and what is below it; a table that somebody else made comes in here too.
"""
