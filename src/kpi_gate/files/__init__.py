"""Files that people write: read whole, within bounds, or refused by name.

May import only `errors` and `text`.
"""
