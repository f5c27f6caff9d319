"""One retrain a use case at a time: a file lock that the system drops when its holder dies."""

from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from kpi_gate.workspace import Workspace


class BusyError(RuntimeError):
    """Another process is at work on the same."""


@contextmanager
def one_at_a_time(workspace: Workspace, use_case: str, wait_seconds: float = 0) -> Iterator[None]:
    """Hold the lock of a use case.

    Args:
        workspace: Where the locks are.
        use_case: Its name.
        wait_seconds: How long to wait for another process that holds it.

    Raises:
        BusyError: If another process holds it.
    """
    busy = (
        f"another retrain of {use_case} is running on this machine; this one did nothing. "
        "Try again when it has ended"
    )
    with _held(workspace, use_case, busy, wait_seconds):
        yield


@contextmanager
def one_look(workspace: Workspace, use_case: str) -> Iterator[None]:
    """Hold the lock of looking at a champion: a retrain of the same use case may go on meanwhile.

    Raises:
        BusyError: If another process holds it.
    """
    busy = f"another monitor of {use_case} is running on this machine; this one did nothing"
    with _held(workspace, f"{use_case}.monitor", busy):
        yield


@contextmanager
def one_schedule(workspace: Workspace) -> Iterator[None]:
    """Hold the lock of the schedule, which takes what it did not start for lost.

    Raises:
        BusyError: If another process holds it.
    """
    with _held(workspace, ".schedule", "another `kpi-gate schedule` is running on this machine"):
        yield


@contextmanager
def _held(workspace: Workspace, name: str, busy: str, wait_seconds: float = 0) -> Iterator[None]:
    path = workspace.home / "locks" / f"{name}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(path, timeout=wait_seconds):
            yield
    except Timeout:
        raise BusyError(busy) from None
