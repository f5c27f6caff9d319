"""The two pages to look at: MLflow and Prefect on loopback, over the local state."""

import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NoReturn

from kpi_gate.environment import read_directly
from kpi_gate.orchestration.servers.prefect import LOOPBACK, running_prefect
from kpi_gate.orchestration.servers.process import Server, ServerError, running
from kpi_gate.record import run_links
from kpi_gate.record.prefect_key import ADDRESS
from kpi_gate.workspace import Workspace

_PROGRAMS = Path(sys.executable).parent


def serve_pages(
    workspace: Workspace, mlflow_port: int, prefect_port: int, ready: Callable[[str, str], None]
) -> None:
    """Run MLflow and Prefect until interrupted, which may be while they start.

    While they run, commands in the same project use this Prefect server, not one of their own.

    Args:
        workspace: Whose state they show.
        mlflow_port: Port of MLflow on loopback.
        prefect_port: Port of Prefect on loopback.
        ready: Called with both addresses once both answer.

    Raises:
        ServerError: If a port is taken or a server does not start.
    """
    for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(each, _interrupt)
    try:
        with ExitStack() as stack:
            servers = [
                stack.enter_context(running_mlflow(workspace, mlflow_port)),
                stack.enter_context(running_prefect(workspace, prefect_port, pages=True)),
            ]
            for server in servers:
                server.wait()
            pages, api = (server.address for server in servers)
            for name, address in ((ADDRESS, api), (run_links.ADDRESS, pages)):
                written = workspace.home / name
                stack.callback(written.unlink, missing_ok=True)
                written.write_text(address, encoding="utf-8")
            ready(pages, api.removesuffix("/api"))
            while not any(server.ended() for server in servers):
                time.sleep(0.5)
    except KeyboardInterrupt:
        return
    raise ServerError(f"a server ended by itself; see {workspace.home / 'logs'}")


@contextmanager
def running_mlflow(workspace: Workspace, port: int) -> Iterator[Server]:
    """Run MLflow's server on loopback until the block ends or this process does.

    Args:
        workspace: Whose experiments it shows.
        port: Where it listens.

    Yields:
        The server.

    Raises:
        ServerError: If the port is taken.
    """
    _require_free(port)
    address, log = f"http://{LOOPBACK}:{port}", workspace.home / "logs" / "mlflow.log"
    words = [str(_PROGRAMS / "mlflow"), "server", "--host", LOOPBACK, "--port", str(port)]
    words += ["--workers", "1", "--backend-store-uri", workspace.mlflow_uri]
    words += ["--artifacts-destination", str(workspace.home / "artifacts")]
    with running(words, {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}, log) as process:
        yield Server(
            address, lambda: read_directly(f"{address}/health", 2) is not None, process, log
        )


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise ServerError(
                f"port {port} for MLflow is taken ({error.strerror}); choose another with "
                "--mlflow-port"
            ) from None
