"""Inline SVG whose words keep their size: places across are shares of the width, heights pixels."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from markupsafe import Markup

from kpi_gate.report.html import digits
from kpi_gate.text import clean, finite, places

NARROWEST = 290  # pixels that a drawing has on a phone
LETTER = 8.5  # pixels of one at 14 px, at most
EDGE = 10  # percent of the width within which a label must not stand in the middle of its place


@dataclass(frozen=True)
class Axis:
    """Linear map from values to places.

    Attributes:
        low: Smallest value shown.
        high: Largest value shown.
        start: Place of `low`: percent of the width, or pixels from above.
        end: Place of `high`.
    """

    low: float
    high: float
    start: float = 0.0
    end: float = 100.0

    def at(self, value: float) -> float:
        """Return the place of a value."""
        share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self, most: int = 6) -> list[tuple[float, str]]:
        """Return round values with their labels, as many as a narrow drawing has room for."""
        for parts in range(most, 0, -1):
            raw = (self.high - self.low) / parts
            power = 10.0 ** math.floor(math.log10(raw))
            step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw)
            first = math.ceil(self.low / step)
            count = math.floor(self.high / step) - first + 1
            values = [(first + i) * step for i in range(min(count, most + 1))]
            found = [(value, digits(value, places(step, 1))) for value in values]
            if sum(len(words) + 1 for _, words in found) * LETTER <= NARROWEST:
                break
        return found


def axis_over(
    values: Iterable[object], pad: float = 0.04, start: float = 0.0, end: float = 100.0
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
    return Axis(middle - half, middle + half, start, end)


def label(x: float, y: float, words: str, style: str = "", anchor: str = "start") -> str:
    """Return a text element; `words` are escaped here."""
    place = f'x="{x:.2f}%" y="{y:.0f}" text-anchor="{anchor}"'
    return f'<text {place} class="{style}">{escape(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    """Return a line element."""
    return f'<line x1="{x1:.2f}%" y1="{y1:.1f}" x2="{x2:.2f}%" y2="{y2:.1f}" class="{style}"/>'


def bar(x1: float, x2: float, y: float, height: float, style: str) -> str:
    """Return a horizontal bar between two places, never too thin to be seen."""
    place = f'x="{min(x1, x2):.2f}%" y="{y:.1f}" width="{max(abs(x2 - x1), 0.4):.2f}%"'
    return f'<rect {place} height="{height:g}" class="{style}"/>'


def dot(x: float, y: float, radius: float, style: str, words: str = "") -> str:
    """Return a circle; `words` are what it says when it is pointed at."""
    said = f"<title>{escape(words)}</title>" if words else ""
    return f'<circle cx="{x:.2f}%" cy="{y:.1f}" r="{radius:g}" class="{style}">{said}</circle>'


def curve(points: Iterable[tuple[float, float]], height: float, style: str) -> str:
    """Return a line through points; it is as thick as others however wide the drawing is."""
    path = " ".join(f"{x:.2f},{y:.1f}" for x, y in points)
    drawn = f'<polyline points="{path}" class="{style}"/>'
    stretched = f'viewBox="0 0 100 {height:g}" preserveAspectRatio="none"'
    return f'<svg width="100%" height="{height:g}" {stretched}>{drawn}</svg>'


def scale(axis: Axis, top: float, bottom: float) -> list[str]:
    """Return a horizontal axis at the bottom with its ticks."""
    marks = [line(axis.start, bottom, axis.end, bottom, "axis")]
    for value, words in axis.ticks():
        x = axis.at(value)
        marks.append(line(x, top, x, bottom, "zero" if abs(value) < 1e-12 else "grid"))
        marks.append(label(x, bottom + 17, words, "tick", _anchor(x)))
    return marks


def _anchor(x: float) -> str:
    return "start" if x < EDGE else "end" if x > 100 - EDGE else "middle"


def svg(height: float, name: str, marks: Iterable[str]) -> Markup:
    """Return the drawing; `name` is read out to those who cannot see it."""
    box = f'width="100%" height="{height:g}" role="img"'
    drawn = f'<svg {box} aria-label="{escape(clean(name))}">{"".join(marks)}</svg>'
    return Markup(drawn)  # noqa: S704  (made of numbers, and of words that were escaped)


def bars(
    rows: Sequence[tuple[str, Sequence[tuple[float, str]]]], name: str, thick: float = 9
) -> Markup | str:
    """Draw bars from zero under their words; empty where there is nothing.

    Args:
        rows: (words, bars) in order; a bar is its value and its style.
        name: What is drawn, for whoever cannot see it; the words are added.
        thick: Pixels of a bar.
    """
    axis = axis_over([0.0, *(value for _, drawn in rows for value, _ in drawn)], pad=0.0)
    if not rows or axis is None:
        return ""
    marks, y = [], 0.0
    for words, drawn in rows:
        marks.append(label(0, y + 16, words))
        y += 22
        for value, style in drawn:
            marks.append(bar(axis.at(0.0), axis.at(value), y, thick, style))
            y += thick + 1
        y += 8
    return svg(y, f"{name}: {'; '.join(words for words, _ in rows)}", marks)


def legend(samples: Mapping[str, str]) -> Markup:
    """Return what the lines of a drawing are: words by the style of the line."""
    shown = "".join(
        f'<li><svg aria-hidden="true"><polyline points="0,5 30,5" class="of-{style}"/></svg>'
        f"{escape(clean(words))}</li>"
        for style, words in samples.items()
    )
    return Markup(f'<ul class="legend">{shown}</ul>')  # noqa: S704  (escaped above)
