"""What we set in the environment: telemetry off, no proxy before this machine itself."""

import os
from http.client import HTTPException
from pathlib import Path

# telemetry off, and waits that end; whoever sets one of these in the environment keeps his own
ENVIRONMENT = {
    "DO_NOT_TRACK": "true",
    "DVC_NO_ANALYTICS": "1",
    "GIT_PYTHON_REFRESH": "quiet",
    "ITERATIVE_DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "OMP_WAIT_POLICY": "passive",  # threads that spin make a fit on busy cores ten times slower
    "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "true",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",  # the Prefect UI has them all
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    # on disk, not in memory: a killed server must not end the flow runs that outlive it
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": (
        "prefect.server.concurrency.lease_storage.filesystem"
    ),
    "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    "PREFECT_SERVER_LOGGING_LEVEL": "ERROR",
}

NAMES = ("127.0.0.1", "localhost", "::1")


def prepare_environment(home: Path) -> None:
    """Turn telemetry off and keep every tool's state in the home, before any tool is imported."""
    home.mkdir(parents=True, exist_ok=True)
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    os.environ.setdefault("PREFECT_HOME", str(home / "prefect"))
    spare_proxies()


def is_loopback(host: str) -> bool:
    """Tell whether a host name is this machine's own."""
    return host.lower() in NAMES


def spare_proxies() -> None:
    """Except loopback from the environment's proxies, for all tools of this process and its own.

    Some tools read the one spelling of the variable and some the other.
    """
    said = [os.environ.get("no_proxy", ""), os.environ.get("NO_PROXY", ""), *NAMES]
    spared = dict.fromkeys(word.strip() for word in ",".join(said).split(",") if word.strip())
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = ",".join(spared)


def read_directly(address: str, timeout: float) -> bytes | None:
    """Return what an address on loopback answers with 200; None where it does not.

    Args:
        address: Begins with `http://` and a loopback name.
        timeout: In seconds.
    """
    from urllib.request import ProxyHandler, build_opener  # costs a tenth of a small verb

    try:
        with build_opener(ProxyHandler({})).open(address, timeout=timeout) as answer:
            return bytes(answer.read(100_000)) if answer.status == 200 else None
    except (OSError, HTTPException):
        return None
