"""The two pages to look at: MLflow and Prefect on loopback, over the local state."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from kpi_gate.stores.settings import Place

LOOPBACK = "127.0.0.1"
STARTUP_SECONDS = 120
_PROGRAMS = Path(sys.executable).parent


class ServerError(RuntimeError):
    """A server did not start; the message says which, where, and what to do."""


def serve_pages(
    place: Place, mlflow_port: int, prefect_port: int, ready: Callable[[str, str], None]
) -> None:
    """Run MLflow and Prefect until interrupted.

    While they run, commands in the same project use this Prefect server, not one of their own.

    Args:
        place: Whose state they show.
        mlflow_port: Port of MLflow on loopback.
        prefect_port: Port of Prefect on loopback.
        ready: Called with both addresses once both answer.

    Raises:
        ServerError: If a port is taken or a server does not start.
    """
    pages, prefect = (f"http://{LOOPBACK}:{port}" for port in (mlflow_port, prefect_port))
    for name, port in (("MLflow", mlflow_port), ("Prefect", prefect_port)):
        _require_free(name, port)
    logs = place.home / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        started = [
            stack.enter_context(_running(_mlflow(place, mlflow_port), logs / "mlflow.log")),
            stack.enter_context(_running(_prefect(prefect_port), logs / "prefect.log")),
        ]
        _wait(started[0], f"{pages}/health", logs / "mlflow.log")
        _wait(started[1], f"{prefect}/api/health", logs / "prefect.log")
        address = place.home / "prefect-api-url"
        address.write_text(f"{prefect}/api", encoding="utf-8")
        stack.callback(address.unlink, missing_ok=True)
        ready(pages, prefect)
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            while all(process.poll() is None for process in started):
                time.sleep(0.5)
        except KeyboardInterrupt:
            return
        raise ServerError(f"a server ended by itself; see {logs}")


class _running:  # noqa: N801  (a context manager that reads like a function)
    """A server process that is stopped at the end, with all that it started."""

    def __init__(self, command: tuple[list[str], dict[str, str]], log: Path) -> None:
        self._command, self._log = command, log

    def __enter__(self) -> subprocess.Popen[bytes]:
        words, environment = self._command
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                words,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment},
                start_new_session=True,
            )
        return self._process

    def __exit__(self, *_: object) -> None:
        for sent in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._process.pid, sent)
                self._process.wait(timeout=10)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue


def _mlflow(place: Place, port: int) -> tuple[list[str], dict[str, str]]:
    words = [
        str(_PROGRAMS / "mlflow"),
        "server",
        "--host",
        LOOPBACK,
        "--port",
        str(port),
        "--workers",
        "1",
    ]
    words += ["--backend-store-uri", place.mlflow_uri]
    words += ["--artifacts-destination", str(place.home / "artifacts")]
    return words, {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


def _prefect(port: int) -> tuple[list[str], dict[str, str]]:
    words = [str(_PROGRAMS / "prefect"), "server", "start", "--host", LOOPBACK, "--port", str(port)]
    api = f"http://{LOOPBACK}:{port}/api"
    return words, {"PREFECT_API_URL": api, "PREFECT_UI_API_URL": api}


def _require_free(name: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            option = f"--{name.lower()}-port"
            raise ServerError(
                f"port {port} for {name} is taken; choose another with {option}"
            ) from None


def _wait(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    end = time.monotonic() + STARTUP_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            with urlopen(address, timeout=2) as answer:  # noqa: S310  (loopback, built above)
                if answer.status == 200:
                    return
        except (URLError, OSError):
            time.sleep(0.2)
    raise ServerError(f"{address} did not answer within {STARTUP_SECONDS} s; see {log}")
