"""Days that count neither for training nor for judging: put there and let out by ledger rows."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from datetime import date, datetime

import pandas as pd

from kpi_gate.errors import ConfigurationError
from kpi_gate.record.ledger import Entry
from kpi_gate.release.alias_move import asked_by
from kpi_gate.run.context import Run

KIND, ADD, RELEASE = "quarantine", "add", "release"


class QuarantineError(ConfigurationError):
    """The call was wrong; the message says what to change."""


def quarantined(run: Run) -> frozenset[date]:
    """Return the days, in UTC, that were in quarantine at the run's moment."""
    return _days(run, ADD)


def released(run: Run) -> frozenset[date]:
    """Return the days, in UTC, that a person had let out at the run's moment."""
    return _days(run, RELEASE)


def _days(run: Run, action: str) -> frozenset[date]:
    """Return the days about which the last word was `add`, or `release`."""
    days: set[date] = set()
    for entry in run.ledger.entries(run.name, KIND):
        if datetime.fromisoformat(entry.body["as_of"]) <= run.as_of:
            named = {date.fromisoformat(day) for day in entry.body["days"]}
            days = days | named if entry.body["action"] == action else days - named
    return frozenset(days)


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
    free = sorted(set(named) - quarantined(run)) if action == RELEASE else []
    if free:
        raise QuarantineError(f"{run.name}: {free[0]} is not in quarantine")
    body = {
        "as_of": run.as_of.isoformat(),
        "days": [day.isoformat() for day in named],
        "action": action,
        "reason": reason.strip(),
        "asked_by": asked_by(),
    }
    return run.ledger.append(run.name, KIND, f"{KIND} {named[0]}", body)


def outside(rows: pd.DataFrame, days: AbstractSet[date]) -> pd.DataFrame:
    """Leave out the rows whose event falls on one of the days, in UTC."""
    if not days or rows.empty:
        return rows
    day = rows["event_time"].dt.tz_convert("UTC").dt.date
    return rows[~day.isin(list(days))]
