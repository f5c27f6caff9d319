"""A release reaches those who serve it: its export is made, and every worker has taken it up."""

from collections.abc import Mapping
from typing import Any

from kpi_gate.record.model_files import Model
from kpi_gate.record.registered import ModelError
from kpi_gate.run.context import Run
from kpi_gate.serving import places, reports
from kpi_gate.serving.errors import ServingError
from kpi_gate.serving.follow import EXPORT
from kpi_gate.text import clean, failure


def export_champion(run: Run, model: Model) -> dict[str, Any]:
    """Export a version as servers load it; return what its row in the ledger says of that.

    A promotion does not hang on it: whoever serves makes what is missing.
    """
    folder = places.export(run.workspace, run.name, model.name, model.card.contender.digest)
    try:
        from kpi_gate.serving.export import make_export

        manifest = make_export(model, run.use_case, folder, version=model.name)
    except (ServingError, ModelError, OSError, ImportError) as error:  # of kpi-gate[serve]
        return {"not_exported": failure(error)}
    how = {"compiled": manifest.compiled, "why_not_compiled": manifest.why}
    return {EXPORT: manifest.fingerprint(), **how}


def how_served(exported: Mapping[str, Any]) -> str:
    """Say for MLflow's pages in which form a server runs the champion.

    Args:
        exported: What `export_champion` said of it; empty of the rule of thumb.
    """
    if exported.get("compiled"):
        return "A server runs it in its compiled form."
    why = exported.get("why_not_compiled") or exported.get("not_exported")
    return f"A server runs it in a process beside it: {clean(why)}." if why else ""


def await_workers(run: Run, version: str, seconds: float = reports.WAIT_SECONDS) -> str:
    """Wait until every worker of a server has taken up the version; say which has not, and why.

    Args:
        run: The use case.
        version: The champion; empty for the rule of thumb.
        seconds: Longest wait.

    Returns:
        How many serve it, or which do not; empty where nobody serves the use case.
    """
    found = reports.wait_for(run.workspace, run.name, version, seconds)
    if not found.workers:
        return ""
    if not found.late:
        many = "" if found.workers == 1 else "s"
        return f"{found.workers} worker{many} took it up within {found.seconds:.1f} s"
    return f"not every worker serves it: {'; '.join(found.late)}"
