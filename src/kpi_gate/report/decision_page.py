"""A decision as one self-contained HTML page: the review surface in MLflow, and on paper."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Any

from kpi_gate.decision import metric_chain
from kpi_gate.decision.evidence import Contender
from kpi_gate.decision.paired_rows import ROUNDING, SIDES
from kpi_gate.decision.verdict import Decision, SliceGain
from kpi_gate.report.decision_charts import (
    Estimate,
    Points,
    calibration_figure,
    gain_figure,
    pair_bars,
    slice_mark,
    tornado,
)
from kpi_gate.report.decision_wording import (
    RULES,
    booked,
    earns,
    gain_places,
    gap,
    in_words,
    looked,
    nearest,
    need,
    rival,
    waiting,
    why,
)
from kpi_gate.report.html import TONES, digits, fill, or_dash
from kpi_gate.report.labels_section import labels_section
from kpi_gate.report.svg import axis_over
from kpi_gate.text import (
    UNKNOWN,
    clean,
    finite,
    mapping,
    number,
    percent,
    places,
    sequence,
    total,
)

MOST_CORNERS = 10
MOST_LEVELS = 30
MOST_VARIANTS = 20
VARIANT_NUMBERS = ("rows", "value", "auc", "brier")


def page(decision: Decision) -> str:
    """Render the decision as one HTML page without script or outside resource."""
    window = decision.lineage and decision.lineage.window
    sides = _calibration(decision)
    return fill(
        "decision.html",
        **head_values(decision),
        in_words=in_words,
        dearest_switch=_dearest_switch(decision),
        nearest=nearest(decision),
        outlook=[say(decision) for say in (gap, need, waiting, looked)],
        tornado=_tornado(decision),
        chain=metric_chain,
        steps=metric_chain.steps(decision),
        step_places=_step_places,
        money=total(decision.money, sign=True),
        parts=list(_parts(decision)),
        silent=[rule for rule in RULES if all(check.rule != rule for check in decision.checks)],
        slices=_slices(decision),
        calibration=calibration_figure(sides),
        calibrated=sides,
        variants=_variants(decision),
        labels=labels_section(
            decision.notes.get("maturity"),
            f"; the gate window ends {window.end:%Y-%m-%d}" if window else "",
        ),
        limits=sequence(decision.notes.get("limits")),
        origin=_origin(decision),
    )


def head_values(decision: Decision) -> dict[str, Any]:
    """Return what `decision_head.html` shows."""
    as_of = str(decision.notes.get("as_of") or "")[:10]
    use_case = ""
    if decision.lineage is not None:
        as_of, use_case = f"{decision.lineage.as_of:%Y-%m-%d}", decision.lineage.use_case
    figure, note = _gain(decision)
    return {
        "d": decision,
        "tones": TONES,
        # the use case's own words where there are some
        "title": clean(decision.notes.get("title") or "") or clean(use_case) or decision.kpi,
        "as_of": as_of,
        "rival": rival(decision),
        "measured": f"{_first_letter_up(earns(decision))}; {booked(decision)}.",
        "why": _first_letter_up(why(decision)),
        "rules": [(rule, meaning, *_ended(decision, rule)) for rule, meaning in RULES.items()],
        "gain_figure": figure,
        "gain_note": note,
    }


def _first_letter_up(words: str) -> str:
    return words[:1].upper() + words[1:]


def _ended(decision: Decision, rule: str) -> tuple[str, str]:
    """Return the mark and the style of a rule."""
    states = {check.state for check in decision.checks if check.rule == rule}
    return ("✗", "bad") if "failed" in states else ("✓", "ok") if "ok" in states else ("–", "")


def _gain(decision: Decision) -> tuple[str, str]:
    """Return the gain drawn against its threshold, and how to read it."""
    found = decision.gain
    if found is None:
        return "", ""
    rows = [
        Estimate("measured", found.estimate, found.lower, found.upper),
        Estimate("after shrinkage", found.shrunk, booked=True),
    ]
    if found.uncapped is not None and finite(found.uncapped) is not None:
        rows.append(Estimate("caps lifted", found.uncapped))
    unit = clean(decision.unit)
    interval = f"one-sided bounds at {percent(decision.confidence)} each"
    if found.lower is None:
        interval = "one unit alone has no interval"
    note = f"candidate minus {rival(decision)}, {unit} per decision; {interval}"
    return gain_figure(rows, found.threshold, unit, gain_places(found, 3)), note


def _dearest_switch(decision: Decision) -> str:
    """Return the switch cost from which on there would be no release."""
    found = decision.gain
    if found is None:
        return ""
    # a dearer switch also raises the threshold that the lower bound must exceed
    least = min(v for v in (found.shrunk, finite(found.lower)) if v is not None)
    return total(least * decision.horizon_decisions)


def _tornado(decision: Decision) -> str:
    """Draw what moves the gain most; empty where nothing is known."""
    found = decision.gain
    known = [
        (clean(name).replace("_", " "), ends)
        for name, ends in decision.corners.items()
        if None not in map(finite, ends)
    ]
    if found is None or finite(found.estimate) is None or not known:
        return ""
    strongest = sorted(known, key=lambda item: -abs(item[1][1] - item[1][0]))[:MOST_CORNERS]
    return tornado(dict(strongest), found.estimate, found.threshold, gain_places(found, 3))


def _step_places(step: metric_chain.Step) -> int:
    known = [v for v in (step.champion, step.candidate, step.change) if v is not None]
    size = max(map(abs, known), default=0.0)
    return 0 if step.station in ("KPI", "money") and size >= 100 else places(size)


def _parts(decision: Decision) -> Iterator[dict[str, Any]]:
    """Yield the parts of the money of both sides, with bars, and their sum."""
    champion, candidate = (decision.parts.get(side, {}) for side in SIDES)
    names = list(dict.fromkeys([*champion, *candidate]))
    axis = axis_over([0.0, *champion.values(), *candidate.values()], 4, 330, pad=0.0)
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


def _slices(decision: Decision) -> list[tuple[SliceGain, int, str]]:
    """Return the gain of every level, tested and worst first, with its decimals, and drawn."""

    def worst_first(gain: SliceGain) -> tuple[str, bool, float]:
        return gain.column, not gain.tested, gain.estimate if gain.lower is None else gain.lower

    shown = sorted(decision.slices, key=worst_first)[:MOST_LEVELS]
    bounds = {check.name: finite(check.bound) for check in reversed(decision.checks)}
    margins = {gain.column: bounds.get(f"slice {gain.column}") for gain in shown}
    ends = [v for gain in shown for v in (gain.estimate, gain.lower)]
    axis = axis_over([0.0, *ends, *margins.values()], 6, 214, pad=0.02)
    if axis is None:
        return []
    decimals = places(max(abs(axis.low), abs(axis.high)), 3)
    mark = partial(slice_mark, axis=axis)
    return [
        (gain, decimals, mark(gain.estimate, finite(gain.lower), margins[gain.column]))
        for gain in shown
    ]


def _calibration(decision: Decision) -> dict[str, Points]:
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


def _variants(decision: Decision) -> list[dict[str, Any]]:
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


def _origin(decision: Decision) -> Iterator[tuple[str, str]]:
    """Yield (what, value) of where the numbers come from."""
    lineage = decision.lineage
    if lineage is not None:
        window = lineage.window
        yield "use case", lineage.use_case
        yield "as of", f"{lineage.as_of:%Y-%m-%d %H:%M} UTC"
        yield "snapshot", f"{lineage.snapshot} ({number(lineage.snapshot_rows, 0)} rows)"
        yield "gate window", f"{window}, {window.days:.0f} days"
        yield "outcomes known", percent(lineage.matured)
        yield "champion", _contender(lineage.champion)
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
