"""A Prefect server over a home's state, which asks who you are and ends with this process."""

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from kpi_gate.environment import NAMES
from kpi_gate.orchestration.servers.process import Server, ServerError, running
from kpi_gate.record import prepared_databases
from kpi_gate.record.prefect_key import is_ours, make_key
from kpi_gate.workspace import Workspace

LOOPBACK = NAMES[0]


@contextmanager
def running_prefect(
    workspace: Workspace, port: int = 0, *, pages: bool = False
) -> Iterator[Server]:
    """Run a Prefect server on loopback until the block ends or this process does.

    Its socket listens from the start, so that calls which come before it is ready wait for it;
    `wait` of what is yielded returns when it is. `use_prefect` lets this process talk to it.

    Args:
        workspace: Whose state it keeps, and whose secret it asks for.
        port: Where it listens; 0 for a free one.
        pages: Whether it shows its pages, and does what schedules need.

    Yields:
        The server; its address is that of its API.

    Raises:
        ServerError: If the port is taken.
    """
    key = make_key(workspace.home)
    log = workspace.home / "logs" / ("prefect.log" if pages else "prefect-temporary.log")
    environment = {
        "KPI_GATE_ROOT": str(workspace.root),
        "KPI_GATE_HOME": str(workspace.home),
        "PREFECT_SERVER_API_AUTH_STRING": "",  # the home's own, which it reads from the file
        "PREFECT_SERVER_UI_API_URL": "",
        "PREFECT_SERVER_UI_ENABLED": str(pages).lower(),
        "PREFECT__SERVER_EPHEMERAL": "" if pages else "1",
        # it takes a second, and only the pages show them
        "PREFECT_API_BLOCKS_REGISTER_ON_START": str(pages).lower(),
    }
    if "PREFECT_API_DATABASE_CONNECTION_URL" not in os.environ:
        state = os.environ.get("PREFECT_HOME", workspace.home / "prefect")
        prepared_databases.lay_out("prefect", f"sqlite:///{state}/prefect.db")
    with ExitStack() as stack:
        with _listening(port) as listening:  # this copy is closed, the server's stays open
            descriptor, bound = listening.fileno(), listening.getsockname()[1]
            words = [sys.executable, "-m", "kpi_gate.orchestration.servers.prefect_app"]
            words += ["--descriptor", str(descriptor)]
            process = stack.enter_context(running(words, environment, log, [descriptor]))
        address = f"http://{LOOPBACK}:{bound}/api"
        yield Server(address, lambda: is_ours(address, key), process, log)


def use_prefect(workspace: Workspace, address: str) -> None:
    """Let this process and its children talk to a server of the home; before Prefect is imported.

    Args:
        workspace: Whose server it is.
        address: Of its API.
    """
    os.environ["PREFECT_API_URL"] = address
    os.environ["PREFECT_API_AUTH_STRING"] = make_key(workspace.home)


def _listening(port: int) -> socket.socket:
    try:
        return socket.create_server((LOOPBACK, port), backlog=512)
    except OSError as error:
        raise ServerError(
            f"port {port} for Prefect is taken ({error.strerror}); choose another with "
            "--prefect-port"
        ) from None
