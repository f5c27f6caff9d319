"""Sections of the decision page to look things up in: slices, calibration, variants, lineage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kpi_gate.report.charts import axis_over, calibration_figure, digits, slice_mark
from kpi_gate.report.document import cells, section, text
from kpi_gate.text import UNKNOWN, clean, finite, mapping, number, percent, places, sequence

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from kpi_gate.decision.evidence import Contender
    from kpi_gate.decision.verdict import Decision, SliceGain

MOST_LEVELS = 30
MOST_VARIANTS = 20


def _margin(decision: Decision, column: str) -> float | None:
    """Return the money that a level of the column may lose, as its check knows it."""
    bounds = [check.bound for check in decision.checks if check.name == f"slice {column}"]
    return finite(bounds[0]) if bounds else None


def slices(decision: Decision) -> str:
    """List the gain of every level, those that are tested and worst first."""

    def worst_first(gain: SliceGain) -> tuple[str, bool, float]:
        return gain.column, not gain.tested, gain.estimate if gain.lower is None else gain.lower

    ranked = sorted(decision.slices, key=worst_first)
    shown = ranked[:MOST_LEVELS]
    margins = {gain.column: _margin(decision, gain.column) for gain in shown}
    ends = [v for gain in shown for v in (gain.estimate, gain.lower)]
    axis = axis_over([0.0, *ends, *margins.values()], 6, 214, pad=0.02)
    if axis is None or not shown:
        return ""
    decimals = places(max(abs(axis.low), abs(axis.high)), 3)
    rows = [
        f"<tr><td>{_level(gain)}</td>"
        f'<td class="n">{number(gain.rows, 0)}</td><td class="n">{number(gain.events, 0)}</td>'
        f'<td class="n">{digits(gain.estimate, decimals, sign=True)}</td>'
        f'<td class="n">{digits(gain.lower, decimals, sign=True)}</td>'
        f"<td>{slice_mark(gain.estimate, finite(gain.lower), margins[gain.column], axis)}</td>"
        f"<td>{'tested' if gain.tested else 'listed only'}</td></tr>"
        for gain in shown
    ]
    left = len(ranked) - len(shown)
    more = f'<p class="note">{left} further levels are not shown.</p>' if left else ""
    head = cells("slice", "rows", "differing", "gain", "lower bound", kind="th")
    body = f"<table><tr>{head}<th></th><th></th></tr>{''.join(rows)}</table>{more}"
    note = f"{clean(decision.unit)} per decision; dashed: zero, solid: what a level may lose"
    return section("Slices", body, note)


def _level(gain: SliceGain) -> str:
    # a level that is missing in the data reaches us as the word that Python writes for nothing
    level = "(missing)" if gain.level in ("None", "nan", "<NA>") else gain.level
    return f"{text(gain.column)} = {text(level)}"


def _points(value: object) -> list[tuple[float, float]]:
    """Return the (probability, outcome) pairs of one side; broken ones are left out."""
    points = []
    for triple in map(sequence, sequence(value)):
        p, y = (finite(v) for v in (*triple[:2], None, None)[:2])
        if p is not None and y is not None:
            points.append((p, y))
    return points


def calibration(decision: Decision) -> str:
    """Draw how far predicted probabilities are what happened."""
    given = mapping(decision.notes.get("calibration"))
    sides = {side: _points(given.get(side)) for side in ("champion", "candidate")}
    figure = calibration_figure({side: points for side, points in sides.items() if points})
    keys = "".join(f'<span class="key {s}"></span>{s} ' for s, points in sides.items() if points)
    body = f'{figure}<p class="note">{keys}· dotted: what is said happens</p>' if figure else ""
    return section("Calibration", body, "mean outcome by tenth of the rows")


def variants(decision: Decision) -> str:
    """List the variants that were considered on the tune window, the chosen one marked."""
    listed = [mapping(v) for v in sequence(decision.notes.get("variants"))][:MOST_VARIANTS]
    if not listed:
        return ""
    chosen, rows = decision.notes.get("chosen"), []
    for variant in listed:
        name = variant.get("name")
        mark = chosen is not None and name == chosen
        shown = [
            "–" if finite(variant.get(key)) is None else digits(variant.get(key), decimals)
            for key, decimals in (("rows", 0), ("value", 3), ("auc", 3), ("brier", 4))
        ]
        words = f"{'' if name is None else text(name)}{' ✓' if mark else ''}"
        rows.append(f'<tr class="{"sum" if mark else ""}">{cells(words, *shown)}</tr>')
    unit = text(decision.unit)
    head = cells("variant", "rows", f"{unit} / decision", "AUC", "Brier", kind="th")
    body = f"<table><tr>{head}</tr>{''.join(rows)}</table>"
    return section("Variants considered", body, "✓ chosen, on the tune window")


def _day(moment: datetime | None) -> str:
    return "–" if moment is None else f"{moment:%Y-%m-%d}"


def _contender(side: Contender) -> str:
    """Describe one side: name, what it has seen, digest."""
    words = f"{side.name} ({side.digest[:12]})"
    if not side.is_baseline:
        words += f"; trained until {_day(side.trained_until)}, tuned until {_day(side.tuned_until)}"
    if side.promoted_on is not None:
        words += f", promoted on evidence until {_day(side.promoted_on)}"
    return words


def _origin(decision: Decision) -> Iterator[tuple[str, str]]:
    """Yield (what, value) of the lineage."""
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


def lineage(decision: Decision) -> str:
    """List where the numbers come from; dates are UTC."""
    rows = "".join(f"<tr><th>{text(k)}</th><td>{text(v)}</td></tr>" for k, v in _origin(decision))
    return section("Lineage", f'<table class="origin">{rows}</table>', "dates are UTC")


def limits(decision: Decision) -> str:
    """List what the decision does not tell."""
    words = sequence(decision.notes.get("limits"))
    items = "".join(f"<li>{text(word)}</li>" for word in words if word is not None)
    return section("What this does not tell", f"<ul>{items}</ul>" if items else "")
