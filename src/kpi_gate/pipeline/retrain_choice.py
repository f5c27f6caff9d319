"""Retrain or skip: gather what the rule asks for, decide, and record it; a skip is recorded too."""

from collections.abc import Sequence
from datetime import datetime

from kpi_gate.decision.evidence import Contender
from kpi_gate.decision.fingerprint import digest
from kpi_gate.decision.retrain_rule import Choice, Proposal, choose
from kpi_gate.decision.staleness import Staleness
from kpi_gate.record.ledger import Entry
from kpi_gate.run.context import Run

KIND = "choice"


def choose_now(
    run: Run, proposals: Sequence[Proposal], staleness: Staleness | None, champion: Contender | None
) -> Choice:
    """Decide on proposals to retrain; what costs nobody measured, or who is in use, may be None."""
    settings = run.use_case.settings
    return choose(
        settings.trigger,
        proposals,
        staleness,
        champion_age_days=_days(champion.trained_until if champion else None, run.as_of),
        days_since_retrain=_days(run.history.last_retraining, run.as_of),
        switch_cost=settings.objective.switch_cost,
        unit=settings.objective.unit,
    )


def record_choice(run: Run, choice: Choice) -> Entry:
    """Write a choice into the ledger, a skip like a retraining.

    Raises:
        LedgerError: If it cannot be written.
    """
    body = {"as_of": run.as_of.isoformat(), **choice.model_dump(mode="json")}
    body["sentence"] = f"{choice.action}: {choice.reason}"
    return run.append(KIND, digest([run.name, KIND, body]), body)


def _days(since: datetime | None, until: datetime) -> float | None:
    return None if since is None else (until - since).total_seconds() / 86_400
