"""The error of a call about an experiment that cannot be right."""


class ExperimentError(ValueError):
    """A call is wrong: the message names the field, its value, the bound, and the way out."""
