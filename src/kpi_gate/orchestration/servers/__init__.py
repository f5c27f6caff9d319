"""Servers that we start: each asks who you are, answers its own pages only, and ends with us."""
