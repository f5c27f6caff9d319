"""Drawings of the decision page: inline SVG from plain numbers, no script, no outside resource."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from kpi_gate.text import finite, number, places

Points = Sequence[tuple[float, float]]
WIDTH = 852
MAX_TICKS = 9


@dataclass(frozen=True)
class Axis:
    """Linear map from values to pixels.

    Attributes:
        low: Smallest value shown.
        high: Largest value shown.
        left: Pixel of `low`.
        right: Pixel of `high`.
    """

    low: float
    high: float
    left: float
    right: float

    def at(self, value: float) -> float:
        """Return the pixel of a value."""
        return self.left + (value - self.low) / (self.high - self.low) * (self.right - self.left)

    def ticks(self) -> list[tuple[float, str]]:
        """Return round values with their labels."""
        raw = (self.high - self.low) / 7
        power = 10.0 ** math.floor(math.log10(raw))
        step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw)
        first = math.ceil(self.low / step)
        count = min(math.floor(self.high / step) - first + 1, MAX_TICKS)
        values = [(first + i) * step for i in range(count)]
        return [(value, digits(value, places(step, 1))) for value in values]


def axis_over(
    values: Sequence[object], left: float, right: float, pad: float = 0.06
) -> Axis | None:
    """Return the axis that shows all finite values; None where there is nothing to draw."""
    known = [value for value in map(finite, values) if value is not None]
    largest = max(map(abs, known), default=math.inf)
    if not largest < 1e15:
        return None
    low, high = min(known), max(known)
    # values that agree to nine digits are drawn as one point in the middle
    span = high - low if high - low > 1e-9 * max(largest, 1e-3) else max(largest, 1e-3)
    middle, half = (low + high) / 2, span * (0.5 + pad)
    return Axis(middle - half, middle + half, left, right)


def digits(value: object, decimals: int | None = None, *, sign: bool = False) -> str:
    """Write a number for the page, with a real minus sign."""
    return number(value, decimals, sign=sign).replace("-", "−")


def label(x: float, y: float, words: str, style: str = "", anchor: str = "start") -> str:
    """Return a text element; `words` are escaped here."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{style}">'
        f"{escape(words)}</text>"
    )


