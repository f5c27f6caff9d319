"""The error of a call about an experiment that cannot be right."""

from kpi_gate.errors import ConfigurationError


class ExperimentError(ConfigurationError):
    """A call is wrong: the message names the field, its value, the bound, and the way out."""
