"""What a decision leads to: the champion's alias moves, waits, or stays where it is."""

from kpi_gate.decision.verdict import Verdict
from kpi_gate.pipeline.selftest import proof_fault
from kpi_gate.record.ledger import Entry
from kpi_gate.release import promotion
from kpi_gate.run.context import Run
from kpi_gate.run.result import Outcome


def apply_reviews(run: Run) -> list[Outcome]:
    """Read what reviewers said of promotions that wait, before anything new is decided."""
    outcomes = []
    for entry in run.history.pending_reviews:
        try:
            outcomes.append(_promote(run, entry))
        except promotion.PromotionError as error:  # voided, and said so in the ledger
            outcomes.append(Outcome(False, str(error)))
    return outcomes


def promote(run: Run) -> Outcome:
    """Move the champion's alias if the decision says so; else say that it stays.

    Raises:
        PromotionError: If the evidence is stale by now.
    """
    run.outcome = _promote(run, run.entry)
    return run.outcome


def promote_shipped(run: Run) -> Outcome | None:
    """Promote what an experiment says is to be shipped; None where none says so."""
    shipped = run.history.shipped
    return _moved(run, shipped[-1]) if shipped else None


def _promote(run: Run, entry: Entry) -> Outcome:
    if entry.body["verdict"] != Verdict.PROMOTE:
        return Outcome(False, "the champion stays")
    return _moved(run, entry)


def _moved(run: Run, entry: Entry) -> Outcome:
    fault = proof_fault(run) if run.scheduled else ""
    if fault:
        words = f"{fault}. {entry.body['version']} waits; see `kpi-gate selftest {run.name}`"
        return Outcome(False, words)
    alarm = run.history.standing_alarm
    if alarm:
        words = f"{entry.body['version']} waits until a look finds nothing severe: {alarm}"
        return Outcome(False, words)
    return promotion.promote(run, entry)
