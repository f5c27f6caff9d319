"""Section on labels: at which age outcomes become known."""

from markupsafe import Markup

from kpi_gate.report.html import fill
from kpi_gate.report.svg import Axis, axis_over, curve, label, legend, line, scale, svg
from kpi_gate.text import finite, mapping, percent, sequence

SHOWN_SHARES = (0.5, 0.95)
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
    recent = "recent events" if days is None else f"events of the last {days:g} days"
    return fill(
        "labels.html",
        sentence=f"{told['sentence']}{more}",
        figure=_figure({style: _points(told.get(name)) for name, style in CURVES}),
        legend=legend({"champion": "all events", "candidate": recent}),
    )


def _points(value: object) -> Curve:
    """Return the (days, share) pairs of a curve; broken ones are left out."""
    told = mapping(value)
    ages, shares = sequence(told.get("ages_days")), sequence(told.get("shares"))
    pairs = [(finite(age), finite(share)) for age, share in zip(ages, shares, strict=False)]
    return [(age, share) for age, share in pairs if age is not None and share is not None]


def _figure(curves: dict[str, Curve]) -> Markup | str:
    """Draw the curves as steps: an outcome is unknown until its moment."""
    across = axis_over([0.0, *(age for found in curves.values() for age, _ in found)], 0.0)
    if across is None or not any(curves.values()):
        return ""
    bottom = 130.0
    up = Axis(0.0, 1.0, bottom, 24.0)
    marks = [label(0, 14, "share of the outcomes that is known", "tick")]
    marks += [line(0, up.at(v), 100, up.at(v), "grid") for v in SHOWN_SHARES]
    marks += [label(0, up.at(v) + 16, percent(v), "tick") for v in SHOWN_SHARES]
    marks += scale(across, bottom, bottom)
    for style, found in curves.items():
        path, share = [(across.start, bottom)], 0.0
        for age, reached in found:
            path += [(across.at(age), up.at(share)), (across.at(age), up.at(reached))]
            share = reached
        path.append((across.end, up.at(share)))
        marks.append(curve(path, bottom, f"of-{style}"))
    marks.append(label(50, bottom + 36, "days since the event", "tick", "middle"))
    return svg(bottom + 42, "Share of the outcomes that is known, by days since the event", marks)
