"""The errors that more than one room raises."""


class ConfigurationError(ValueError):
    """A file or a call is wrong; the message names the place, the value and the bound."""


_TRANSIENT = {
    "dvc.lock.LockError",
    "requests.exceptions.ConnectionError",
    "requests.exceptions.Timeout",
    "sqlalchemy.exc.OperationalError",
    "httpx.ConnectError",
    "httpx.ReadTimeout",
}


def is_transient(error: BaseException) -> bool:
    """Tell whether an error, or one that caused it, is a lock or a service that was away.

    Types are told by name: asking must not import every tool.
    """
    cause: BaseException | None = error
    while cause is not None:
        if "disk is full" in str(cause):  # an OperationalError of SQLite, but nothing passes here
            return False
        names = {f"{kind.__module__}.{kind.__name__}" for kind in type(cause).__mro__}
        if names & _TRANSIENT:
            return True
        cause = cause.__cause__ or cause.__context__
    return False
