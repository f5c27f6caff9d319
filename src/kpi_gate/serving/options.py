"""How a server runs, as its command line says it: handed to its workers by the environment."""

import os
from typing import Self

from kpi_gate.decision.frozen import Frozen

VARIABLE = "KPI_GATE_SERVE"
PARENT = "KPI_GATE_SERVE_PARENT"  # process that the workers of a server must not outlive


class ServeOptions(Frozen):
    """How a server runs.

    Attributes:
        use_cases: What is served.
        host: Address to listen on.
        port: Port to listen on.
        workers: Processes that answer.
        keys: Whether callers must show a key.
        log: Whether decisions are logged.
        hosts: Names by which it may be called, beside its own address.
        body_bytes: Largest body of a request.
        rows: Most rows of a request.
        per_second: Most requests of one key in a second; 0 for any number.
        request_seconds: Longest time that a request may take.
    """

    use_cases: tuple[str, ...]
    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 1
    keys: bool = True
    log: bool = True
    hosts: tuple[str, ...] = ()
    body_bytes: int = 1_000_000
    rows: int = 1_000
    per_second: float = 0.0
    request_seconds: float = 30.0

    @property
    def address(self) -> str:
        """Where it answers."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def hand_on(self) -> None:
        """Put them where this process's children find them."""
        os.environ[VARIABLE] = self.model_dump_json()

    @classmethod
    def handed_on(cls) -> Self:
        """Return what the parent handed on."""
        return cls.model_validate_json(os.environ[VARIABLE])


def be_parent() -> None:
    """Let the workers that this process starts end with it."""
    os.environ[PARENT] = str(os.getpid())


def parent() -> int:
    """Return the process that this worker must not outlive; 0 where it is alone."""
    return int(os.environ.get(PARENT, "0"))
