"""What can be wrong with what is served."""


class ServingError(RuntimeError):
    """What was asked of the server cannot be done; the message says why, and what to do."""


class ExportError(ServingError):
    """An export cannot be read, is not the one that the ledger names, or scores otherwise."""


class LogBusyError(ServingError):
    """Another server writes the same log of decisions."""
