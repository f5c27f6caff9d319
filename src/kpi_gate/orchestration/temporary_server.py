"""A Prefect server for one command: the one that runs already, or one that ends with it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from kpi_gate.files import project
from kpi_gate.orchestration.servers.prefect import running_prefect, use_prefect
from kpi_gate.workspace import Workspace, require_prefect


@contextmanager
def prefect_at_hand(workspace: Workspace) -> Iterator[None]:
    """Let the block's flows talk to the server that is named or runs, or else to one of its own.

    To be entered before Prefect is imported: the server starts beside the imports of what every
    flow uses, since both take seconds.

    Raises:
        UnreachableError: If a server is named and does not answer.
        ServerError: If one of its own does not start.
    """
    require_prefect()
    if os.environ.get("PREFECT_API_URL"):
        yield
        return
    with running_prefect(workspace) as server:
        use_prefect(workspace, server.address)
        _import_tools()
        server.wait()
        try:
            yield
        finally:
            _send_what_waits()


def _import_tools() -> None:
    """Import what a retraining needs, the slowest of all that it does on small data.

    Its server takes as long to start: what is imported now is not waited for.
    """
    import dvc.repo  # noqa: F401
    import great_expectations  # noqa: F401
    import mlflow.sklearn  # noqa: F401
    import skops.io  # noqa: F401

    project.here().flow("retrain")


def _send_what_waits() -> None:
    """Send the log lines and events that Prefect has in store, while their server still is."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    for worker in (APILogWorker, EventsWorker):
        worker.drain_all(timeout=10)
