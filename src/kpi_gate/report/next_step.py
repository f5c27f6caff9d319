"""The one thing that would change a verdict, and when it can be there."""

import math
from datetime import timedelta

from kpi_gate.decision.checks.guardrails import REST
from kpi_gate.decision.verdict import Check, Decision, Verdict
from kpi_gate.report.decision_wording import in_words, rival
from kpi_gate.report.kpi_link import answer_of
from kpi_gate.report.numbers import share
from kpi_gate.text import clean, ended, number, total

# failures of V0 that more of the same decisions mend, as far as value and bound are apart
COUNTS = ("effective_units", "effective_winners", "loss_events", "days", "rows_present")
FARTHEST = 3_650  # days: a date beyond them is none
LONGEST = {"V4": 0, "V0": 1, "V1": 2, "V2": 3, "V5": 4}  # to stand in the way
LATER = "choose a later --as-of"  # what a run that was asked too early says
AT_A_LATER = "A later --as-of"
ALIKE = 0.05  # share of decisions that differ: below it the two act alike, which is told
PUT_RIGHT, LOOK = "Put right", "Look at"  # what a person has to do begins so
OPEN = (Verdict.HOLD, Verdict.INSUFFICIENT_EVIDENCE)


def ask(decision: Decision) -> str:
    """Say what would change the verdict: one thing; empty where nothing needs to.

    Of HOLD and INSUFFICIENT_EVIDENCE it is what stands in the way longest: the assumption to pin
    down and what it is worth, the guardrail and its slice, or the decisions that are still needed
    and when they are there at today's pace. Where the estimate is not above the threshold no
    number of decisions helps, and nothing else is said to.
    """
    if not (first := obstacle(decision)):
        return ""
    said = _of_open(decision, first) if decision.verdict in OPEN else _of_closed(decision, first)
    return ended(said)


def obstacle(decision: Decision) -> Check | None:
    """Return the failed check that stands in the way longest; None where nothing does."""
    reasons = decision.main_reasons
    if decision.verdict is Verdict.PROMOTE or not reasons:
        return None
    return min(reasons, key=lambda check: LONGEST.get(check.rule, len(LONGEST)))


def needs_another(decision: Decision) -> bool:
    """Whether no number of decisions helps: the estimate is not above the threshold."""
    gain = decision.gain
    return gain is not None and gain.rows > 0 and gain.estimate <= gain.threshold


def later_tick(check: Check) -> bool:
    """Whether a run was asked for too early a moment."""
    return LATER in check.reason


def _of_open(decision: Decision, first: Check) -> str:
    """Say what an open verdict lacks: an earlier moment, an assumption, a gain, or decisions."""
    if later_tick(first):
        return AT_A_LATER
    if first.rule == "V5":
        name = clean(first.name).removeprefix("sensitivity ")
        return f"Pin down {name}: {clean(first.reason)}"
    if first.rule == "V2":
        price = f"{total(decision.switch_cost)} {clean(decision.unit)}"
        return f"A gain that pays for the switch, which costs {price}"
    return _of_evidence(decision, first)


def _of_evidence(decision: Decision, first: Check) -> str:
    """Say which evidence is lacking, or that none helps."""
    more, another = _more_decisions(decision, first), needs_another(decision)
    if loud := _of_one_day(decision) if first.rule == "V1" else "":
        return "; else ".join(filter(None, [loud, "another candidate" if another else more]))
    if another:
        return _another(decision, first)
    if first.rule == "V4":
        return _more_of_a_level(decision, first, more)
    if decision.gain is None:
        return "More decisions whose outcome is known"
    words = f"{more[:1].upper()}{more[1:]}" if more else f"{PUT_RIGHT}: {clean(first.reason)}"
    return "; ".join(filter(None, (words, _alike(decision) if more else "")))


def _another(decision: Decision, first: Check) -> str:
    """Say why another candidate is needed, and what else stands in this one's way."""
    gain, alike, untested = decision.gain, _alike(decision), _untested(decision, first)
    estimate = f"{number(gain.estimate if gain else None)} {clean(decision.unit)} a decision"
    why = f"at this estimate, {estimate}, no number of decisions opens the gate"
    if untested:
        why += f"; besides, {untested}"
    return f"Another candidate: {f'{alike}, and ' if alike else ''}{why}"


def _more_of_a_level(decision: Decision, first: Check, more: str) -> str:
    if untested := _untested(decision, first):
        why = "; ".join(filter(None, (untested, _alike(decision))))
        return f"More decisions on which candidate and champion differ: {why}"
    return f"More decisions of this level: {in_words(first)}{'; ' if more else ''}{more}"


def _untested(decision: Decision, check: Check) -> str:
    """Say of a column of which no level can be tested how far the largest is; else empty."""
    column = clean(check.name).removeprefix("slice ")
    levels = [one for one in decision.slices if clean(one.column) == column]
    alone = [one for one in levels if one.level != REST]
    together = [one for one in levels if one.level == REST and one.tested]
    may_lose = [one for one in together if one.lower is None or one.lower <= (check.bound or 0.0)]
    if check.rule != "V4" or not alone or may_lose or any(one.tested for one in alone):
        return ""
    most = max(alone, key=lambda one: one.events)
    return (
        f"no level of {column} has as many as are needed (most: {clean(most.level)}, {most.events})"
    )


def _alike(decision: Decision) -> str:
    """Say how few decisions tell the two apart; empty where there are more than a few."""
    gain = decision.gain
    if gain is None or gain.rows == 0 or gain.changed >= ALIKE:
        return ""
    few = f"only {share(gain.changed)}" if gain.changed > 0 else "none"
    return f"the candidate and {rival(decision)} differ in {few} of the decisions"


def _of_one_day(decision: Decision) -> str:
    """Say what a single day does to the gain; empty where none carries most of what days differ."""
    gain = decision.gain
    if gain is None or gain.top_day is None or gain.without_top_day is None:
        return ""
    unit = clean(decision.unit)
    return (
        f"{LOOK} {gain.top_day}, which carries {gain.top_day_share:.0%} of what days differ by: "
        f"without it the gain would be {number(gain.without_top_day)} {unit} a decision. If its "
        "data are at fault, set it aside"
    )


def _of_closed(decision: Decision, first: Check) -> str:
    if decision.verdict is Verdict.AB_REQUIRED:
        shown = f"An experiment (A/B test) that shows the KPI itself rise{_begun_by(decision)}"
        said = answer_of(decision)
        if said is None or said.required_gain is None or said.randomised == 0:
            return shown
        needed = f"{number(said.required_gain, sign=True)} {clean(decision.unit)} a decision"
        return f"{shown}; or a candidate that gains {needed} offline"
    if decision.verdict is Verdict.INVALID:  # the reason is said once: by what failed
        named = dict.fromkeys(
            clean(check.name).replace("_", " ") for check in decision.main_reasons
        )
        failed = f"{PUT_RIGHT} what failed ({', '.join(named)}), then retrain"
        return AT_A_LATER if later_tick(first) else failed
    return f"Another candidate: {in_words(first)}"


def _begun_by(decision: Decision) -> str:
    """Name the command that starts the experiment, whose plan is on record with the decision."""
    lineage = decision.lineage
    return f": `kpi-gate experiment start {clean(lineage.use_case)}`" if lineage else ""


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
