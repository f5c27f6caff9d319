"""From the model's metric over what people count to the KPI: one language, candidate and champion.

A metric that rises while the KPI falls is told as what it is: a trap.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Literal

from kpi_gate.decision.paired_rows import SIDES
from kpi_gate.decision.verdict import Decision, GainSummary
from kpi_gate.text import clean, finite, mapping, number, places, total

PER = 10_000  # decisions that a business proxy is told per
# known metrics: how they are written, and which way is better
METRICS = {"auc": "AUC ↑", "average_precision": "average precision ↑", "brier": "Brier ↓"}
METRICS |= {"log_loss": "log loss ↓", "calibration_error": "calibration error ↓"}
STEADY = 5e-4  # a change of AUC below it is none
NUMBERS = ("champion", "candidate", "change", "lower", "upper")
Station = Literal["ML metric", "business proxy", "value", "KPI", "money"]


@dataclass(frozen=True)
class Step:
    """One row of the translation table.

    Attributes:
        station: How far it is on the way from the model to the money.
        name: What is counted, with its unit.
        champion: Number of the champion; None where it is not known.
        candidate: Number of the candidate.
        change: Candidate minus champion.
        lower: One-sided lower bound of the change; None where there is none.
        upper: One-sided upper bound of the change.
    """

    station: Station
    name: str
    champion: float | None
    candidate: float | None
    change: float | None
    lower: float | None = None
    upper: float | None = None


def steps(decision: Decision) -> tuple[Step, ...]:
    """Translate a decision, step by step; empty where no gain was measured."""
    if decision.gain is None:
        return ()
    values = _values(decision, decision.gain)
    return (*_metrics(decision), *_proxies(decision), *values, *_money(decision, values[-1]))


def _metrics(decision: Decision) -> Iterator[Step]:
    metrics = mapping(decision.notes.get("metrics"))
    old, new = (mapping(metrics.get(side)) for side in SIDES)
    for name in dict.fromkeys([*old, *new]):
        before, after = finite(old.get(name)), finite(new.get(name))
        change = None if before is None or after is None else after - before
        yield Step("ML metric", METRICS.get(name, clean(name)), before, after, change)


def _proxies(decision: Decision) -> Iterator[Step]:
    for name, given in mapping(decision.notes.get("proxies")).items():
        numbers = (finite(mapping(given).get(key)) for key in NUMBERS)
        each = Step("business proxy", "", *numbers)
        yield _times(each, PER, "business proxy", f"{clean(name)} per {PER:,}")


def _values(decision: Decision, gain: GainSummary) -> tuple[Step, Step]:
    unit, bounds = clean(decision.unit), (finite(gain.lower), finite(gain.upper))
    each = Step("value", f"{unit} per decision", *per_decision(decision), gain.estimate, *bounds)
    over = f"{clean(decision.kpi).replace('_', ' ')}, {unit} {clean(decision.horizon)}"
    return each, _times(each, decision.horizon_decisions, "KPI", over)


def per_decision(decision: Decision) -> tuple[float | None, float | None]:
    """Return the value per decision of (champion, candidate), where the parts are known."""
    champion, candidate = (
        finite(sum(decision.parts[side].values())) if decision.parts.get(side) else None
        for side in SIDES
    )
    return champion, candidate


def _money(decision: Decision, kpi: Step) -> Iterator[Step]:
    """Yield what a KPI that is no money is worth, where experiments have shown it."""
    weight = mapping(decision.notes.get("money_weight"))
    if weight and not unlinked(decision):
        factor = prod(finite(mapping(one).get("base", one)) or 0.0 for one in weight.values())
        yield _times(kpi, factor, "money", f"money {clean(decision.horizon)}")


def unlinked(decision: Decision) -> list[str]:
    """Name the money weights that no experiment has shown yet."""
    weight = mapping(decision.notes.get("money_weight"))
    return [clean(name) for name, given in weight.items() if given == "unlinked"]


def sentence(decision: Decision) -> str:
    """Say the translation in a line, such as `AUC +0.012 -> +3.1 frauds stopped per 10,000 -> ...`.

    Empty where no gain was measured.
    """
    found = steps(decision)
    words = []
    for station in ("ML metric", "business proxy", "KPI", "money"):
        told = [step for step in found if step.station == station and step.change is not None]
        if told:
            words.append(_told(told[0], decision))
    missing = unlinked(decision)
    if words and missing:
        words.append(f"money: unlinked, no experiment has shown {' or '.join(missing)} yet")
    return " → ".join(words)


def _told(step: Step, decision: Decision) -> str:
    change = step.change
    if step.station == "ML metric":
        return f"{step.name.rstrip(' ↑↓')} {number(change, 3, sign=True)}"
    if step.station == "business proxy":
        return f"{number(change, places(change, 2), sign=True)} {step.name}"
    unit = clean(decision.unit) if step.station == "KPI" else "money"
    bounds = ""
    if step.lower is not None and step.upper is not None:
        bounds = f" ({total(step.lower)} to {total(step.upper)})"
    return f"{unit} {total(change, sign=True)} {clean(decision.horizon)}{bounds}"


def traps(decision: Decision) -> list[str]:
    """Say where the metric and the money part ways."""
    gain, unit = decision.gain, clean(decision.unit)
    if gain is None:
        return []
    told = []
    metrics = mapping(decision.notes.get("metrics"))
    old, new = (finite(mapping(metrics.get(side)).get("auc")) for side in SIDES)
    if old is not None and new is not None:
        rise, same = new - old, abs(new - old) <= STEADY
        words = f"AUC {number(rise, 4, sign=True)}, {number(gain.estimate, sign=True)} {unit} per "
        if rise > STEADY and gain.estimate < 0:
            told.append(f"AUC up, money down: {words}decision. The metric alone would promote it.")
        elif rise < -STEADY and gain.estimate > 0:
            told.append(f"AUC down, money up: {words}decision. The metric alone would refuse it.")
        elif same and (gain.lower or 0) > 0:
            told.append(f"AUC equal, money up: {words}decision. The metric sees no difference.")
        elif same and (gain.upper or 0) < 0:
            told.append(f"AUC equal, money down: {words}decision. The metric sees no difference.")
    off = mapping(decision.notes.get("miscalibrated"))
    change, factor = finite(off.get("change")), finite(off.get("factor"))
    if change is not None and factor is not None and change < 0:
        told.append(
            f"Equal AUC, less money: with the odds of its scores times {number(factor)} this very "
            f"candidate would rank alike and lose {number(-change)} {unit} per decision."
        )
    return told


def _times(step: Step, factor: float, station: Station, name: str) -> Step:
    numbers = (getattr(step, key) for key in NUMBERS)
    return Step(station, name, *(None if v is None else v * factor for v in numbers))
