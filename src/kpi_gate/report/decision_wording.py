"""What a decision says, the same in the terminal, in Markdown and on the page."""

import math

from kpi_gate.decision.checks.guardrails import RULE_OF_THUMB
from kpi_gate.decision.verdict import Check, Decision, GainSummary
from kpi_gate.text import UNKNOWN, clean, finite, number, places, total

SAME = 1e-9  # of the gain: a spread that is only rounding is none
SHOWN_REASONS = 2  # of the main reasons in the sentence; the tables have all of them

# checks of V0 that a slightly different window could have failed; the others hold by construction
SUFFICIENCY = ("effective_units", "effective_winners", "top_unit_share", "loss_events", "tail_skew")

RULES = {
    "V0": "valid: the comparison is fair, and large enough to be believed",
    "V1": "gain is real: more than the release needs, and not by luck",
    "V2": "worth the switch: what is booked pays for the promotion",
    "V3": "linked to the KPI: offline money has become KPI before",
    "V4": "guardrails: nothing that is watched worsens",
    "V5": "sensitivity: no loss that matters where the value parameters are off",
}

# what a verdict means, by the rule of its first reason
LEADS = {
    ("INVALID", "V0"): "the comparison cannot be trusted",
    ("INVALID", "V4"): "a guardrail could not be measured",
    ("REJECT", "V1"): "the candidate does not earn enough even at best",
    ("REJECT", "V4"): "a guardrail is broken",
    ("INSUFFICIENT_EVIDENCE", "V0"): "there is too little evidence",
    ("INSUFFICIENT_EVIDENCE", "V4"): "there is too little evidence to clear every guardrail",
    ("HOLD", "V1"): "the gain is not certain enough",
    ("HOLD", "V2"): "the gain does not pay for the switch",
    ("HOLD", "V5"): "the gain hangs on an assumption",
    ("AB_REQUIRED", "V3"): "an experiment (A/B test) is needed before promotion",
}


def gain_places(gain: GainSummary, significant: int = 2) -> int:
    """Return the decimals that the gain's uncertainty lets one write.

    Args:
        gain: The gain.
        significant: Digits of half its interval: 2 in a sentence, 3 where bounds are compared.
    """
    lower, upper = finite(gain.lower), finite(gain.upper)
    if lower is not None and upper is not None and upper > lower:
        return places((upper - lower) / 2, significant)
    return places(finite(gain.estimate), significant=4)


def rival(decision: Decision) -> str:
    """Name what the candidate is compared with."""
    if decision.lineage is None:
        return clean(decision.notes.get("rival") or "the champion")
    champion = decision.lineage.champion
    if champion.is_baseline:
        words = clean(decision.notes.get("baseline_name") or "")
        return f"the {RULE_OF_THUMB} ({words})" if words else f"the {RULE_OF_THUMB}"
    name = clean(champion.name)
    if name == "champion":
        return "the champion"
    return f"champion v{name}" if name.isdigit() else f"champion {name}"


def rival_in_short(decision: Decision) -> str:
    """Return what a column of the side in use is called."""
    lineage = decision.lineage
    return RULE_OF_THUMB if lineage is not None and lineage.champion.is_baseline else "champion"


def earns(decision: Decision) -> str:
    """Say what the candidate earns per decision against its rival, with the interval."""
    gain, than = decision.gain, rival(decision)
    if gain is None:
        return "no gain was measured"
    digits, unit = gain_places(gain), clean(decision.unit)
    lower, upper = number(gain.lower, digits), number(gain.upper, digits)
    between = f"{lower} to {upper}" if UNKNOWN not in (lower, upper) else "no interval: one unit"
    estimate = finite(gain.estimate)
    if estimate is None:
        return f"the gain over {than} is {UNKNOWN} ({between})"
    amount = number(abs(estimate), digits)
    if estimate == 0 or float(amount.replace(",", "")) == 0:
        return f"the candidate earns as much per decision as {than} (gain {between} {unit})"
    error = finite(gain.standard_error)
    if error is not None and error <= SAME * abs(estimate):
        between = "the same for every unit and day: there is no spread to judge it by"
    direction, what = ("more", "") if estimate > 0 else ("less", "gain ")
    much = f"{amount} {unit} {direction} per decision"
    return f"the candidate earns {much} than {than} ({what}{between})"


def booked(decision: Decision) -> str:
    """Say what is left of the gain after shrinkage, per decision and over the horizon."""
    if decision.gain is None:
        return "nothing is booked"
    unit, horizon = clean(decision.unit), clean(decision.horizon)
    word = "booked after shrinkage" if decision.verdict == "PROMOTE" else "after shrinkage"
    return (
        f"{word}: {number(decision.gain.shrunk, gain_places(decision.gain))} {unit}, "
        f"{total(decision.money)} {unit} over {horizon} after the switch cost"
    )


