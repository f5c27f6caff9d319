"""A recorded decision, run again: restore, run the stages, compare number by number.

May import `pipeline` and what is below it; the user's places are only read.
"""
