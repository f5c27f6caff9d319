"""Retrain on a schedule; promote a model only when its offline gain is worth money."""

__version__ = "0.1.0"
