"""PROVED: candidates that must not pass ask the gate for promotion, on the use case's own data.

May import `release` and what is below it.
"""
