"""What an experiment came to, in words: for the page, the terminal and the ledger's readers."""

from datetime import datetime

from kpi_gate.experiment.plan import Plan
from kpi_gate.experiment.result import Analysis, Effect, ExperimentVerdict, Fault
from kpi_gate.report.html import moment
from kpi_gate.report.numbers import money_range, over
from kpi_gate.text import clean, ended, number, places, total

MEANS = {
    ExperimentVerdict.SHIP: "the treatment earns more",
    ExperimentVerdict.KEEP: "the control stays",
    ExperimentVerdict.INCONCLUSIVE: "it ended without an answer",
    ExperimentVerdict.INVALID: "nothing may be concluded from this log",
    ExperimentVerdict.RUNNING: "it has no answer yet",
}
TONES = {
    ExperimentVerdict.SHIP: "blue",
    ExperimentVerdict.KEEP: "amber",
    ExperimentVerdict.INCONCLUSIVE: "amber",
    ExperimentVerdict.INVALID: "violet",
    ExperimentVerdict.RUNNING: "blue",
}


def sentence(found: Analysis) -> str:
    """Say what came of an experiment, in one sentence."""
    words = f"{found.verdict.value.upper()}: {MEANS[found.verdict]}"
    why = clean(found.because)
    if found.effect is not None and found.verdict is not ExperimentVerdict.INVALID:
        words += f", {worth(found)}"
    faded = [clean(fault.reason) for fault in found.faults if fault.severity == "warning"]
    return ended("; ".join(filter(None, (words, why, *faded[:1]))))


def worth(found: Analysis) -> str:
    """Say the effect over the horizon with its interval, such as `+12,000 EUR (3,000 to 21,000)`.

    Empty where no effect was measured.
    """
    if found.money is None:
        return ""
    estimate, lower, upper = found.money
    much = money_range(estimate, lower, upper, found.plan.unit, sign=True)
    return f"about {much} {over(found.plan.horizon)}"


def effect_in_words(effect: Effect | None, unit: str) -> str:
    """Say an effect per decision with its interval; a dash where there is none."""
    if effect is None:
        return "–"
    digits = places(max(effect.standard_error, abs(effect.estimate) / 100), 2)
    ends = f"{number(effect.lower, digits)} to {number(effect.upper, digits)}"
    return f"{number(effect.estimate, digits, sign=True)} {clean(unit)} ({ends})"


def next_step(found: Analysis) -> str:
    """Say what a person does now."""
    case = clean(found.plan.use_case)
    if found.verdict is ExperimentVerdict.RUNNING:
        when = (
            f" The next look can be read on {moment(found.next_look)}." if found.next_look else ""
        )
        return f"Nothing: it goes on, and what is looked at in between decides nothing.{when}"
    if found.verdict is ExperimentVerdict.SHIP:
        return (
            f"Put it into use: kpi-gate promote {case}; kpi-gate link {case} says what it taught."
        )
    if found.verdict is ExperimentVerdict.INVALID:
        return (
            "Put right what is wrong with the log; if the split was wrong, begin a new experiment."
        )
    if found.verdict is ExperimentVerdict.KEEP:
        return f"Leave the control in use; kpi-gate link {case} says what gain the next one needs."
    return (
        "Leave the control in use, or plan a larger experiment; the effect counts in the link "
        f"all the same: kpi-gate link {case}."
    )


def schedule_in_words(plan: Plan, started: datetime | None = None) -> str:
    """Say how long an experiment takes, and until when."""
    weeks = f"{plan.weeks} week{'' if plan.weeks == 1 else 's'}"
    delay = plan.label_delay_days
    wait = (
        f" and {number(delay, 1 if delay % 1 else 0)} days until outcomes are known"
        if delay
        else ""
    )
    until = f", until {plan.readable_times(started)[-1]:%Y-%m-%d}" if started else ""
    return f"{weeks} of exposures{wait}{until}"


def size_in_words(plan: Plan) -> str:
    """Say how many units an arm needs, and for what."""
    return (
        f"{total(plan.units_per_arm)} units in the smaller arm show an effect of "
        f"{number(plan.minimum_effect)} {clean(plan.unit)} a decision with {plan.power:.0%} power"
    )


def fault_in_words(fault: Fault) -> str:
    """Say what was found, with its number and bound where there are any."""
    words = clean(fault.reason)
    if fault.value is None or fault.bound is None:
        return words
    return f"{words} ({number(fault.value)}, bound {number(fault.bound)})"
