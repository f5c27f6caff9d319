"""Drawings of the decision page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from kpi_gate.report.html import digits
from kpi_gate.report.svg import Axis, axis_over, bar, curve, dot, label, line, scale, svg
from kpi_gate.text import finite

Points = Sequence[tuple[float, float]]
ROW = 46  # pixels of a row: its words, and beneath them what is drawn


@dataclass(frozen=True)
class Estimate:
    """One row of the gain figure.

    Attributes:
        name: What the row shows.
        value: Where the mark stands.
        lower: Lower end of the interval, if there is one.
        upper: Upper end of the interval, if there is one.
        booked: Whether this is the number that is booked: a diamond instead of a dot.
    """

    name: str
    value: float
    lower: float | None = None
    upper: float | None = None
    booked: bool = False


def gain_figure(
    rows: Sequence[Estimate], threshold: float, unit: str, decimals: int
) -> Markup | str:
    """Draw estimates and the interval against zero and the threshold of a release."""
    values = [v for row in rows for v in (row.value, row.lower, row.upper)]
    axis, known = axis_over([*values, threshold, 0.0]), finite(threshold)
    if axis is None or known is None:
        return ""
    bottom, x = 8.0 + ROW * len(rows), axis.at(known)
    # behind what is drawn, not behind words
    marks = [bar(x, axis.end, ROW * i + 25, 18, "worth") for i in range(len(rows))]
    marks += scale(axis, 0, bottom)
    marks.append(line(x, 0, x, bottom, "threshold"))
    told: list[str] = []
    for i, row in enumerate(rows):
        drawn, words = _estimate(row, axis, ROW * i, decimals)
        marks += drawn
        told += words
    marks.append(label(50, bottom + 36, f"{unit} per decision", "tick", "middle"))
    name = f"Gain, {unit} per decision: {'; '.join(told)}; a release needs {digits(known)}"
    return svg(bottom + 42, name, marks)


def _estimate(
    row: Estimate, axis: Axis, top: float, decimals: int
) -> tuple[list[str], Sequence[str]]:
    """Draw one estimate under its words: interval with its ends, and mark; return its words too."""
    if finite(row.value) is None:
        return [], ()
    words, y = f"{row.name} {digits(row.value, decimals)}", top + 34
    lower, upper, x, marks = finite(row.lower), finite(row.upper), axis.at(row.value), []
    if lower is not None and upper is not None:
        words += f" ({digits(lower, decimals)} to {digits(upper, decimals)})"
        marks.append(line(axis.at(lower), y, axis.at(upper), y, "interval"))
    if row.booked:  # a diamond: a square that stands on its corner keeps its place at any width
        place = f'<svg x="{x:.2f}%" y="{y:.0f}" class="corner">'
        marks.append(f'{place}<path d="M0 -7l7 7l-7 7l-7 -7z" class="booked"/></svg>')
    else:
        marks.append(dot(x, y, 5.5, "dot"))
    return [*marks, label(0, top + 20, words, "strong" if row.booked else "")], (words,)


def pair_bars(champion: float | None, candidate: float | None, axis: Axis) -> Markup:
    """Draw the two sides of one part of the money from zero."""
    zero, marks = axis.at(0.0), []
    for side, value, y in (("champion", champion, 3), ("candidate", candidate, 12)):
        if value is not None:
            marks.append(bar(zero, axis.at(value), y, 8, side))
    marks.append(line(zero, 0, zero, 23, "axis"))
    return svg(23, "the two numbers of this row, champion above, candidate below", marks)


def slice_mark(estimate: float, lower: float | None, margin: float | None, axis: Axis) -> str:
    """Draw the gain of one slice down to its lower bound, against zero and what it may lose."""
    if finite(estimate) is None:
        return ""
    zero, x = axis.at(0.0), axis.at(estimate)
    marks = [line(zero, 0, zero, 20, "zero")]
    if margin is not None:
        marks.append(line(axis.at(margin), 0, axis.at(margin), 20, "threshold"))
    if lower is not None:
        end = axis.at(lower)
        marks += [line(end, 10, x, 10, "interval thin"), line(end, 6, end, 14, "interval thin")]
    return svg(20, "gain and lower bound of this row", [*marks, dot(x, 10, 4, "dot")])


def tornado(
    corners: Mapping[str, tuple[float, float]],
    estimate: float,
    threshold: float,
    unit: str,
    decimals: int,
) -> Markup | str:
    """Draw how far each value parameter moves the gain, in the order given."""
    ends = [v for both in corners.values() for v in both]
    axis = axis_over([*ends, estimate, threshold])
    if axis is None:
        return ""
    bottom, start = 6.0 + ROW * len(corners), axis.at(estimate)
    marks, told = [*scale(axis, 0, bottom)], []
    marks.append(line(axis.at(threshold), 0, axis.at(threshold), bottom, "threshold"))
    for i, (name, (low, high)) in enumerate(corners.items()):
        y = ROW * i + 24.0
        for value, word in ((low, "low"), (high, "high")):
            marks.append(bar(start, axis.at(value), y, 17, word))
        told.append(f"{name}: low {digits(low, decimals)}, high {digits(high, decimals)}")
        marks.append(label(0, ROW * i + 18, told[-1]))
    marks.append(line(start, 0, start, bottom, "estimate"))
    marks.append(label(50, bottom + 36, f"gain, {unit} per decision", "tick", "middle"))
    return svg(bottom + 42, f"Gain at the ends of each value parameter: {'; '.join(told)}", marks)


def calibration_figure(sides: Mapping[str, Points]) -> Markup | str:
    """Draw mean outcome against mean probability; on the diagonal a probability is what it says."""
    known = [v for points in sides.values() for point in points for v in point]
    across, up = axis_over([0.0, *known], 0.02), axis_over([0.0, *known], 0.02, 258, 24)
    if not known or across is None or up is None:
        return ""
    marks = [label(0, 14, "mean outcome", "tick"), *scale(across, 24, 258)]
    marks.append(line(across.start, up.start, across.end, up.end, "zero"))
    marks += [label(0, up.at(v) - 3, words, "tick") for v, words in up.ticks() if v]
    for side, points in sides.items():
        places = [(across.at(p), up.at(y)) for p, y in points]
        marks.append(curve(places, 258, f"of-{side}"))
        marks += [dot(x, y, 3.5, side) for x, y in places]
    marks.append(label(50, 294, "mean predicted probability", "tick", "middle"))
    return svg(300, "Mean outcome against mean predicted probability, by tenth of the rows", marks)
