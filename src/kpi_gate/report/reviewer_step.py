"""What the person who reviews a decision has to do next, and what the verdict means for the use."""

from kpi_gate.decision.verdict import Check, Decision, Verdict
from kpi_gate.report.decision_wording import rival
from kpi_gate.report.next_step import LOOK, PUT_RIGHT, ask, later_tick, needs_another, obstacle
from kpi_gate.text import clean

TONES = {
    Verdict.PROMOTE: "blue",
    Verdict.HOLD: "amber",
    Verdict.INSUFFICIENT_EVIDENCE: "amber",
    Verdict.AB_REQUIRED: "violet",
    Verdict.REJECT: "red",
    Verdict.INVALID: "red",
}
NOTHING = "Nothing is asked of you"


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
    first = obstacle(decision)
    if first is not None and later_tick(first):
        return "Choose a later --as-of. Until then nothing is compared."
    if verdict is Verdict.INVALID:
        return "Put right what failed, then retrain. Until then nothing is compared."
    if verdict is Verdict.AB_REQUIRED:
        return "Decide whether an experiment (A/B test) is worth it; offline it has passed."
    return _of_release(decision) if verdict is Verdict.PROMOTE else _of_no_release(decision, first)


def _of_release(decision: Decision) -> str:
    if decision.lineage is None:
        return "Put the candidate in use if you agree with how its money is counted."
    if decision.approval == "required":
        return (
            "If you agree, set the tag approved_by to your name on this version in MLflow; the "
            "next promote step moves it into use. If you do not, do nothing."
        )
    return (
        f"{NOTHING}: it goes into use by itself. To take it back: "
        f"kpi-gate rollback {clean(decision.lineage.use_case)} --reason '…'"
    )


def _of_no_release(decision: Decision, first: Check | None) -> str:
    """Say what follows from what would change the verdict: one cause has one next step."""
    asked, stays = ask(decision), f"{rival(decision)} stays"
    meanwhile = f"{stays[:1].upper()}{stays[1:]} until then"
    if first is None or asked.startswith(PUT_RIGHT):
        return f"Look at what failed before the next retraining. {meanwhile}."
    if asked.startswith(LOOK):
        return f"Look at the data of that day. {meanwhile}."
    if first.rule == "V5":
        return f"Measure that value parameter, or narrow its range, if you can. {meanwhile}."
    rejected = decision.verdict is Verdict.REJECT
    if rejected and first.rule == "V4":
        return f"Look at the broken guardrail before the recipe is changed. {meanwhile}."
    another = rejected or first.rule == "V2" or needs_another(decision)
    then = f"{stays}; the next tick trains another candidate"
    return f"{NOTHING}: {then if another else 'the next tick tries again with more rows'}."
