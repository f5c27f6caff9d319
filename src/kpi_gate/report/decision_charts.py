"""Drawings of the decision page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kpi_gate.report.html import digits
from kpi_gate.report.svg import WIDTH, Axis, axis_over, bar, dot, label, line, polyline, scale, svg
from kpi_gate.text import finite

Points = Sequence[tuple[float, float]]


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


def gain_figure(rows: Sequence[Estimate], threshold: float, unit: str, decimals: int) -> str:
    """Draw estimates and the interval against zero and the threshold of a release."""
    values = [v for row in rows for v in (row.value, row.lower, row.upper)]
    axis = axis_over([*values, threshold, 0.0], 150, WIDTH - 12, pad=0.11)
    known = finite(threshold)
    if axis is None or known is None:
        return ""
    top, bottom = 24.0, 34.0 + 34 * len(rows)
    x = axis.at(known)
    words = f"worth a release: above {digits(known)} {unit}"
    fits = axis.right - x > 6.4 * len(words) + 12
    marks = [
        bar(x, axis.right, top, bottom - top, "worth"),
        *scale(axis, top, bottom),
        line(x, 10, x, bottom, "threshold"),
        label(x + 6 if fits else x - 6, 17, words, "name", "start" if fits else "end"),
    ]
    for i, row in enumerate(rows):
        marks += _estimate(row, axis, top + 22 + 34 * i, decimals)
    each = f"{unit} per decision"
    marks.append(label(axis.left - 12, bottom + 15, each, "tick", "end"))
    name = f"Gain against its threshold, {each}, candidate minus rival"
    return svg(WIDTH, bottom + 22, name, marks)


def _estimate(row: Estimate, axis: Axis, y: float, decimals: int) -> list[str]:
    """Draw one estimate: interval with its ends, mark and number."""
    if finite(row.value) is None:
        return []
    x, marks = axis.at(row.value), [label(axis.left - 12, y + 4, row.name, "name", "end")]
    shown, lower, upper = digits(row.value, decimals), finite(row.lower), finite(row.upper)
    if lower is not None and upper is not None:
        left, right = axis.at(lower), axis.at(upper)
        marks += [
            line(left, y, right, y, "interval"),
            label(left - 6, y + 4, digits(lower, decimals), "end", "end"),
            label(right + 6, y + 4, digits(upper, decimals), "end"),
        ]
    if row.booked:
        diamond = f'<path d="M{x:.1f} {y - 7:.1f}l7 7l-7 7l-7 -7z" class="booked"/>'
        return [*marks, diamond, label(x + 12, y + 4, shown, "strong")]
    if lower is None:
        name = label(x + 10, y + 4, shown, "strong")
    else:
        name = label(x, y - 9, shown, "strong", "middle")
    return [*marks, dot(x, y, 5.5, "dot"), name]


def pair_bars(champion: float | None, candidate: float | None, axis: Axis) -> str:
    """Draw the two sides of one part of the money from zero."""
    zero = axis.at(0.0)
    marks = [line(zero, 0, zero, 24, "axis")]
    for side, value, y in (("champion", champion, 4), ("candidate", candidate, 13)):
        if value is not None:
            marks.append(bar(zero, axis.at(value), y, 7, side))
    return svg(axis.right, 24, "champion above, candidate below", marks)


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
    return svg(axis.right, 20, "gain and its lower bound", [*marks, dot(x, 10, 4, "dot")])


def tornado(
    corners: Mapping[str, tuple[float, float]], estimate: float, threshold: float, decimals: int
) -> str:
    """Draw how far each value parameter moves the gain, in the order given."""
    ends = [v for both in corners.values() for v in both]
    axis = axis_over([*ends, estimate, threshold], 170, WIDTH - 12, pad=0.14)
    if axis is None:
        return ""
    bottom = 28.0 + 26 * len(corners)
    start, least = axis.at(estimate), axis.at(threshold)
    marks = [*scale(axis, 20, bottom), line(least, 8, least, bottom, "threshold")]
    side, anchor = (-6, "end") if least < start else (6, "start")
    marks.append(label(least + side, 16, "threshold", "name", anchor))
    for i, (name, (low, high)) in enumerate(corners.items()):
        y = 26.0 + 26 * i
        marks.append(label(axis.left - 12, y + 13, name[:28], "name", "end"))
        for value, word in ((low, "low"), (high, "high")):
            end, shown = axis.at(value), digits(value, decimals)
            marks.append(bar(start, end, y, 17, word))
            if value < max(low, high) or (low == high and word == "low"):
                marks.append(label(end - 6, y + 13, f"{word} {shown}", "end", "end"))
            else:
                marks.append(label(end + 6, y + 13, f"{shown} {word}", "end"))
    marks.append(line(start, 20, start, bottom, "estimate"))
    return svg(WIDTH, bottom + 22, "Gain at the low and high end of each value parameter", marks)


def calibration_figure(sides: Mapping[str, Points]) -> str:
    """Draw mean outcome against mean probability; on the diagonal a probability is what it says."""
    known = [v for points in sides.values() for point in points for v in point]
    across = axis_over([0.0, *known], 44, 330, pad=0.0)
    if not known or across is None:
        return ""
    top, bottom = 8.0, 258.0
    up = Axis(across.low, across.high, bottom, top)
    marks = [*scale(across, top, bottom), line(44, bottom, 330, top, "zero")]
    marks += [label(38, up.at(v) + 4, words, "tick", "end") for v, words in up.ticks()]
    for side, points in sides.items():
        pixels = [(across.at(p), up.at(y)) for p, y in points]
        marks.append(polyline(pixels, f'class="curve {side}"'))
        marks += [dot(x, y, 3.5, side) for x, y in pixels]
    marks.append(label(187, bottom + 31, "mean predicted probability", "tick", "middle"))
    return svg(342, bottom + 36, "Mean outcome against mean predicted probability", marks)
