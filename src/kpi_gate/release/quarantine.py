"""Days that count neither for training nor for judging: put there and let out by ledger rows."""

from collections.abc import Iterable
from datetime import date

from kpi_gate.errors import ConfigurationError
from kpi_gate.record.ledger import Entry
from kpi_gate.record.ledger_view import ADD, RELEASE
from kpi_gate.release.alias_move import asked_by
from kpi_gate.run.context import Run

__all__ = ["ADD", "RELEASE", "QuarantineError", "put"]


class QuarantineError(ConfigurationError):
    """The call was wrong; the message says what to change."""


def put(run: Run, days: Iterable[date], action: str, reason: str) -> Entry:
    """Put days into quarantine, or let them out, recorded with its reason.

    Args:
        run: The use case, and since when it holds.
        days: Days in UTC.
        action: `add` or `release`.
        reason: Why.

    Raises:
        QuarantineError: If there is no day or no reason, or a day to let out is not in.
        LedgerError: If the ledger is broken or cannot be written.
    """
    named = sorted(set(days))
    if not named:
        raise QuarantineError("days == [], must be one at least")
    if not reason.strip():
        raise QuarantineError("a quarantine needs a reason: --reason '...'")
    history = run.history
    free = sorted(set(named) - history.quarantined) if action == RELEASE else []
    if free:
        raise QuarantineError(f"{run.name}: {free[0]} is not in quarantine")
    body = {
        "as_of": run.as_of.isoformat(),
        "days": [day.isoformat() for day in named],
        "action": action,
        "reason": reason.strip(),
        "asked_by": asked_by(),
    }
    return run.append("quarantine", f"quarantine {named[0]}", body)
