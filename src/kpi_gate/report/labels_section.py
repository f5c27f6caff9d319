"""Section on labels: at which age outcomes become known."""

from kpi_gate.report.html import fill
from kpi_gate.report.svg import Axis, axis_over, label, line, polyline, svg
from kpi_gate.text import finite, mapping, percent, sequence

SHOWN_SHARES = (0.0, 0.5, 0.95)
Curve = list[tuple[float, float]]
CURVES = (("curve", "champion"), ("recent", "candidate"))  # grey and dashed, blue


def labels_section(note: object, more: str = "") -> str:
    """Say how labels mature, and draw both curves; empty where nothing is known.

    Args:
        note: What `Maturity.note` gave.
        more: What follows the sentence.
    """
    told = mapping(note)
    if not told.get("sentence"):
        return ""
    days = finite(told.get("recent_days"))
    return fill(
        "labels.html",
        sentence=f"{told['sentence']}{more}",
        recent="recent events" if days is None else f"events of the last {days:g} days",
        figure=_figure({style: _points(told.get(name)) for name, style in CURVES}),
    )


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
        marks.append(polyline(path, f'class="curve {style}"'))
    return svg(612, bottom + 22, "Share of the outcomes that is known, by age in days", marks)
