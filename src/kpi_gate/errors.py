"""The errors that more than one room raises."""


class ConfigurationError(ValueError):
    """A file or a call is wrong; the message names the place, the value and the bound."""
