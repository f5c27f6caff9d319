"""Files that people write, read within bounds: YAML, JSON, settings; and the project at work.

May import only `errors` and `text`.
"""
