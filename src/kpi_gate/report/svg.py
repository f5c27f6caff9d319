"""Inline SVG from plain numbers: an axis, and the marks that every drawing is made of."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from markupsafe import Markup

from kpi_gate.report.html import digits
from kpi_gate.text import finite, places

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


def label(x: float, y: float, words: str, style: str = "", anchor: str = "start") -> str:
    """Return a text element; `words` are escaped here."""
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {place} class="{style}">{escape(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    """Return a line element."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{style}"/>'


def bar(x1: float, x2: float, y: float, height: float, style: str) -> str:
    """Return a horizontal bar between two pixels, at least one pixel wide."""
    place = f'x="{min(x1, x2):.1f}" y="{y:.1f}" width="{max(abs(x2 - x1), 1.0):.1f}"'
    return f'<rect {place} height="{height:g}" class="{style}"/>'


def dot(x: float, y: float, radius: float, style: str) -> str:
    """Return a filled circle."""
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" class="{style}"/>'


def polyline(points: Iterable[tuple[float, float]], attributes: str) -> str:
    """Return a line through pixels."""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" {attributes}/>'


def scale(axis: Axis, top: float, bottom: float) -> list[str]:
    """Return a horizontal axis at the bottom with its ticks."""
    marks = [line(axis.left, bottom, axis.right, bottom, "axis")]
    for value, words in axis.ticks():
        x = axis.at(value)
        marks.append(line(x, top, x, bottom, "zero" if abs(value) < 1e-12 else "grid"))
        marks.append(label(x, bottom + 15, words, "tick", "middle"))
    return marks


def svg(width: float, height: float, name: str, marks: Iterable[str]) -> Markup:
    """Return the drawing; `name` is read out to those who cannot see it."""
    box = f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}"'
    drawn = f'<svg {box} role="img" aria-label="{escape(name)}">{"".join(marks)}</svg>'
    return Markup(drawn)  # noqa: S704  (made of numbers, and of words that were escaped)
