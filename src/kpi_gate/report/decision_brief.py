"""A decision in short: the verdict and why, one sum of money, what failed, what would change it."""

from textwrap import wrap

from kpi_gate.decision.verdict import Check, Decision, Verdict
from kpi_gate.report.decision_wording import LEADS, gain_places, in_words, rival
from kpi_gate.report.kpi_link import as_shown, is_unlinked, link_sentence
from kpi_gate.report.next_step import ask, later_tick
from kpi_gate.report.numbers import money, money_range, over, share
from kpi_gate.text import clean, ended, finite, number, shorten, total

WIDTH = 100
MOST_CAUSE = 160  # characters of a cause where several use cases stand together
NAME = 24  # columns that the name of a check takes before its reason


def brief(decision: Decision, more: str = "to_text() lists them", width: int = WIDTH) -> str:
    """Render a decision in a dozen lines; a reason is never cut.

    Args:
        decision: The decision.
        more: How to see the checks that passed.
        width: Columns of the longest line.
    """
    decision = as_shown(decision)
    told, asked = money_sentence(decision), ask(decision)
    lines = [
        _wrapped(headline(decision), width),
        "",  # `reproduce` reads up to here what a stage refused
        *([_wrapped(f"Money: {told}", width, 4)] if told else []),
        *([_wrapped(f"Link: {linked}", width, 4)] if (linked := link_sentence(decision)) else []),
        *(_failed(decision, check, width) for check in decision.failed),
        *([_wrapped(tally, width)] if (tally := counted(decision, more)) else []),
        *([_wrapped(f"What would change it: {asked}", width, 4)] if asked else []),
    ]
    return "\n".join(lines)


def headline(decision: Decision) -> str:
    """Say the verdict with its reason in one sentence."""
    if decision.gain is None:
        return decision.sentence
    if decision.verdict is Verdict.PROMOTE:
        wait = "; waits for a reviewer's approval" if decision.approval == "required" else ""
        than = f"the candidate earns more than {rival(decision)}"
        return f"{decision.verdict}: {than}: {sure(decision)}{wait}."
    main = decision.main_reasons
    if not main:
        return f"{decision.verdict}: the candidate is not promoted."
    lead = LEADS.get((decision.verdict.value, main[0].rule), "not every check passed")
    named = main[0].rule in ("V3", "V4") and main[0].name not in _SHORT
    reason = in_words(main[0]) if named else in_short(decision, main[0])
    reason = reason.removeprefix("at best ")  # the lead says so
    return ended(f"{decision.verdict}: {lead}: {reason}")


def money_sentence(decision: Decision) -> str:
    """Say the one sum that a decision is about: what it brings; empty where none was measured.

    It is what is booked: the shrunk gain over the horizon, less the switch cost. The interval is
    that of the measured gain, less the same cost.
    """
    gain = decision.gain
    if gain is None:
        return ""
    if decision.verdict is Verdict.INVALID:
        return "none is booked: what was measured must not be used."
    low, high = (
        None if end is None else end * decision.horizon_decisions - decision.switch_cost
        for end in (finite(gain.lower), finite(gain.upper))
    )
    much = money_range(decision.money, low, high, decision.unit)
    amount, _, between = much.partition(" (")
    cost = " after the switch cost" if decision.switch_cost else ""
    interval = f" (measured: {between}" if between else ""
    return f"about {amount} {over(decision.horizon)}{cost}{interval}."


def first_cause(decision: Decision) -> str:
    """Return the reason of the headline; of what is INVALID the first of several causes alone."""
    words = headline(decision).partition(": ")[2]
    found = next(iter(decision.main_reasons), None)
    if found is None or decision.verdict is not Verdict.INVALID or later_tick(found):
        return words
    lead, first = words.partition(": ")[0], clean(found.reason)
    cause, _, rest = first.partition("; ")
    more = " (and more)" if rest or len(decision.failed) > 1 else ""
    return ended(f"{lead}: {shorten(cause.rstrip(' .'), MOST_CAUSE)}{more}")


def run_name(decision: Decision) -> str:
    """Return what a run is called beside its moment: the verdict, and what it is worth."""
    gain = decision.gain
    if gain is None or decision.verdict is Verdict.INVALID:
        return decision.verdict.value
    much = money(decision.money, decision.unit, sign=True)
    return f"{decision.verdict}, {much} {over(decision.horizon)}"


def lead(decision: Decision) -> str:
    """Say the verdict with its reason, and what it is worth."""
    much = money_sentence(decision)
    return f"{headline(decision)} {much[:1].upper()}{much[1:]}".strip()


def in_short(decision: Decision, check: Check) -> str:
    """Return the reason of a failed check with the digits that it is worth."""
    gain = decision.gain
    if gain is None or check.name not in _SHORT:
        return clean(check.reason)
    known = finite(check.value)
    digits = gain_places(gain)
    needed = number(gain.threshold)
    much = f"{number(known, digits)} {clean(decision.unit)} a decision"
    if check.name == "gain_probable":
        return sure(decision)
    if check.name == "worth_the_switch":
        price = f"{total(decision.switch_cost)} {clean(decision.unit)}"
        pays = f"does not pay for the switch, which costs {price}"
        return f"what is booked {pays if decision.switch_cost else 'is no gain'}"
    if known is None:
        return clean(check.reason)
    end = "at best" if check.name == "gain_possible" else "at worst"
    return f"{end} {much}; more than {needed} is needed"


def _failed(decision: Decision, check: Check, width: int) -> str:
    head = f"  FAIL  {check.rule}  {clean(check.name).replace('_', ' '):<{NAME}} "
    once = decision.gain is None or decision.verdict is Verdict.INVALID
    said = once and clean(check.reason).rstrip(" .") in headline(decision)
    return _wrapped(
        f"{head}{'as said above' if said else in_short(decision, check)}", width, NAME + 13
    )


def counted(decision: Decision, more: str) -> str:
    """Count the checks that passed, and those that were not made; empty where there are none."""
    passed = sum(check.passed is True for check in decision.checks)
    advisory = sum(map(is_unlinked, decision.checks))
    left = sum(check.passed is None for check in decision.checks) - advisory
    others = " other" if decision.failed else " check"
    told = [f"{passed}{others}{'' if passed == 1 else 's'} passed"] if passed else []
    told += [f"{left} {'was' if left == 1 else 'were'} not made"] if left else []
    told += [f"{advisory} is advisory"] if advisory else []
    return f"{'; '.join(told)} ({more})." if told else ""


def _wrapped(text: str, width: int, hanging: int = 0) -> str:
    hanging = hanging if width >= 2 * hanging else 4
    lines = wrap(text, width, subsequent_indent=" " * hanging, break_on_hyphens=False)
    return "\n".join(lines)


def sure(decision: Decision) -> str:
    """Say how sure the gain is, and how sure it must be."""
    gain = decision.gain
    if gain is None:
        return ""
    bound = decision.confidence
    chance = share(min(max(gain.p_above_threshold, 1e-9), 1 - 1e-9), beside=bound)  # of resamples
    least = f"{number(gain.threshold)} {clean(decision.unit)}"
    return f"{chance} sure of more than {least} a decision; {share(bound)} is needed"


_SHORT = ("gain_possible", "gain_probable", "gain_lower_bound", "worth_the_switch")
