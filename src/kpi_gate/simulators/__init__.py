"""Worlds with a known truth, for use cases whose real data nobody may share."""
