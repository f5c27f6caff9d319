"""Retrain or skip: gather what the rule asks for, decide, and record it; a skip is recorded too."""

from collections.abc import Sequence
from datetime import datetime

from kpi_gate.decision.evidence import Contender
from kpi_gate.decision.fingerprint import digest
from kpi_gate.decision.retrain_rule import Choice, Proposal, choose
from kpi_gate.decision.staleness import Staleness
from kpi_gate.pipeline.loading import watch_over
from kpi_gate.record.ledger import Entry
from kpi_gate.run.context import Run

KIND = "choice"


def should_retrain(run: Run) -> bool:
    """Tell whether this tick is followed: a schedule may choose to skip, which is recorded.

    A choice of the monitor to retrain that nothing has followed yet is followed now.

    Raises:
        Refusal: If the rows cannot be loaded, or the champion cannot be read.
        LedgerError: If the choice cannot be recorded.
    """
    by_calendar = run.use_case.settings.trigger.when == "calendar"
    if not run.scheduled or by_calendar or run.history.accepted_choice:
        return True
    from kpi_gate.watch.value.challenger import measured_staleness

    watch = watch_over(run)
    cost, _ = measured_staleness(watch, watch.quarantined)
    proposals = [Proposal(by="schedule", reason="the schedule is due")]
    alarm = run.history.standing_alarm
    if alarm:
        proposals.append(Proposal(by="health", reason=alarm))
    run.choice = choose_now(run, proposals, cost, watch.champion.card.contender)
    record_choice(run, run.choice)
    return run.choice.action == "retrain"


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