def in_words(check: Check) -> str:
    """Return the reason of a check; what a guardrail's number is of, only its name says."""
    named = check.rule in ("V3", "V4")
    return f"{clean(check.name).replace('_', ' ') + ' ' if named else ''}{clean(check.reason)}"


def why(decision: Decision) -> str:
    """Say why the verdict is not PROMOTE: the main reasons in words, and how many there are."""
    main = decision.main_reasons
    if not main:
        return "the candidate is not promoted"
    lead = LEADS.get((decision.verdict.value, main[0].rule), "not every check passed")
    shown = "; ".join(map(in_words, main[:SHOWN_REASONS]))
    more = len(decision.failed) - min(len(main), SHOWN_REASONS)
    rest = "" if more == 0 else f" (and {more} more failed check{'s' if more > 1 else ''})"
    return f"{lead}: {shown}{rest}"


def need(decision: Decision) -> str:
    """Say how many decisions would open the gate."""
    gain, rows = decision.gain, decision.rows_needed
    if decision.verdict == "PROMOTE":
        return "The gate is open: no further decisions are needed."
    if decision.verdict == "INVALID":
        return "More decisions do not help before the comparison itself is repaired."
    if gain is None or gain.standard_error is None:
        seen = "No gain was measured" if gain is None else "One unit alone shows no scatter"
        return f"{seen}, so nobody can say how many decisions are needed."
    if rows is None:
        return (
            f"At this estimate, {number(gain.estimate)} {clean(decision.unit)} a decision, no "
            f"number of decisions helps: it does not exceed the {number(gain.threshold)} that a "
            "release needs."
        )
    about = number(float(f"{rows:.2g}"), 0)
    if rows <= gain.rows:
        return (
            f"The gain needs about {about} decisions for 80% power and has "
            f"{number(gain.rows, 0)}: it is not the number of decisions that stands in the way."
        )
    times = number(rows / max(gain.rows, 1), 1)
    return (
        f"About {about} decisions would show the gain with 80% power if the estimate is "
        f"right: {times} times the {number(gain.rows, 0)} of this window."
    )


def waiting(decision: Decision) -> str:
    """Say what it costs to wait: what the gate is expected to forgo; empty where nothing waits."""
    cost, gain = decision.cost_of_waiting, decision.gain
    if cost is None or gain is None:
        return ""
    unit, horizon = clean(decision.unit), clean(decision.horizon)
    if not cost > 0:
        return "Waiting is not expected to forgo anything: the shrunk gain is not above zero."
    yearly = gain.shrunk * decision.horizon_decisions
    return (
        f"Waiting for another {number(gain.rows, 0)} decisions is expected to forgo about "
        f"{total(cost)} {unit} (the shrunk gain; {total(yearly)} {unit} over {horizon})."
    )


def looked(decision: Decision) -> str:
    """Say how often rows of this window were looked at before; empty for the first look."""
    if not decision.looks:
        return ""
    times = "once" if decision.looks == 1 else f"{decision.looks} times"
    return f"Rows of this gate window were looked at {times} before, each time on the record."


def nearest(decision: Decision, most: int = 3) -> list[Check]:
    """Return the passed checks that stand nearest to their bounds, the nearest first."""

    def slack(check: Check) -> float:
        value, bound = finite(check.value), finite(check.bound)
        if value is None or bound is None or max(abs(value), abs(bound)) == 0:
            return math.inf
        return abs(value - bound) / max(abs(value), abs(bound))

    measured = [
        check
        for check in decision.checks
        if check.rule in ("V4", "V5") or (check.rule == "V0" and check.name in SUFFICIENCY)
    ]
    known = [
        check for check in measured if check.passed and check.bound and slack(check) < math.inf
    ]
    return sorted(known, key=slack)[:most]


def gap(decision: Decision) -> str:
    """Say how far the lower bound of the gain is from the threshold."""
    gain = decision.gain
    lower = finite(None if gain is None else gain.lower)
    if gain is None or lower is None or decision.verdict == "INVALID":
        return ""
    digits, unit = gain_places(gain, 3), clean(decision.unit)
    side = "above" if lower > gain.threshold else "below"
    return (
        f"The lower bound of the gain, {number(lower, digits)}, is "
        f"{number(abs(lower - gain.threshold), digits)} {unit} {side} the threshold of "
        f"{number(gain.threshold)}."
    )
