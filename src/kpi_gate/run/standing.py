"""See that a tick was decided before, and that nothing is new since."""

from typing import TYPE_CHECKING

from kpi_gate.decision.evidence import BASELINE
from kpi_gate.decision.fingerprint import decision_id
from kpi_gate.evaluation.evidence_files import read_evidence
from kpi_gate.record.agreement import agrees_at_a_glance, differences
from kpi_gate.record.ledger import Entry

if TYPE_CHECKING:
    from kpi_gate.run.context import Run


def standing_decision(run: "Run") -> Entry | None:
    """Return the recorded decision on exactly this tick's files, if DVC sees nothing to do."""
    if any(run.stages.changed(run.stage(verb)) for verb in ("validate", "train", "compare")):
        return None
    evidence = read_evidence(run.work / "evidence")
    history = run.history
    entry = history.decisions.get(decision_id(evidence, run.use_case.settings.gate()))
    if entry is None:
        return None
    agrees = agrees_at_a_glance(run.workspace, history) or not differences(run.workspace, history)
    if not agrees:  # the run says so
        return None
    rival = "" if entry.body["champion"] == BASELINE else entry.body["champion"]
    return entry if history.champion in (rival, entry.body["version"]) else None


def is_settled(run: "Run") -> bool:
    """Tell whether this tick was decided, and no act on an alias is open or waits."""
    history = run.history
    here = [
        entry
        for entry in history.of_kind("decision")
        if entry.body["as_of"] == run.as_of.isoformat()
    ]
    return bool(here) and not (history.unfinished or history.opened or history.faults)
