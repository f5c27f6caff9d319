"""AFTER: the champion in use: its health, what it earns, whether it has gone stale, what moved."""
