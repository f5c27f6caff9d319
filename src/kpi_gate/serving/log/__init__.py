"""What was decided, for whom, by which version and with what chance: durable, read by day.

A server writes each decision ahead into a segment (lines of JSON, synced to disk), and a process
of its own turns finished segments into Parquet by day, or into rows of a table.
"""
