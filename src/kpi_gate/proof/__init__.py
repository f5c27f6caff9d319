"""PROVED: candidates that must not pass ask the gate for promotion, on the use case's own data."""
