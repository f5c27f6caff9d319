"""One server a log: a file lock that the system drops when its holder dies."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from kpi_gate.serving.errors import LogBusyError


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Hold a log for one server, all of its workers included.

    Raises:
        LogBusyError: If another server holds it.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        with FileLock(folder / "server.lock", timeout=0):
            yield
    except Timeout:
        raise LogBusyError(
            f"{folder}: another server writes this log; stop it first, or set KPI_GATE_HOME to a "
            "folder of this server's own"
        ) from None
