"""A recorded decision made again in a folder of its own, from its data, code and settings.

May import `pipeline` and what is below it; the user's places are only read.
"""
