"""Wait for the Prefect server of a schedule; before Prefect is imported, which reads who we are."""

import os
import sys
import time
from datetime import UTC, datetime
from urllib.parse import urlsplit
from urllib.request import urlopen

from kpi_gate.environment import is_loopback, read_directly
from kpi_gate.record.prefect_key import meet_prefect
from kpi_gate.workspace import Workspace


def wait_for_server() -> None:
    """Return once the Prefect server answers, and sign in where it is the home's own."""
    address = os.environ["PREFECT_API_URL"].rstrip("/")
    told = False
    while not _healthy(address):
        if not told:
            say(f"Prefect at {address} does not answer yet; waiting for it")
            told = True
        time.sleep(2)
    meet_prefect(Workspace().home)


def _healthy(address: str) -> bool:
    if is_loopback(urlsplit(address).hostname or ""):
        return read_directly(f"{address}/health", timeout=5) is not None
    try:
        with urlopen(f"{address}/health", timeout=5) as answer:  # noqa: S310  (a person's setting)
            return bool(answer.status == 200)
    except OSError:
        return False


def say(words: str) -> None:
    """Write a line to stderr, with the time."""
    sys.stderr.write(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC  {words}\n")
    sys.stderr.flush()
