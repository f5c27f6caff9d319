"""Files that people write: read whole, within bounds, or refused by name."""
