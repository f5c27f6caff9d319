"""What the sections of the decision page list, as values that its template shows."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Any

from kpi_gate.decision import metric_chain
from kpi_gate.decision.evidence import Contender
from kpi_gate.decision.paired_rows import ROUNDING, SIDES
from kpi_gate.decision.verdict import Decision, SliceGain
from kpi_gate.report.decision_charts import Points, pair_bars, slice_mark
from kpi_gate.report.decision_wording import rival_in_short
from kpi_gate.report.html import digits, or_dash
from kpi_gate.report.svg import axis_over
from kpi_gate.text import UNKNOWN, finite, mapping, number, percent, places, sequence

MOST_LEVELS = 30
MOST_VARIANTS = 20
VARIANT_NUMBERS = ("rows", "value", "auc", "brier")


def step_places(step: metric_chain.Step) -> int:
    """Return the decimals that a row of the table from the metric to the money shows."""
    known = [v for v in (step.champion, step.candidate, step.change) if v is not None]
    size = max(map(abs, known), default=0.0)
    return 0 if step.station in ("KPI", "money") and size >= 100 else places(size)


def parts(decision: Decision) -> Iterator[dict[str, Any]]:
    """Yield the parts of the money of both sides, with bars, and their sum."""
    champion, candidate = (decision.parts.get(side, {}) for side in SIDES)
    names = list(dict.fromkeys([*champion, *candidate]))
    axis = axis_over([0.0, *champion.values(), *candidate.values()], pad=0.0)
    if axis is None:
        return
    decimals = places(max(abs(axis.low), abs(axis.high)))
    for name in names:
        old, new = finite(champion.get(name)), finite(candidate.get(name))
        bars = pair_bars(old, new, axis)
        yield {"name": name, "is_sum": False, "bars": bars, **_both(old, new, decimals)}
    if len(names) > 1:
        sums = metric_chain.per_decision(decision)
        yield {"name": "sum", "is_sum": True, "bars": "", **_both(*sums, decimals)}


def _both(old: float | None, new: float | None, decimals: int) -> dict[str, str]:
    """Write champion, candidate and their difference."""
    change = ""
    if old is not None and new is not None:
        moved = new - old if abs(new - old) > ROUNDING * max(abs(old), abs(new)) else 0.0
        change = digits(moved, decimals, sign=True)
    sides = {"champion": or_dash(old, decimals), "candidate": or_dash(new, decimals)}
    return {**sides, "change": change}


def slices(decision: Decision) -> list[tuple[SliceGain, int, str]]:
    """Return the gain of every level, tested and worst first, with its decimals, and drawn."""

    def worst_first(gain: SliceGain) -> tuple[str, bool, float]:
        return gain.column, not gain.tested, gain.estimate if gain.lower is None else gain.lower

    shown = sorted(decision.slices, key=worst_first)[:MOST_LEVELS]
    bounds = {check.name: finite(check.bound) for check in reversed(decision.checks)}
    margins = {gain.column: bounds.get(f"slice {gain.column}") for gain in shown}
    ends = [v for gain in shown for v in (gain.estimate, gain.lower)]
    axis = axis_over([0.0, *ends, *margins.values()])
    if axis is None:
        return []
    decimals = places(max(abs(axis.low), abs(axis.high)), 3)
    mark = partial(slice_mark, axis=axis)
    return [
        (gain, decimals, mark(gain.estimate, finite(gain.lower), margins[gain.column]))
        for gain in shown
    ]


def calibration(decision: Decision) -> dict[str, Points]:
    """Return the (probability, outcome) pairs by side; what is broken is left out."""
    given = mapping(decision.notes.get("calibration"))
    sides: dict[str, Points] = {}
    for side in SIDES:
        triples = [sequence(one)[:2] for one in sequence(given.get(side))]
        pairs = [(finite(one[0]), finite(one[1])) for one in triples if len(one) == 2]
        points = [(p, y) for p, y in pairs if p is not None and y is not None]
        if points:
            sides[side] = points
    return sides


def variants(decision: Decision) -> list[dict[str, Any]]:
    """Return the variants that were considered on the tune window."""
    listed = [mapping(v) for v in sequence(decision.notes.get("variants"))][:MOST_VARIANTS]
    chosen = decision.notes.get("chosen")
    return [
        {
            "name": "" if one.get("name") is None else one["name"],
            "chosen": chosen is not None and one.get("name") == chosen,
            **{name: finite(one.get(name)) for name in VARIANT_NUMBERS},
        }
        for one in listed
    ]


def origin(decision: Decision) -> Iterator[tuple[str, str]]:
    """Yield (what, value) of where the numbers come from."""
    lineage = decision.lineage
    if lineage is not None:
        window = lineage.window
        yield "use case", lineage.use_case
        yield "as of", f"{lineage.as_of:%Y-%m-%d %H:%M} UTC"
        yield "snapshot", f"{lineage.snapshot} ({number(lineage.snapshot_rows, 0)} rows)"
        yield (
            "gate window",
            f"{_day(window.start)} until {_day(window.end)}, {window.days:.0f} days",
        )
        yield "outcomes known", percent(lineage.matured)
        yield rival_in_short(decision), _contender(lineage.champion)
        yield "candidate", _contender(lineage.candidate)
        yield "gate rows", lineage.row_fingerprint or UNKNOWN
    else:
        for what in ("use_case", "as_of", "snapshot"):
            if decision.notes.get(what):
                yield what.replace("_", " "), str(decision.notes[what])
    found = decision.gain
    if found is not None:
        compared = f"{number(found.rows, 0)} of {number(found.units, 0)} units"
        yield "decisions", f"{compared}, {percent(found.changed)} differ in value"
    yield "decision id", decision.decision_id


def _contender(side: Contender) -> str:
    """Describe one side: name, digest, what it has seen."""
    words = f"{side.name} ({side.digest[:12]})"
    if not side.is_baseline:
        words += f"; trained until {_day(side.trained_until)}, tuned until {_day(side.tuned_until)}"
    if side.promoted_on is not None:
        words += f", promoted on evidence until {_day(side.promoted_on)}"
    return words


def _day(moment: datetime | None) -> str:
    return "–" if moment is None else f"{moment:%Y-%m-%d}"
