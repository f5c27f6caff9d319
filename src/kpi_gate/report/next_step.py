"""The one thing that would change a verdict, and when it can be there."""

from datetime import timedelta

from kpi_gate.decision.verdict import Check, Decision, Verdict
from kpi_gate.report.decision_wording import in_words
from kpi_gate.text import clean, number, total

# failures of V0 that more of the same decisions mend, as far as value and bound are apart
COUNTS = ("effective_units", "effective_winners", "loss_events", "days", "rows_present")
FARTHEST = 3_650  # days: a date beyond them is none
LONGEST = {"V4": 0, "V0": 1, "V1": 2, "V2": 3, "V5": 4}  # to stand in the way
OPEN = (Verdict.HOLD, Verdict.INSUFFICIENT_EVIDENCE)


def ask(decision: Decision) -> str:
    """Say what would change the verdict: one thing; empty where nothing needs to.

    Of HOLD and INSUFFICIENT_EVIDENCE it is what stands in the way longest: the assumption to pin
    down and what it is worth, the guardrail and its slice, or the decisions that are still needed
    and when they are there at today's pace.
    """
    reasons = decision.main_reasons
    if decision.verdict is Verdict.PROMOTE or not reasons:
        return ""
    first = min(reasons, key=lambda check: LONGEST.get(check.rule, len(LONGEST)))
    if decision.verdict not in OPEN:
        return _of_the_others(decision, first)
    said, more = clean(first.reason), _more_decisions(decision, first)
    alone = {
        "V2": f"A gain that pays {total(decision.switch_cost)} {clean(decision.unit)} for the "
        f"switch: {said}.",
        "V4": f"More decisions of this level: {in_words(first)}.{more}",
        "V5": f"Pin down {clean(first.name).removeprefix('sensitivity ')}: {said}.",
    }
    if first.rule in alone:
        return alone[first.rule]
    if more:
        return more.strip()
    if first.rule == "V1":
        return f"Another candidate: no number of decisions helps, as {said}."
    return f"Put right: {said}."


def _of_the_others(decision: Decision, first: Check) -> str:
    if decision.verdict is Verdict.AB_REQUIRED:
        return "An experiment (A/B test) that shows the KPI itself rise."
    if decision.verdict is Verdict.INVALID:
        return f"Put right: {in_words(first)}."
    return f"Another candidate: {in_words(first)}."


def _more_decisions(decision: Decision, check: Check) -> str:
    """Say how many decisions are still needed, and when they are there; empty if none help."""
    gain = decision.gain
    if gain is None or gain.rows == 0:
        return ""
    ratio = (decision.rows_needed or 0) / gain.rows
    if check.name in COUNTS and check.value and check.bound:
        ratio = max(ratio, check.bound / check.value)
    if ratio <= 1:
        return ""
    rows = gain.rows * (ratio - 1)
    words = f" About {number(float(f'{rows:.2g}'), 0)} more decisions like these"
    if decision.lineage is None:
        return f"{words}."
    lineage = decision.lineage
    days = lineage.window.days * (ratio - 1)
    if not 0 < days <= FARTHEST:
        return f"{words}: more than ten years at today's pace."
    until = lineage.as_of + timedelta(days=days)
    return f"{words}: {days:.0f} days at today's pace, by {until:%Y-%m-%d}."
