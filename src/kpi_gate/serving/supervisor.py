"""Run a server: `python -m kpi_gate.serving.supervisor`, as the environment says.

The command line becomes this process, so that the server holds nothing of it in memory.
"""

import socket
import sys
from contextlib import ExitStack

import uvicorn

from kpi_gate.serving import places
from kpi_gate.serving.errors import ServingError
from kpi_gate.serving.log.hold import hold
from kpi_gate.serving.options import ServeOptions, be_parent
from kpi_gate.workspace import Workspace

APP = "kpi_gate.serving.http.app:create"
CONNECTION = "kpi_gate.serving.http.connection:Connection"
DRAIN_SECONDS = 20  # for requests that are under way when the server is told to end
START_SECONDS = 15  # until a worker is said to hang


def serve(options: ServeOptions, workspace: Workspace) -> None:
    """Answer until the process is told to end.

    Raises:
        ServingError: If the port is taken, or another server writes the same log.
    """
    _require_free(options)
    with ExitStack() as stack:
        for name in options.use_cases if options.log else ():
            stack.enter_context(hold(places.log(workspace, name)))
        if options.workers > 1:
            be_parent()
        uvicorn.run(
            APP,
            factory=True,
            host=options.host,
            port=options.port,
            workers=options.workers,
            loop="uvloop" if sys.platform != "win32" else "auto",
            http=CONNECTION,
            ws="none",
            access_log=False,
            log_config=None,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=DRAIN_SECONDS,
            timeout_worker_healthcheck=START_SECONDS,
        )


def _require_free(options: ServeOptions) -> None:
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((options.host, options.port))
        except OSError as error:
            raise ServingError(
                f"{options.host} port {options.port} cannot be listened on ({error.strerror}); "
                "choose another with --port or --host"
            ) from None


def main() -> None:
    """Serve; a fault is one line, and exit 1."""
    try:
        serve(ServeOptions.handed_on(), Workspace())
    except ServingError as error:
        sys.exit(f"kpi-gate: {error}")


if __name__ == "__main__":
    main()
