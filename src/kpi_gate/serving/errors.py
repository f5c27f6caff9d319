"""What can be wrong with what is served."""


class ServingError(RuntimeError):
    """What was asked of the server cannot be done; the message says why, and what to do."""


class ExportError(ServingError):
    """An export cannot be read, is not the one that the ledger names, or scores otherwise."""


class LogBusyError(ServingError):
    """Another server writes the same log of decisions."""


class ProcessError(ServingError):
    """The model process has ended, hangs, or what it runs for a user has failed."""


class NothingToServeError(ServingError):
    """No version of a use case was ever promoted, or none of them can be loaded."""
