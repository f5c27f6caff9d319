"""A person takes a changed history for right: one snapshot, by name, with a reason."""

import json

from kpi_gate.errors import ConfigurationError
from kpi_gate.record.ledger import Entry
from kpi_gate.release.alias_move import asked_by
from kpi_gate.run.context import Run

KIND = "history"


def accept(run: Run, reason: str) -> Entry:
    """Take the history of the last snapshot for right; of later snapshots it says nothing.

    Args:
        run: The use case, at the moment of its last snapshot.
        reason: Why the history may have changed.

    Raises:
        ConfigurationError: If there is no reason, or nothing that the last validation stopped.
        LedgerError: If it cannot be recorded.
    """
    if not reason.strip():
        raise ConfigurationError("a changed history needs a reason: --reason '...'")
    path = run.work / "validation" / "report.json"
    report = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    history = report.get("history", {})
    if history.get("passed", True):
        raise ConfigurationError(f"{run.name}: the last validation found no changed history")
    frozen = run.snapshot.fingerprint
    body = {
        "as_of": run.as_of.isoformat(),
        "snapshot": frozen,
        "change": history["change"],
        "reason": reason.strip(),
        "asked_by": asked_by(),
    }
    return run.append(KIND, f"{KIND} {frozen}", body)
