"""A drawing of amounts over time: a line each, named at its end, marked where things happen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

from kpi_gate.report.charts import WIDTH, Axis, axis_over

HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 290, 66, 92, 12, 28
ABOVE = 13  # pixels between two names at the right edge
Points = Sequence[tuple[datetime, float]]


@dataclass(frozen=True)
class Line:
    """One amount over time.

    Attributes:
        name: Written at its end; empty for a part of another line.
        points: (moment, amount), in time order.
        colour: Such as `#0072b2`.
        dash: SVG dash pattern; empty for a solid line.
        width: In pixels.
        marks: (moment, amount, words) of things that happened, drawn as circles.
    """

    name: str
    points: Points
    colour: str
    dash: str = ""
    width: float = 2
    marks: Sequence[tuple[datetime, float, str]] = ()


def line_chart(lines: Sequence[Line], label: str) -> str:
    """Draw lines over time; empty where there is nothing to draw.

    Args:
        lines: What to draw; the last lies on top.
        label: What the drawing shows, for whoever cannot see it.
    """
    drawn = [line for line in lines if line.points]
    moments = [moment.timestamp() for line in drawn for moment, _ in line.points]
    across = axis_over(moments, LEFT, WIDTH - RIGHT, pad=0)
    up = axis_over([v for line in drawn for _, v in line.points], HEIGHT - BOTTOM, TOP)
    if across is None or up is None:
        return ""
    parts = (
        *_heights(up),
        *_dates(across),
        *(part for line in drawn for part in _drawn(line, across, up)),
        *_names(drawn, across, up),
    )
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}">'
        f"{''.join(parts)}</svg>"
    )


def _drawn(line: Line, across: Axis, up: Axis) -> Iterator[str]:
    style = f"stroke: {line.colour}; stroke-width: {line.width}"
    style += f"; stroke-dasharray: {line.dash}" if line.dash else ""
    places = " ".join(
        f"{across.at(moment.timestamp()):.1f},{up.at(value):.1f}" for moment, value in line.points
    )
    yield f'<polyline points="{places}" style="{style}"/>'
    for moment, value, words in line.marks:
        place = f'cx="{across.at(moment.timestamp()):.1f}" cy="{up.at(value):.1f}"'
        fill = f'style="fill: #fff; stroke: {line.colour}; stroke-width: 2.5"'
        yield f'<circle {place} r="5" {fill}><title>{escape(words)}</title></circle>'


def _names(lines: Sequence[Line], across: Axis, up: Axis) -> Iterator[str]:
    """Yield each name at the end of its line; names that would meet are moved apart."""
    last = -float("inf")
    named = (line for line in lines if line.name)
    for line in sorted(named, key=lambda found: up.at(found.points[-1][1])):
        last = max(up.at(line.points[-1][1]) + 4, last + ABOVE)
        x = across.at(line.points[-1][0].timestamp()) + 8
        style = f'style="fill: {line.colour}"'
        yield f'<text x="{x:.1f}" y="{last:.1f}" {style}>{escape(line.name)}</text>'


def _heights(up: Axis) -> Iterator[str]:
    for value, words in up.ticks():
        y = up.at(value)
        kind = "zero" if value == 0 else "grid"
        yield f'<line class="{kind}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text class="tick" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{words}</text>'


def _dates(across: Axis) -> Iterator[str]:
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        second = across.low + share * (across.high - across.low)
        x = across.at(second)
        words = f"{datetime.fromtimestamp(second, UTC):%Y-%m-%d}"
        foot = HEIGHT - BOTTOM
        yield f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{foot}" y2="{foot + 4}"/>'
        yield f'<text class="tick" x="{x:.1f}" y="{HEIGHT - 8}" text-anchor="middle">{words}</text>'
