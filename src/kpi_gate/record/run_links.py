"""Where people look at what MLflow holds: a run's address, and the decision's page on this disk."""

from pathlib import Path

from kpi_gate.workspace import Workspace

ADDRESS = "mlflow-url"  # in the home: of the pages of `kpi-gate ui`, while they are served
USUAL = "http://127.0.0.1:5000"
PAGE = Path("decision/decision.html")


def pages_address(workspace: Workspace) -> str:
    """Return where MLflow's pages are; where nobody serves them now, where `kpi-gate ui` would."""
    if workspace.mlflow_uri.startswith(("http://", "https://")):
        return workspace.mlflow_uri.rstrip("/")
    written = workspace.home / ADDRESS
    return written.read_text(encoding="utf-8").strip() if written.exists() else USUAL


def are_served(workspace: Workspace) -> bool:
    """Tell whether MLflow's pages should be there now."""
    remote = workspace.mlflow_uri.startswith(("http://", "https://"))
    return remote or (workspace.home / ADDRESS).exists()


def run_link(workspace: Workspace, run_id: str) -> str:
    """Return the address of a run in MLflow's pages."""
    return f"{pages_address(workspace)}/#/runs/{run_id}"


def kept_page(workspace: Workspace, use_case: str, run_id: str) -> Path | None:
    """Return the page of a decision as MLflow keeps it on this disk; None where it is elsewhere."""
    path = workspace.home / "artifacts" / use_case / run_id / "artifacts" / PAGE
    return path if run_id and path.exists() else None
