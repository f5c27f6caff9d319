"""Retrain on a schedule; promote a model only when its offline gain is worth money."""
