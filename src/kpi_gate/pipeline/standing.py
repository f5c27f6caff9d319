"""See that a tick was decided before and that nothing is new since, before anything is started."""

from kpi_gate.decision.evidence import BASELINE
from kpi_gate.decision.fingerprint import decision_id
from kpi_gate.errors import is_transient
from kpi_gate.evaluation.evidence_files import read_evidence
from kpi_gate.pipeline import stages
from kpi_gate.record.agreement import agrees_at_a_glance, differences
from kpi_gate.record.ledger import Entry
from kpi_gate.record.lock import one_at_a_time
from kpi_gate.run.context import Refusal, Retrained, Run


def repeated(run: Run) -> Retrained | None:
    """Return the decision that stands where nothing is new since it was made; else None.

    A whole run says the same, but only after Prefect, MLflow and scikit-learn are there. Whatever
    leaves it something to do is left to it: a tick that was not decided before, a move that is open
    or waits for a reviewer, rows that are refused, a service that is away.

    Raises:
        BusyError: If another process is at work on the use case.
        LedgerError: If the ledger is broken.
    """
    with one_at_a_time(run.place, run.name):
        if not _is_settled(run):
            return None
        try:
            stages.take_snapshot(run)
            entry = standing_decision(run)
        except Refusal:
            return None
        except Exception as error:
            if is_transient(error):
                return None
            raise
        if entry is None:
            return None
        return Retrained(entry, stages.promote(run, entry).words, repeated=True)


def _is_settled(run: Run) -> bool:
    """Tell whether this tick was decided, and no act on an alias is open or waits."""
    history = run.history
    here = [
        entry
        for entry in history.of_kind("decision")
        if entry.body["as_of"] == run.as_of.isoformat()
    ]
    return bool(here) and not (history.unfinished or history.opened or history.faults)


def standing_decision(run: Run) -> Entry | None:
    """Return the recorded decision on exactly this tick's files, if DVC sees nothing to do."""
    if any(run.stages.changed(run.stage(verb)) for verb in ("validate", "train", "compare")):
        return None
    evidence = read_evidence(run.work / "evidence")
    decision = decision_id(evidence, run.use_case.settings.gate())
    history = run.history
    entry = history.decisions.get(decision)
    if entry is None:
        return None
    agrees = agrees_at_a_glance(run.place, history) or not differences(run.place, history)
    if not agrees:  # the run says so
        return None
    rival = "" if entry.body["champion"] == BASELINE else entry.body["champion"]
    return entry if history.champion in (rival, entry.body["version"]) else None
