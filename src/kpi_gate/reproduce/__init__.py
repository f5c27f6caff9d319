"""A recorded decision, run again: restore, run the stages, compare number by number."""
