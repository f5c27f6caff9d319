"""Section of the decision page on labels: at which age outcomes become known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kpi_gate.report.charts import Axis, axis_over, label, line, svg
from kpi_gate.report.document import section, text
from kpi_gate.text import finite, mapping, percent, sequence

if TYPE_CHECKING:
    from kpi_gate.decision.verdict import Decision

SHOWN_SHARES = (0.0, 0.5, 0.95)
Curve = list[tuple[float, float]]
CURVES = (("curve", "champion"), ("recent", "candidate"))  # grey and dashed, blue


def render(decision: Decision) -> str:
    """Say how labels mature and where the gate window ends for it, and draw both curves."""
    end = decision.lineage and f"; the gate window ends {decision.lineage.window.end:%Y-%m-%d}"
    return labels_section(decision.notes.get("maturity"), end or "")


def labels_section(note: object, more: str = "") -> str:
    """Say how labels mature, and draw both curves; empty where nothing is known.

    Args:
        note: What `Maturity.note` gave.
        more: What follows the sentence.
    """
    told = mapping(note)
    sentence = told.get("sentence")
    if not sentence:
        return ""
    words = f"{sentence}{more}"
    days = finite(told.get("recent_days"))
    recent = "recent events" if days is None else f"events of the last {days:g} days"
    keys = (
        '<span class="key champion"></span>all events (dashed) '
        f'<span class="key candidate"></span>{recent}'
    )
    figure = _figure({style: _points(told.get(name)) for name, style in CURVES})
    body = f"<p>{text(words)}.</p>" + (f'{figure}<p class="note">{keys}</p>' if figure else "")
    return section("Labels", body, "share of the outcomes that is known, by days since the event")


def _points(value: object) -> Curve:
    """Return the (days, share) pairs of a curve; broken ones are left out."""
    curve = mapping(value)
    ages, shares = sequence(curve.get("ages_days")), sequence(curve.get("shares"))
    pairs = [(finite(age), finite(share)) for age, share in zip(ages, shares, strict=False)]
    return [(age, share) for age, share in pairs if age is not None and share is not None]


def _figure(curves: dict[str, Curve]) -> str:
    """Draw the curves as steps: an outcome is unknown until its moment."""
    across = axis_over([0.0, *(age for curve in curves.values() for age, _ in curve)], 44, 600, 0.0)
    if across is None or not any(curves.values()):
        return ""
    top, bottom = 8.0, 108.0
    up = Axis(0.0, 1.0, bottom, top)
    marks = [line(across.left, up.at(v), across.right, up.at(v), "grid") for v in SHOWN_SHARES]
    marks += [label(38, up.at(v) + 4, percent(v), "tick", "end") for v in SHOWN_SHARES]
    marks += [label(across.at(v), bottom + 15, w, "tick", "middle") for v, w in across.ticks()]
    for style, curve in curves.items():
        path, share = [(across.left, bottom)], 0.0
        for age, reached in curve:
            path += [(across.at(age), up.at(share)), (across.at(age), up.at(reached))]
            share = reached
        path.append((across.right, up.at(share)))
        shown = " ".join(f"{x:.1f},{y:.1f}" for x, y in path)
        marks.append(f'<polyline points="{shown}" class="curve {style}"/>')
    return svg(612, bottom + 22, "Share of the outcomes that is known, by age in days", marks)
