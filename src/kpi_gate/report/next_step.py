"""The one thing that would change a verdict, and when it can be there."""

import math
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
    said = _of_open(decision, first) if decision.verdict in OPEN else _of_closed(decision, first)
    return f"{said}."


def _of_open(decision: Decision, first: Check) -> str:
    said, more, gain = clean(first.reason), _more_decisions(decision, first), decision.gain
    if first.rule == "V5":
        return f"Pin down {clean(first.name).removeprefix('sensitivity ')}: {said}"
    if first.rule == "V2":
        price = f"{total(decision.switch_cost)} {clean(decision.unit)}"
        return f"A gain that pays for the switch, which costs {price}"
    if first.rule == "V4":
        return f"More decisions of this level: {in_words(first)}{'; ' if more else ''}{more}"
    estimate = gain.estimate if gain is not None and gain.estimate <= gain.threshold else None
    if loud := _of_one_day(decision) if first.rule == "V1" else "":
        otherwise = ["another candidate"] if estimate is not None else [more] if more else []
        return "; else ".join([loud, *otherwise])
    if estimate is not None:
        return (
            f"Another candidate: at this estimate, {number(estimate)}, no number of decisions "
            f"opens the gate{'; a verdict on this one needs ' if more else ''}{more}"
        )
    return f"{more[:1].upper()}{more[1:]}" if more else f"Put right: {said}"


def _of_one_day(decision: Decision) -> str:
    """Say what a single day does to the gain; empty where none carries most of what days differ."""
    gain = decision.gain
    if gain is None or gain.top_day is None or gain.without_top_day is None:
        return ""
    unit = clean(decision.unit)
    return (
        f"Look at {gain.top_day}, which carries {gain.top_day_share:.0%} of what days differ by: "
        f"without it the gain would be {number(gain.without_top_day)} {unit} a decision. If its "
        "data are at fault, set it aside"
    )


def _of_closed(decision: Decision, first: Check) -> str:
    if decision.verdict is Verdict.AB_REQUIRED:
        return "An experiment (A/B test) that shows the KPI itself rise"
    if decision.verdict is Verdict.INVALID:
        return f"Put right: {in_words(first)}"
    return f"Another candidate: {in_words(first)}"


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
    words = f"about {number(float(f'{rows:.2g}'), 0)} more decisions like these"
    lineage = decision.lineage
    window = gain.days if lineage is None else lineage.window.days
    days = math.ceil(min(window * (ratio - 1), FARTHEST))
    if not window:
        return words
    if days == FARTHEST:
        return f"{words}: more than ten years at today's pace"
    pace = f"{words}: {days} {'day' if days == 1 else 'days'} at today's pace"
    if lineage is None:
        return pace
    return f"{pace}, by {lineage.as_of + timedelta(days=days):%Y-%m-%d}"
