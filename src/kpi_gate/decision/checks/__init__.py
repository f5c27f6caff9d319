"""The checks V0 to V5, each from evidence and objective to named facts with their bounds."""
