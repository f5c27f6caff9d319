"""Where what is served lies on this machine, below the home of the installation."""

import socket
from pathlib import Path

from kpi_gate.workspace import Workspace


def root(workspace: Workspace) -> Path:
    """Folder of all that serving keeps."""
    return workspace.home / "serving"


def export(workspace: Workspace, use_case: str, version: str, digest: str) -> Path:
    """Folder of one exported version."""
    return root(workspace) / "exports" / use_case / f"{version}-{digest[:8]}"


def log(workspace: Workspace, use_case: str) -> Path:
    """Folder of the decisions that were served."""
    return root(workspace) / "log" / use_case


def state(workspace: Workspace, use_case: str) -> Path:
    """File of what the servers of a use case have agreed on, such as a return."""
    return root(workspace) / "state" / f"{use_case}.json"


def budget(workspace: Workspace, use_case: str) -> Path:
    """File of how often each group was acted on."""
    return root(workspace) / "state" / f"{use_case}.budget.db"


def confirmed(workspace: Workspace, use_case: str) -> Path:
    """File of what the ledger said when it was read last."""
    return root(workspace) / "state" / f"{use_case}.confirmed.json"


def workers(workspace: Workspace) -> Path:
    """Folder of what each worker reports."""
    return root(workspace) / "workers"


def keys(workspace: Workspace) -> Path:
    """File of the hashed API keys."""
    return root(workspace) / "keys.json"


def rates(workspace: Workspace, port: int) -> Path:
    """File of how fast callers ask the server on a port of this machine."""
    return root(workspace) / "state" / f"{socket.gethostname()}-{port}.rates"


def canary(workspace: Workspace, use_case: str) -> Path:
    """Folder of what each worker saw of the canary of a use case."""
    return root(workspace) / "state" / f"{use_case}.canary"
