"""Record that a server could not take up a version, and tell: `python -m ... USE_CASE VERSION WHY`.

A process of its own, started by the server: hooks need what the server does without. Of several
workers that fail alike, one row is written.
"""

import logging
import sys
from datetime import UTC, datetime, timedelta

from kpi_gate.environment import prepare_environment
from kpi_gate.orchestration.notify import tell
from kpi_gate.record.ledger import Entry, open_ledger
from kpi_gate.record.ledger_view import LedgerView
from kpi_gate.record.prefect_key import meet_prefect
from kpi_gate.watch.alerts import notices
from kpi_gate.workspace import Workspace

KIND = "serving_fault"
ONCE_IN = timedelta(hours=1)  # the same fault of the same version


def record(workspace: Workspace, use_case: str, version: str, why: str) -> Entry | None:
    """Append the row; None where one of the last hour says the same.

    Raises:
        LedgerError: If the ledger cannot be read or written.
    """
    now = datetime.now(UTC)
    ledger = open_ledger(workspace)
    view = LedgerView(ledger, use_case, now).catch_up()
    known = [e for e in view.entries if (e.kind, e.subject) == (KIND, version)]
    if known and known[-1].body["why"] == why and known[-1].at > now - ONCE_IN:
        return None
    body = {"version": version, "why": why}
    rows = [e.number for e in view.entries if e.subject == version]
    return ledger.append(use_case, KIND, version, body, after=max(rows, default=0))


def main() -> None:
    """Record and tell what the command line says."""
    use_case, version, why = sys.argv[1:]
    workspace = Workspace()
    prepare_environment(workspace.home)
    meet_prefect(workspace.home)
    entry = record(workspace, use_case, version, why)
    if entry is not None:
        tell(workspace, notices([entry]), logging.getLogger("kpi_gate.serving").warning)


if __name__ == "__main__":
    main()
