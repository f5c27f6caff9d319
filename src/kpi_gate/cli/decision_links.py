"""Where a recorded decision can be looked at: its page on this disk, and its run in MLflow."""

from pathlib import Path

from kpi_gate.decision.verdict import Decision
from kpi_gate.record import run_links
from kpi_gate.record.ledger import Entry
from kpi_gate.workspace import Workspace


def links(workspace: Workspace, entry: Entry) -> list[str]:
    """Return the lines that say where the page and the run of a decision are."""
    shown = workspace.shown(page_of(workspace, entry))
    lines = [f"Page: {shown}"]
    if entry.body.get("run_id"):
        served = "" if run_links.are_served(workspace) else " (while `kpi-gate ui` runs)"
        lines.append(f"Run:  {run_links.run_link(workspace, entry.body['run_id'])}{served}")
    return lines


def page_of(workspace: Workspace, entry: Entry) -> Path:
    """Return the page of a decision; where MLflow is elsewhere, it is made anew from the ledger."""
    kept = run_links.kept_page(workspace, entry.use_case, str(entry.body.get("run_id", "")))
    if kept is not None:
        return kept
    path = workspace.home / "decisions" / entry.use_case / f"{entry.subject}.html"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        html = Decision.model_validate(entry.body["decision"]).to_html()
        path.write_text(html, encoding="utf-8")
    return path