def line(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    """Return a line element."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{style}"/>'


def bar(x1: float, x2: float, y: float, height: float, style: str) -> str:
    """Return a horizontal bar between two pixels, at least one pixel wide."""
    place = f'x="{min(x1, x2):.1f}" y="{y:.1f}" width="{max(abs(x2 - x1), 1.0):.1f}"'
    return f'<rect {place} height="{height:g}" class="{style}"/>'


def svg(width: float, height: float, name: str, marks: Sequence[str]) -> str:
    """Return the drawing; `name` is read out to those who cannot see it."""
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" '
        f'role="img" aria-label="{escape(name)}">{"".join(marks)}</svg>'
    )


def _scale(axis: Axis, top: float, bottom: float) -> list[str]:
    """Return the axis at the bottom with its ticks."""
    marks = [line(axis.left, bottom, axis.right, bottom, "axis")]
    for value, words in axis.ticks():
        x = axis.at(value)
        marks.append(line(x, top, x, bottom, "zero" if abs(value) < 1e-12 else "grid"))
        marks.append(label(x, bottom + 15, words, "tick", "middle"))
    return marks


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
    worth = f"worth a release: above {digits(known)} {unit}"
    fits = axis.right - x > 6.4 * len(worth) + 12
    marks = [
        bar(x, axis.right, top, bottom - top, "worth"),
        *_scale(axis, top, bottom),
        line(x, 10, x, bottom, "threshold"),
        label(x + 6 if fits else x - 6, 17, worth, "name", "start" if fits else "end"),
    ]
    for i, row in enumerate(rows):
        marks += _estimate(row, axis, top + 22 + 34 * i, decimals)
    words = f"{unit} per decision, candidate minus rival"
    marks.append(label(axis.left - 12, bottom + 15, f"{unit} per decision", "tick", "end"))
    return svg(WIDTH, bottom + 22, f"Gain against its threshold, {words}", marks)


def _estimate(row: Estimate, axis: Axis, y: float, decimals: int) -> list[str]:
    """Draw one estimate: interval with its ends, mark and number."""
    if finite(row.value) is None:
        return []
    x, marks = axis.at(row.value), [label(axis.left - 12, y + 4, row.name, "name", "end")]
    lower, upper = finite(row.lower), finite(row.upper)
    if lower is not None and upper is not None:
        left, right = axis.at(lower), axis.at(upper)
        marks += [
            line(left, y, right, y, "interval"),
            label(left - 6, y + 4, digits(lower, decimals), "end", "end"),
            label(right + 6, y + 4, digits(upper, decimals), "end"),
        ]
    shown = digits(row.value, decimals)
    if row.booked:
        marks.append(f'<path d="M{x:.1f} {y - 7:.1f}l7 7l-7 7l-7 -7z" class="booked"/>')
        marks.append(label(x + 12, y + 4, shown, "strong"))
    else:
        style, anchor, dy = (
            ("strong", "middle", -9) if lower is not None else ("strong", "start", 4)
        )
        marks.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5.5" class="dot"/>')
        marks.append(label(x if lower is not None else x + 10, y + dy, shown, style, anchor))
    return marks


def pair_bars(champion: float | None, candidate: float | None, axis: Axis) -> str:
    """Draw the two sides of one part of the money from zero."""
    zero = axis.at(0.0)
    marks = [line(zero, 0, zero, 24, "axis")]
    if champion is not None:
        marks.append(bar(zero, axis.at(champion), 4, 7, "champion"))
    if candidate is not None:
        marks.append(bar(zero, axis.at(candidate), 13, 7, "candidate"))
    return svg(axis.right, 24, "champion above, candidate below", marks)


def slice_mark(estimate: float, lower: float | None, margin: float | None, axis: Axis) -> str:
    """Draw the gain of one slice down to its lower bound, against zero and what it may lose."""
    if finite(estimate) is None:
        return ""
    marks = [line(axis.at(0.0), 0, axis.at(0.0), 20, "zero")]
    if margin is not None:
        marks.append(line(axis.at(margin), 0, axis.at(margin), 20, "threshold"))
    if lower is not None:
        marks.append(line(axis.at(lower), 10, axis.at(estimate), 10, "interval thin"))
        marks.append(line(axis.at(lower), 6, axis.at(lower), 14, "interval thin"))
    marks.append(f'<circle cx="{axis.at(estimate):.1f}" cy="10" r="4" class="dot"/>')
    return svg(axis.right, 20, "gain and its lower bound", marks)


def tornado(
    corners: Mapping[str, tuple[float, float]], estimate: float, threshold: float, decimals: int
) -> str:
    """Draw how far each value parameter moves the gain, the strongest first."""
    ends = [v for both in corners.values() for v in both]
    axis = axis_over([*ends, estimate, threshold], 170, WIDTH - 12, pad=0.14)
    if axis is None:
        return ""
    ranked = sorted(corners.items(), key=lambda item: -abs(item[1][1] - item[1][0]))
    bottom = 28.0 + 26 * len(ranked)
    start, least = axis.at(estimate), axis.at(threshold)
    marks = [*_scale(axis, 20, bottom), line(least, 8, least, bottom, "threshold")]
    right = least < start
    marks.append(
        label(least + (-6 if right else 6), 16, "threshold", "name", "end" if right else "start")
    )
    for i, (name, (low, high)) in enumerate(ranked):
        y = 26.0 + 26 * i
        marks.append(label(axis.left - 12, y + 13, name[:28], "name", "end"))
        for value, style, word in ((low, "low", "low"), (high, "high", "high")):
            end = axis.at(value)
            side = -6 if value < max(low, high) or (low == high and word == "low") else 6
            marks.append(bar(start, end, y, 17, style))
            shown = digits(value, decimals)
            words = f"{word} {shown}" if side < 0 else f"{shown} {word}"
            marks.append(label(end + side, y + 13, words, "end", "end" if side < 0 else "start"))
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
    marks = [*_scale(across, top, bottom), line(44, bottom, 330, top, "zero")]
    marks += [label(38, up.at(v) + 4, words, "tick", "end") for v, words in up.ticks()]
    for side, points in sides.items():
        pixels = [(across.at(p), up.at(y)) for p, y in points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in pixels)
        marks.append(f'<polyline points="{path}" class="curve {side}"/>')
        marks += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" class="{side}"/>' for x, y in pixels]
    marks.append(label(187, bottom + 31, "mean predicted probability", "tick", "middle"))
    return svg(342, bottom + 36, "Mean outcome against mean predicted probability", marks)
