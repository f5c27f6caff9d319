"""V3 as it is shown: a link that no release has shown yet is advisory, and has not passed."""

from pydantic import ValidationError

from kpi_gate.decision.link_answer import LINK, LinkAnswer
from kpi_gate.decision.verdict import Check, Decision
from kpi_gate.report.numbers import share
from kpi_gate.text import clean, number

UNLINKED = "not linked yet (advisory)"
NO_HISTORY = "no (offline, online) history yet; offline money may promote"


def as_shown(decision: Decision) -> Decision:
    """Return the decision with a link that has no history as left open; its verdict stays."""
    checks = tuple(_open(check) if _is_silent(check) else check for check in decision.checks)
    return decision if checks == decision.checks else decision.model_copy(update={"checks": checks})


def is_unlinked(check: Check) -> bool:
    """Whether a check, as it is shown, is of a link that nothing has shown yet."""
    return check.rule == "V3" and check.passed is None and check.value is None


def _is_silent(check: Check) -> bool:
    """Whether V3 let pass without a probability: there was no release to learn one from."""
    return check.rule == "V3" and check.passed is True and check.value is None


def _open(check: Check) -> Check:
    return check.model_copy(update={"passed": None, "reason": f"{UNLINKED}: {NO_HISTORY}"})


def answer_of(decision: Decision) -> LinkAnswer | None:
    """Return what the link said of the candidate; None where it was not asked."""
    try:
        return LinkAnswer.model_validate(decision.notes.get(LINK))
    except ValidationError:  # notes are free-form
        return None


def link_sentence(decision: Decision) -> str:
    """Say what the link said in a sentence; empty where V3 failed and says so, or was not asked."""
    found = answer_of(decision)
    if found is None or any(check.rule == "V3" for check in decision.failed):
        return ""
    unit, target = clean(decision.unit), found.target
    above = f" by more than {number(target)} {unit} a decision" if target else ""
    needed = "no offline gain suffices yet"
    if found.required_gain is not None:
        needed = f"a gain of {number(found.required_gain, sign=True)} {unit} suffices"
    count = f"{found.releases} release{'s' * (found.releases != 1)}"
    return (
        f"the KPI rises{above} with {share(found.probability)}; for {share(found.confidence)} "
        f"{needed}; from {count}, {found.randomised} of them by an experiment."
    )


def link_lines(decision: Decision) -> list[tuple[str, str]]:
    """Return (what, how much) of what the link said; none where it was not asked."""
    found = answer_of(decision)
    if found is None:
        return []
    unit = clean(decision.unit)
    count = f"{found.releases} measured online, {found.randomised} of them by an experiment"
    needed = "no offline gain suffices yet"
    if found.required_gain is not None:
        needed = f"{number(found.required_gain, sign=True)} {unit} a decision offline"
    mean, low, high = (number(round(end, 2)) for end in found.prior_slope)
    return [
        (
            "chance of a KPI lift",
            f"{share(found.probability)} above {number(found.target)} {unit} a decision; "
            f"{share(found.confidence)} is asked for",
        ),
        ("it needs", needed),
        ("releases", count),
        ("experience", clean(found.sentence)),
        ("believed before", f"{mean} {unit} online (90 %: {low} to {high})"),
        *(("left out", clean(one)) for one in found.left_out),
    ]
