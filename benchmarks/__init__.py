"""Ratios against a bare script, measured in the same run."""
