"""What the person who reviews a decision has to do next, and what the verdict means for the use."""

from kpi_gate.decision.verdict import Decision, Verdict
from kpi_gate.report.decision_wording import rival
from kpi_gate.text import clean

TONES = {
    Verdict.PROMOTE: "blue",
    Verdict.HOLD: "amber",
    Verdict.INSUFFICIENT_EVIDENCE: "amber",
    Verdict.AB_REQUIRED: "violet",
    Verdict.REJECT: "red",
    Verdict.INVALID: "red",
}
AGAIN = {
    Verdict.HOLD: "the next tick tries again with newer rows",
    Verdict.INSUFFICIENT_EVIDENCE: "the next tick tries again with more rows",
    Verdict.REJECT: "look at the failed checks before the recipe is changed",
}


def means(decision: Decision) -> str:
    """Say in a few words what the verdict means for what is in use."""
    if decision.verdict is not Verdict.PROMOTE:
        return f"{rival(decision)} stays in use"
    if decision.approval == "required":
        return "the candidate waits for your approval"
    return f"the candidate replaces {rival(decision)}"


def reviewer_step(decision: Decision) -> str:
    """Say what a reviewer does next."""
    verdict = decision.verdict
    name = clean(decision.lineage.use_case) if decision.lineage else ""
    if verdict is Verdict.INVALID:
        return "Put right what failed, then retrain. Until then nothing is compared."
    if verdict is Verdict.AB_REQUIRED:
        return "Decide whether an experiment (A/B test) is worth it; offline it has passed."
    if verdict is not Verdict.PROMOTE:
        return f"Nothing is asked of you: {AGAIN[verdict]}."
    if decision.lineage is None:
        return "Put the candidate in use if you agree with how its money is counted."
    if decision.approval == "required":
        return (
            "If you agree, set the tag approved_by to your name on this version in MLflow; the "
            "next promote step moves it into use. If you do not, do nothing."
        )
    return (
        "Nothing is asked of you: it goes into use by itself. To take it back: "
        f"kpi-gate rollback {name} --reason '…'"
    )
